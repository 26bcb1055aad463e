use std::time::{Duration, SystemTime};

use aws_sdk_ecr::primitives::{DateTime, DateTimeFormat};

/// What `Retry-After` asks for: seconds, or a date (RFC 9110, section 10.2.3). None for a date that has passed or
/// anything else.
pub(crate) fn delay(header: Option<&str>, now: SystemTime) -> Option<Duration> {
    let text = header?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::from_str(text, DateTimeFormat::HttpDate).ok()?;
    SystemTime::try_from(date).ok()?.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_seconds_and_dates() {
        // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (header, expected) in [
            (Some("120"), Some(120)),
            (Some(" 0 "), Some(0)),
            (Some("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10)),
            (Some("Sun, 06 Nov 1994 08:49:27 GMT"), None),
            (Some("-1"), None),
            (Some("soon"), None),
            (Some(""), None),
            (None, None),
        ] {
            assert_eq!(delay(header, then), expected.map(Duration::from_secs), "{header:?}");
        }
    }
}
