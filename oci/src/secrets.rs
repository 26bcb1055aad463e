//! The secrets that this process knows, so that no text repeats one.
//!
//! Debugging pages, proxies and broken servers repeat what they were sent, and a text of theirs may come into a message
//! or a log at any place. So the secrets are known to all of the process, and [`crate::text`], through which every text
//! of others passes, hides them (docs/decisions/0027-secrets-are-known-to-the-process.md).

mod view;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use view::{LONGEST_ADDRESS, View, fold};

/// Shorter ones are no secrets, in bytes.
const SHORTEST: usize = 4;

/// Shorter ones are hidden where they stand as a word, in bytes: they are found in half of all words.
const ANYWHERE: usize = 8;

/// How many are known of those that nothing uses any more: a server may repeat a token that was renewed meanwhile.
const LINGERING: usize = 256;

/// How many bytes of an escape stand for one of what was meant, at most: `\u0073`, and as much again where that is
/// escaped as well.
const ESCAPED: usize = 12;

/// Stands where a secret was.
const HIDDEN: &str = "[...]";

static KNOWN: RwLock<VecDeque<Known>> = RwLock::new(VecDeque::new());

struct Known {
    /// Without a difference between upper and lower case: URLs lose it in their hosts.
    secret: Arc<[u8]>,
    is_kept: bool,
}

impl Known {
    fn is_used(&self) -> bool {
        self.is_kept || Arc::strong_count(&self.secret) > 1
    }
}

/// Secrets that are hidden in every text while this lives, and for some time after it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<Arc<[u8]>>);

impl Secrets {
    /// These. What is shorter than four bytes is none.
    pub fn of<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Self {
        let texts: Vec<S> = texts.into_iter().filter(|text| text.as_ref().len() >= SHORTEST).collect();
        if texts.is_empty() {
            return Self::default();
        }
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        Self(texts.iter().map(|text| know(&mut known, text.as_ref())).collect())
    }

    /// What an `Authorization` header holds, or the credentials of one for Basic: they, and the password in them.
    #[must_use]
    pub fn of_header(header: &str) -> Self {
        let (scheme, credentials) = header.split_once(' ').unwrap_or(("basic", header));
        let password = if scheme.eq_ignore_ascii_case("basic") { password_in(credentials) } else { None };
        Self::of([Some(credentials.trim().to_owned()), password].into_iter().flatten())
    }

    /// The password in an address, `scheme://user:password@host` or without the scheme, as it is written and as it is
    /// meant.
    #[must_use]
    pub fn of_address(address: &str) -> Self {
        let user = address.rsplit_once('@').map_or("", |(user, _)| user);
        let user = user.split_once("://").map_or(user, |(_, user)| user);
        let Some((_, password)) = user.split_once(':') else { return Self::default() };
        Self::of([Some(password.to_owned()), meant(password)].into_iter().flatten())
    }

    /// What is called secret in JSON, which need not be whole, as in `{"Username": "ann", "Secret": "..."`.
    #[must_use]
    pub fn named_in(text: &str) -> Self {
        let named = View::plain(text).named().into_iter().filter_map(|place| text.get(place));
        Self::of(named.flat_map(|value| [Some(value.to_owned()), meant(value)]).flatten())
    }

    /// Keeps them known until the process ends: for what its user gave it, and not for what servers give without end.
    pub fn keep(&self) {
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        known.iter_mut().filter(|known| self.0.contains(&known.secret)).for_each(|known| known.is_kept = true);
    }
}

/// Never shows one.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// Adds one, as the newest, and forgets the oldest of those that are used no more and too many.
fn know(known: &mut VecDeque<Known>, text: &str) -> Arc<[u8]> {
    let secret: Arc<[u8]> = text.bytes().map(fold).collect();
    let before = known.iter().position(|known| known.secret == secret).and_then(|at| known.remove(at));
    let this = before.unwrap_or(Known { secret, is_kept: false });
    let secret = Arc::clone(&this.secret);
    known.push_back(this);
    let mut excess = known.iter().filter(|known| !known.is_used()).count().saturating_sub(LINGERING);
    known.retain(|known| {
        let is_forgotten = excess > 0 && !known.is_used();
        excess -= usize::from(is_forgotten);
        !is_forgotten
    });
    secret
}

/// What a text stands for that has escapes in it.
fn meant(text: &str) -> Option<String> {
    String::from_utf8(View::decoded(text).bytes).ok()
}

/// The password in `user:password`, in base64 (RFC 7617).
fn password_in(credentials: &str) -> Option<String> {
    let decoded = View::decoded(credentials).base64(0).bytes;
    let text = String::from_utf8(decoded.split(|byte| *byte == view::END).next()?.to_vec()).ok()?;
    // Docker pads passwords with NUL.
    text.split_once(':').map(|(_, password)| password.trim_end_matches('\0').to_owned())
}

