//! A text read in one of the ways in which it may hold a secret.

use std::ops::Range;

use crate::text::is_unsafe;

/// Ends each piece of base64. It is in no text.
pub(super) const END: u8 = 0xff;

/// Fewer characters of base64 hold no secret.
const SHORTEST_RUN: usize = 6;

/// The longest escape, in bytes: `\u{10ffff}`.
const LONGEST_ESCAPE: usize = 10;

/// No more of an address is looked at, in bytes.
pub(super) const LONGEST_ADDRESS: usize = 2 << 10;

/// What values in JSON are called that are secret, whoever wrote them: by credential helpers, in files of logins, by
/// token servers and by AWS. Without the `_` that some have in them.
const NAMES: [&[u8]; 13] = [
    b"accesstoken",
    b"auth",
    b"authorizationtoken",
    b"clientsecret",
    b"idtoken",
    b"identitytoken",
    b"password",
    b"refreshtoken",
    b"registrytoken",
    b"secret",
    b"secretaccesskey",
    b"sessiontoken",
    b"token",
];

/// No name of these is longer, in bytes.
const LONGEST_NAME: usize = 20;

/// What a text means when it is read in one way, and where that stands in it.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// From where to where each byte stands in the text.
    places: Vec<(usize, usize)>,
}

/// Which two bytes follow each other in a view, but for some that look the same. It spares looking through the view for
/// most secrets.
pub(super) struct Pairs([bool; PAIRS]);

const PAIRS: usize = 1 << 12;

/// Upper case as lower case, and a space as forms write it.
pub(super) fn fold(byte: u8) -> u8 {
    if byte == b'+' { b' ' } else { byte.to_ascii_lowercase() }
}

impl View {
    /// The text as it is.
    pub(super) fn plain(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), places: (0..text.len()).map(|at| (at, at + 1)).collect() }
    }

    /// The text with what its escapes stand for, and without characters that show nothing.
    pub(super) fn decoded(text: &str) -> Self {
        let mut view = Self { bytes: Vec::with_capacity(text.len()), places: Vec::with_capacity(text.len()) };
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let start = text.len() - rest.len();
            let length = match escape(rest) {
                Some((Escape::Byte(byte), length)) => {
                    view.bytes.push(byte);
                    length
                }
                Some((Escape::Char(c), length)) => {
                    view.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    length
                }
                None if next == '\n' || is_unsafe(next) => next.len_utf8(),
                None => {
                    view.bytes.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
                    next.len_utf8()
                }
            };
            view.places.resize(view.bytes.len(), (start, start + length));
            rest = rest.get(length..).unwrap_or_default();
        }
        view
    }

    /// What the escapes stand for that are in it once its own are read.
    pub(super) fn again(&self) -> Option<Self> {
        let text = str::from_utf8(&self.bytes).ok()?;
        let mut inner = Self::decoded(text);
        if inner.bytes == self.bytes {
            return None;
        }
        for place in &mut inner.places {
            *place = (self.places.get(place.0)?.0, self.places.get(place.1.checked_sub(1)?)?.1);
        }
        Some(inner)
    }

    /// What each piece of base64 in it, less its first characters, stands for: of all in that a secret was written with
    /// something before it, one is right.
    pub(super) fn base64(&self, skipped: usize) -> Self {
        let mut view = Self { bytes: vec![], places: vec![] };
        let mut at = 0;
        for run in self.bytes.split(|byte| sextet(*byte).is_none()) {
            let end = at + run.len();
            if run.len() >= SHORTEST_RUN {
                let places = self.places.get(at..end).unwrap_or_default();
                view.decode(run.get(skipped..).unwrap_or_default(), places.get(skipped..).unwrap_or_default());
                view.bytes.push(END);
                view.places.push((0, 0));
            }
            at = end + 1;
        }
        view
    }

    fn decode(&mut self, run: &[u8], places: &[(usize, usize)]) {
        for (group, places) in run.chunks(4).zip(places.chunks(4)) {
            let bits = group.iter().filter_map(|byte| sextet(*byte)).fold(0, |bits, sextet| bits << 6 | sextet);
            let bits = bits << (6 * (4 - group.len()));
            // Two characters hold one byte, three hold two.
            let bytes = bits.to_be_bytes().into_iter().skip(1).take(group.len() - 1);
            for (byte, (first, last)) in bytes.zip(places.iter().zip(places.iter().skip(1))) {
                self.bytes.push(byte);
                self.places.push((first.0, last.1));
            }
        }
    }

    /// The same as secrets are compared.
    pub(super) fn folded(mut self) -> Self {
        self.bytes.iter_mut().for_each(|byte| *byte = fold(*byte));
        self
    }

    pub(super) fn pairs(&self) -> Pairs {
        let mut pairs = [false; PAIRS];
        for pair in pairs_of(&self.bytes) {
            if let Some(is_there) = pairs.get_mut(pair) {
                *is_there = true;
            }
        }
        Pairs(pairs)
    }

    /// Where a secret is in the text: anywhere, or only as a word.
    pub(super) fn find(&self, secret: &[u8], as_word: bool) -> Vec<Range<usize>> {
        let is_inside =
            |at: Option<usize>| at.and_then(|at| self.bytes.get(at)).is_some_and(|byte| byte.is_ascii_alphanumeric());
        let windows = self.bytes.windows(secret.len().max(1)).enumerate();
        let found = windows.filter(|(_, window)| *window == secret).map(|(at, _)| (at, at + secret.len()));
        let found = found.filter(|(from, to)| !as_word || !is_inside(from.checked_sub(1)) && !is_inside(Some(*to)));
        found.filter_map(|(from, to)| self.place(from, to)).collect()
    }

    /// Where addresses name a user: between `//` and the last `@` before the path.
    pub(super) fn users(&self) -> Vec<Range<usize>> {
        let slashes = self.bytes.windows(2).enumerate().filter(|(_, pair)| *pair == b"//").map(|(at, _)| at);
        let users = slashes.filter_map(|at| {
            let before = at.checked_sub(1).and_then(|before| self.bytes.get(before));
            if before.is_some_and(|byte| *byte != b':' && *byte != b'=' && !ends_word(*byte)) {
                return None;
            }
            let rest = self.bytes.get(at + 2..)?;
            let word = rest.get(..LONGEST_ADDRESS).unwrap_or(rest).split(|byte| ends_word(*byte)).next()?;
            let length = user_in(word)?;
            self.place(at + 2, at + 2 + length)
        });
        users.collect()
    }

    /// Where values in JSON stand that are called secret. The JSON need not be whole.
    pub(super) fn named(&self) -> Vec<Range<usize>> {
        let quotes = self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'"').map(|(at, _)| at + 1);
        let values = quotes.filter_map(|at| {
            let after = |at: usize| self.bytes.get(at..);
            let length = after(at)?.iter().take(LONGEST_NAME + 1).position(|byte| *byte == b'"')?;
            let mut name = self.bytes.get(at..at + length)?.to_ascii_lowercase();
            name.retain(|byte| *byte != b'_');
            let colon = NAMES.contains(&name.as_slice()).then_some(at + length + 1)?;
            let [b':', value @ ..] = after(colon)?.trim_ascii_start() else { return None };
            let [b'"', value @ ..] = value.trim_ascii_start() else { return None };
            let from = self.bytes.len() - value.len();
            self.place(from, from + quoted(value).unwrap_or(value.len()))
        });
        values.collect()
    }

    /// Where these bytes stand in the text; none if there are none of them.
    fn place(&self, from: usize, to: usize) -> Option<Range<usize>> {
        let places = self.places.get(from..to)?;
        Some(places.first()?.0..places.last()?.1)
    }
}

