//! What registries say of how often they may be asked, beside `Retry-After`.

use std::time::Duration;

use http::HeaderMap;

/// Docker Hub's headers (its documentation, "Usage and limits"): `100;w=21600`, `0;w=21600`, and whom it counts.
const HEADERS: [&str; 3] = ["ratelimit-limit", "ratelimit-remaining", "docker-ratelimit-source"];

/// The limit of pulls by the headers, none if they do not give one.
pub(super) fn limit(headers: &HeaderMap) -> Option<String> {
    let said = HEADERS.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        Some(format!("{name}: {}", oci::text::sanitize_line(value)))
    });
    let said: Vec<_> = said.collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// Whether this was the last answer before the limit.
pub(super) fn is_used_up(headers: &HeaderMap) -> bool {
    let remaining = headers.get("ratelimit-remaining").and_then(|value| value.to_str().ok());
    remaining.and_then(|value| value.split(';').next()).is_some_and(|left| left.trim() == "0")
}

/// What a message asks for: `retry-after: 880µs, allowed: 44000/minute` is what ghcr.io says, and no header.
pub(super) fn delay_in(message: &str) -> Option<Duration> {
    let at = message.to_ascii_lowercase().find("retry-after:")?;
    let rest = message.get(at + "retry-after:".len()..)?.trim_start();
    let word = rest.split([',', ' ', ';']).next()?;
    word.parse().map(Duration::from_secs).ok().or_else(|| go_duration(word))
}

/// A duration as Go writes it: `880µs`, `1m30.5s`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, unit) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, more) = unit.split_at(end);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(part)?;
        rest = more;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_delay_in_a_message() {
        for (message, expected) in [
            ("retry-after: 880µs, allowed: 44000/minute", Some(Duration::from_micros(880))),
            ("toomanyrequests: Retry-After: 1m30.5s", Some(Duration::from_millis(90_500))),
            ("retry-after: 7", Some(Duration::from_secs(7))),
            ("retry-after: 1h2m", Some(Duration::from_secs(3720))),
            ("retry-after: soon", None),
            ("retry-after: 99999999999999999999h", None),
            ("retry-after: -1s", None),
            ("retry-after: 1.2.3s", None),
            ("retry-after:", None),
            ("too many", None),
        ] {
            assert_eq!(delay_in(message), expected, "{message}");
        }
    }

    #[test]
    fn reads_the_headers_of_docker_hub() {
        let mut headers = HeaderMap::new();
        assert_eq!((limit(&headers), is_used_up(&headers)), (None, false));
        headers.insert("ratelimit-limit", "100;w=21600".parse().unwrap());
        headers.insert("ratelimit-remaining", "0;w=21600".parse().unwrap());
        headers.insert("docker-ratelimit-source", "192.0.2.1".parse().unwrap());
        let said = "ratelimit-limit: 100;w=21600, ratelimit-remaining: 0;w=21600, docker-ratelimit-source: 192.0.2.1";
        assert_eq!((limit(&headers).as_deref(), is_used_up(&headers)), (Some(said), true));
    }
}