/// The text up to so many bytes, without a secret that is known, the user and the password of any address, and what is
/// called secret in JSON, whoever wrote those. Secrets are found as they are, in the escapes of URLs, JSON, HTML and
/// quotes, and in base64.
///
/// What stands across the end is hidden whole, so that nothing of it is left when a text is cut.
pub(crate) fn hide(text: &str, most: usize) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let longest = known.iter().map(|known| ESCAPED * known.secret.len()).max().unwrap_or_default();
    let looked_at = text.floor_char_boundary(most.saturating_add(longest.max(LONGEST_ADDRESS)));
    let beginning = text.get(..looked_at).unwrap_or_default();
    let (plain, decoded) = (View::plain(beginning), View::decoded(beginning));
    // As an address within an address, or JSON within JSON. Most texts have no escape in them.
    let again = if decoded.bytes == plain.bytes { None } else { decoded.again() };
    let views = [Some(&plain), Some(&decoded), again.as_ref()].into_iter().flatten();
    let mut places: Vec<_> = views.flat_map(|view| [view.users(), view.named()].concat()).collect();
    let mut look_through = |view: View| {
        let view = view.folded();
        let pairs = view.pairs();
        for known in known.iter().filter(|known| pairs.may_hold(&known.secret)) {
            places.extend(view.find(&known.secret, known.secret.len() < ANYWHERE));
        }
    };
    if !known.is_empty() {
        (0..4).for_each(|skipped| look_through(decoded.base64(skipped)));
        again.into_iter().for_each(&mut look_through);
        if decoded.bytes != plain.bytes {
            look_through(decoded);
        }
        look_through(plain);
    }
    drop(known);
    let end = text.floor_char_boundary(most);
    if places.is_empty() && end == text.len() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(without(text, places, end))
}

