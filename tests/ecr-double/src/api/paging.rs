//! Pages with opaque tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::refusal::Refusal;

/// `nextToken` and `maxResults`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Page {
    pub(crate) next_token: Option<String>,
    pub(crate) max_results: Option<i64>,
}

impl Page {
    /// Cuts a page out of all items, which have to come in the same order every time.
    pub(crate) fn cut<T>(
        &self,
        items: Vec<T>,
        default: usize,
        max: usize,
    ) -> Result<(Vec<T>, Option<String>), Refusal> {
        let size = match self.max_results {
            None => default,
            Some(wanted) => usize::try_from(wanted).ok().filter(|size| (1..=max).contains(size)).ok_or_else(|| {
                Refusal::parameter("maxResults", &format!("Member must have value between 1 and {max}"))
            })?,
        };
        let start = match &self.next_token {
            None => 0,
            Some(token) => open(token).ok_or_else(|| Refusal::invalid("Invalid parameter at 'nextToken'"))?,
        };
        let more = items.len() > start + size;
        let page = items.into_iter().skip(start).take(size).collect();
        Ok((page, more.then(|| seal(start + size))))
    }
}

/// An opaque token: nothing a client could guess from the items.
pub(crate) fn seal(start: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("ecr-page:{start}:{}", !start))
}

pub(crate) fn open(token: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (start, check) = text.strip_prefix("ecr-page:")?.split_once(':')?;
    let start: usize = start.parse().ok()?;
    (check == (!start).to_string()).then_some(start)
}
