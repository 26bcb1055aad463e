/// The longest `RoleSessionName` (AssumeRole of the STS API).
const MAX: usize = 64;

/// The name under which a role is assumed, `transship-{repo}-{sk}`: CloudTrail in the target account shows with it
/// which build wrote there.
///
/// Where that is too long it is the repository that is shortened: the build is what one looks for.
#[must_use]
pub fn session_name(repo: &str, sk: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '-' };
    let clean = |text: &str| text.chars().map(allowed).collect::<String>();
    let [repo, sk] = [clean(repo), clean(sk)];
    let sk = sk.get(sk.len().saturating_sub(MAX - "transship-".len())..).unwrap_or_default();
    let room = MAX - "transship-".len() - sk.len();
    match repo.get(..repo.len().min(room.saturating_sub(1))) {
        Some(repo) if !repo.is_empty() => format!("transship-{repo}-{sk}"),
        _ => format!("transship-{sk}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_the_build_and_only_what_sts_takes() {
        assert_eq!(session_name("myapp", "42"), "transship-myapp-42");
        assert_eq!(
            session_name("my/app:worker", "2026-11-21T07:08:52Z#42"),
            "transship-my-app-worker-2026-11-21T07-08-52Z-42"
        );
        for (repo, sk) in
            [("r".repeat(90), "42".to_owned()), ("r".into(), "4".repeat(90)), ("ü".repeat(90), "ß".repeat(40))]
        {
            let name = session_name(&repo, &sk);
            assert!((2..=64).contains(&name.len()), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)), "{name}");
        }
        assert!(session_name(&"r".repeat(90), "2026-11-21#42").ends_with("rrr-2026-11-21-42"));
        assert_eq!(session_name("", ""), "transship-");
    }
}