/// The text up to its end, with a mark for what stands at these places.
fn without(text: &str, mut places: Vec<Range<usize>>, end: usize) -> String {
    places.sort_unstable_by_key(|place| place.start);
    let mut kept = String::new();
    let mut at = 0;
    for place in places.into_iter().filter(|place| place.start < end) {
        if place.start >= at {
            kept.push_str(text.get(at..place.start).unwrap_or_default());
            kept.push_str(HIDDEN);
        }
        at = at.max(place.end);
    }
    kept.push_str(text.get(at..end).unwrap_or_default());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        hide(text, usize::MAX).into_owned()
    }

    #[test]
    fn neither_header_nor_password_is_repeated_in_any_form() {
        // `ann:p@ss/w"rd & <co>`
        let _known = Secrets::of_header("Basic YW5uOnBAc3MvdyJyZCAmIDxjbz4=");
        for said in [
            r#"p@ss/w"rd & <co>"#,
            r#"P@SS/W"RD & <CO>"#,
            "p%40ss%2Fw%22rd%20%26%20%3Cco%3E",
            "p%40ss%2fw%22rd+%26+%3cco%3e",
            "p@ss/w%22rd%20&%20%3Cco%3E",
            "p@ss/w&quot;rd &amp; &lt;co&gt;",
            "p@ss/w&#34;rd &#x26; &lt;co&gt;",
            r#"p@ss\/w\"rd & <co>"#,
            r"p@ss/w\u0022rd \u0026 \u003cco\u003e",
            r"p@ss/w\u{22}rd & <co>",
            r"p@ss/w\x22rd & <co>",
            "p@\u{200b}ss/w\"rd\u{ad} & <co>",
            "p@ss/w\"\nrd & <co>",
            "p%2540ss%252Fw%2522rd%2520%2526%2520%253Cco%253E",
            r#"p@ss\\\/w\\\"rd \\u0026 <co>"#,
            "p@ss/w&amp;quot;rd &amp;amp; &amp;lt;co&amp;gt;",
            "YW5uOnBAc3MvdyJyZCAmIDxjbz4=",
            "YW5uOnBAc3MvdyJyZCAmIDxjbz4%3D",
        ] {
            assert_eq!(shown(&format!("he said: {said}, and no more")), "he said: [...], and no more", "{said}");
        }
        // In base64 with something before it, and in that of URLs.
        for said in ["cEBzcy93InJkICYgPGNvPg", "eHBAc3MvdyJyZCAmIDxjbz54", "eHhwQHNzL3cicmQgJiA8Y28-eHg="] {
            let shown = shown(&format!("path/{said}/more"));
            assert!(shown.contains("[...]") && !shown.contains(said), "{said}: {shown}");
            assert!(!shown.contains("3cicmQg") && !shown.contains("yJyZC"), "{said}: {shown}");
        }
    }

    #[test]
    fn what_is_short_is_hidden_where_it_stands_alone() {
        let _known = Secrets::of(["7d2", "q8rx", "W0rd-16"]);
        assert_eq!(shown("q8rx\nq8rx\n"), "[...]\n[...]\n");
        assert_eq!(shown("7d2 q8rx q8rxy [q8rx] w0rd-16 cThyeA=="), "7d2 [...] q8rxy [[...]] [...] [...]==");
    }

    #[test]
    fn no_address_shows_its_user() {
        for (said, expected) in [
            ("at http://ann:s3@b.example/x", "at http://[...]@b.example/x"),
            ("at http://ann:s3@x@b.example:5000?x", "at http://[...]@b.example:5000?x"),
            ("'https://ann@b.example'", "'https://[...]@b.example'"),
            ("https://ann:s/3#x@b.example/", "https://[...]@b.example/"),
            ("location: //ann:s3@b.example/", "location: //[...]@b.example/"),
            ("x?to=http%3A%2F%2Fann%3As3%40b.example%2F", "x?to=http%3A%2F%2F[...]%40b.example%2F"),
            ("x?to=http%253A%252F%252Fann%253As3%2540b.example", "x?to=http%253A%252F%252F[...]%2540b.example"),
            ("https://b.example/app@sha256:0", "https://b.example/app@sha256:0"),
            ("http://127.0.0.1:5000/app@sha256:0", "http://127.0.0.1:5000/app@sha256:0"),
            ("http://[::1]/app@sha256:0", "http://[::1]/app@sha256:0"),
            ("https://b.example and ann@c.example", "https://b.example and ann@c.example"),
            ("https://b.example/v2//app@sha256:0", "https://b.example/v2//app@sha256:0"),
        ] {
            assert_eq!(shown(said), expected);
        }
    }

    #[test]
    fn what_is_called_secret_is_not_shown() {
        for (said, expected) in [
            (r#"{"Username":"ann","Secret":"s3"}"#, r#"{"Username":"ann","Secret":"[...]"}"#),
            (r#"{"token" : "a\"b", "x":"token"}"#, r#"{"token" : "[...]", "x":"token"}"#),
            (r#"{\"SecretAccessKey\":\"k3y\"}"#, r#"{\"SecretAccessKey\":\"[...]\"}"#),
            (r#"{"password":"never en"#, r#"{"password":"[...]"#),
            (r#"the "token": it is no "secret""#, r#"the "token": it is no "secret""#),
        ] {
            assert_eq!(shown(said), expected);
        }
        let _known = Secrets::named_in(r#"in the end {"Secret":"0f-a-h\u0065lper" "#);
        assert_eq!(shown(r"0f-a-helper 0f-a-h\u0065lper"), "[...] [...]");
    }

    #[test]
    fn nothing_is_left_of_what_stands_across_the_end() {
        let secret = "y1eld-0f-a-l0ng-t0ken".repeat(20);
        let _known = Secrets::of([&secret]);
        for most in [0, 3, 4, 10, 100, 500] {
            let shown = hide(&format!("it: {secret}!"), most).into_owned();
            assert!(!shown.contains("y1"), "{most}: {shown}");
        }
        let user = format!("http://ann:{}@b.example", "w4s-n0t-kn0wn".repeat(9));
        assert_eq!(hide(&user, 20), "http://[...]");
    }

    /// One test, as all of a process share what is known.
    #[test]
    fn what_is_used_stays_known_and_of_the_rest_the_newest() {
        let [used, kept, dropped] = ["us3d-by-a-client", "k3pt-for-g00d", "dr0pped-long-ago"];
        let _used = Secrets::of([used]);
        Secrets::of([kept]).keep();
        drop(Secrets::of([dropped]));
        assert_eq!(shown(&format!("{used} {kept} {dropped}")), "[...] [...] [...]");
        for number in 0..2 * LINGERING {
            drop(Secrets::of([format!("t0ken-number-{number}")]));
        }
        assert_eq!(shown(&format!("{used} {kept} {dropped}")), format!("[...] [...] {dropped}"));
        assert_eq!(shown(&format!("t0ken-number-{}", 2 * LINGERING - 1)), "[...]");
        assert!(KNOWN.read().unwrap().len() < 2 * LINGERING);
    }

    #[test]
    fn a_password_in_an_address_is_known_by_itself() {
        let _known = Secrets::of_address("https://ann:p%40ss-with-at@b.example/x");
        let _bare = Secrets::of_address("ann:with0ut-a-scheme@b.example");
        assert_eq!(shown("p@ss-with-at p%40ss-with-at with0ut-a-scheme"), "[...] [...] [...]");
        assert_eq!(Secrets::of_address("app:1.0"), Secrets::default());
        assert_eq!(format!("{_known:?}"), "Secrets(2)");
    }
}