impl Pairs {
    /// Whether the view may hold this.
    pub(super) fn may_hold(&self, secret: &[u8]) -> bool {
        pairs_of(secret).all(|pair| self.0.get(pair).copied().unwrap_or_default())
    }
}

/// How many bytes there are before a quote that ends a string; none if none does.
fn quoted(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    text.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    })
}

fn pairs_of(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.iter().zip(bytes.iter().skip(1)).map(|(one, two)| usize::from(*one) << 4 ^ usize::from(*two))
}

fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'(')
}

/// How long the user is with whom what follows `//` begins. A password that should have been escaped and was not may
/// hold what ends a host: then no port follows the colon.
fn user_in(word: &[u8]) -> Option<usize> {
    let authority = word.split(|byte| matches!(byte, b'/' | b'?' | b'#' | b'\\')).next()?;
    let in_authority = authority.iter().rposition(|byte| *byte == b'@');
    let after_colon = authority.iter().rposition(|byte| *byte == b':').and_then(|at| authority.get(at + 1..));
    let is_port = after_colon.is_none_or(|port| port.iter().all(u8::is_ascii_digit)) || authority.starts_with(b"[");
    match in_authority {
        None if !is_port => word.iter().rposition(|byte| *byte == b'@'),
        found => found,
    }
}

enum Escape {
    Byte(u8),
    Char(char),
}

/// What an escape at the beginning of a text stands for, and how long it is: one of URLs, of JSON or of what is quoted,
/// of HTML or XML.
fn escape(text: &str) -> Option<(Escape, usize)> {
    let c = |code: u32, length| Some((Escape::Char(char::from_u32(code)?), length));
    let until = |end: u8| text.bytes().take(LONGEST_ESCAPE + 1).position(|byte| byte == end);
    match text.as_bytes() {
        [b'%', ..] => Some((Escape::Byte(u8::try_from(hex(text.get(1..3)?)?).ok()?), 3)),
        [b'\\', b'u', b'{', ..] => {
            let end = until(b'}')?;
            c(hex(text.get(3..end)?)?, end + 1)
        }
        [b'\\', b'u', ..] => c(hex(text.get(2..6)?)?, 6),
        [b'\\', b'x', ..] => c(hex(text.get(2..4)?)?, 4),
        [b'\\', b'n', ..] => Some((Escape::Char('\n'), 2)),
        [b'\\', b'r', ..] => Some((Escape::Char('\r'), 2)),
        [b'\\', b't', ..] => Some((Escape::Char('\t'), 2)),
        [b'\\', next @ (b'"' | b'\'' | b'\\' | b'/'), ..] => Some((Escape::Byte(*next), 2)),
        [b'&', b'#', b'x' | b'X', ..] => {
            let end = until(b';')?;
            c(hex(text.get(3..end)?)?, end + 1)
        }
        [b'&', b'#', ..] => {
            let end = until(b';')?;
            c(text.get(2..end)?.parse().ok()?, end + 1)
        }
        [b'&', ..] => {
            let names = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&apos;", '\'')];
            let (name, meant) = names.into_iter().find(|(name, _)| text.starts_with(name))?;
            Some((Escape::Char(meant), name.len()))
        }
        _ => None,
    }
}

fn hex(digits: &str) -> Option<u32> {
    let are_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    are_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// What a character of base64 stands for, of either alphabet (RFC 4648, sections 4 and 5).
fn sextet(byte: u8) -> Option<u32> {
    let sextet = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(sextet))
}
