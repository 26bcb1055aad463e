//! Reading `WWW-Authenticate`: of several challenges the one that can be answered.

use std::collections::HashMap;

/// What a registry wants to be asked with (RFC 9110, section 11.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A user and a password (RFC 7617).
    Basic,
    /// A token that is had elsewhere (Docker's token authentication specification).
    Bearer(Bearer),
}

/// Where tokens are had, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bearer {
    pub(super) realm: String,
    pub(super) service: Option<String>,
    pub(super) scope: Option<String>,
}

/// The one to answer among those that were made, a token before a password; or the names of those that are not known
/// here.
pub(super) fn choose(headers: &[String]) -> Result<Challenge, Vec<String>> {
    let made: Vec<_> = headers.iter().flat_map(|header| parse(header)).collect();
    let bearer = made.iter().find_map(|(scheme, parameters)| {
        let realm = parameters.get("realm").filter(|_| scheme.eq_ignore_ascii_case("bearer"))?;
        let text = |name| parameters.get(name).filter(|text: &&String| !text.is_empty()).cloned();
        Some(Bearer { realm: realm.clone(), service: text("service"), scope: text("scope") })
    });
    match bearer {
        Some(bearer) => Ok(Challenge::Bearer(bearer)),
        None if made.iter().any(|(scheme, _)| scheme.eq_ignore_ascii_case("basic")) => Ok(Challenge::Basic),
        None => Err(made.into_iter().map(|(scheme, _)| scheme).collect()),
    }
}

/// The challenges of one header, each with its parameters, whose names are in lower case.
fn parse(header: &str) -> Vec<(String, HashMap<String, String>)> {
    let mut challenges: Vec<(String, HashMap<String, String>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | '='));
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | '=' | '"')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return challenges;
        }
        // A word before `=` is a parameter, any other is a scheme.
        match (after.trim_start().strip_prefix('='), challenges.last_mut()) {
            (Some(value), Some((_, parameters))) => {
                let (value, after) = value_of(value.trim_start());
                parameters.entry(word.to_ascii_lowercase()).or_insert(value);
                rest = after;
            }
            (None, _) => {
                challenges.push((word.to_owned(), HashMap::new()));
                rest = after;
            }
            (Some(_), None) => return challenges,
        }
    }
}

/// A word or a quoted string, in which a backslash hides what follows it, and what comes after.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c.is_ascii_whitespace() || c == ',').unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        return (value.to_owned(), after);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, hidden)| hidden)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Result<Challenge, Vec<String>> {
        let [service, scope] = [service, scope].map(|text| text.map(str::to_owned));
        Ok(Challenge::Bearer(Bearer { realm: realm.into(), service, scope }))
    }

    #[test]
    fn reads_what_registries_write() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        for (headers, expected) in [
            (
                vec![hub],
                bearer("https://auth.docker.io/token", Some("registry.docker.io"), Some("repository:a/b:pull,push")),
            ),
            (vec![r#"bEARER  REALM = "https://a/t" , Service=x"#], bearer("https://a/t", Some("x"), None)),
            (vec![r#"Bearer realm="https://a/\"t\",\\x",scope="""#], bearer(r#"https://a/"t",\x"#, None, None)),
            (vec![r#"Basic realm="a, b=c", Bearer realm="https://a/t""#], bearer("https://a/t", None, None)),
            (vec![r#"Basic realm="a""#, r#"Bearer realm="https://a/t""#], bearer("https://a/t", None, None)),
            (vec!["Negotiate YWJj==, Basic"], Ok(Challenge::Basic)),
            (vec!["basic"], Ok(Challenge::Basic)),
            (vec![r#"BASIC Realm="unended"#], Ok(Challenge::Basic)),
            (vec!["Bearer", "Basic realm=x"], Ok(Challenge::Basic)),
            (vec![r#"Bearer service="x""#], Err(vec!["Bearer".into()])),
            (vec!["Negotiate, NTLM"], Err(vec!["Negotiate".into(), "NTLM".into()])),
            (vec!["=x"], Err(vec!["x".into()])),
            (vec!["a=b"], Err(vec![])),
            (vec![","], Err(vec![])),
            (vec![r#"""#], Err(vec![])),
            (vec![], Err(vec![])),
        ] {
            let headers: Vec<_> = headers.into_iter().map(str::to_owned).collect();
            assert_eq!(choose(&headers), expected, "{headers:?}");
        }
    }
}
