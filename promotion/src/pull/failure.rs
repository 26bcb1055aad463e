use crate::{Error, Name};

/// How many failures a message lists.
pub(super) const LISTED: usize = 20;

/// Something that cannot be pulled.
#[derive(Debug, Clone)]
pub(super) struct PullFailure {
    /// The image it belongs to, and where it was looked for.
    pub(super) image: String,
    pub(super) error: Error,
}

/// One error for all failures; none if there are none. `is_all` says whether there may be more that were not looked for
/// any more.
pub(super) fn one_error(failures: &[PullFailure], is_all: bool) -> Option<Error> {
    let name = name(failures)?;
    let (at_least, parts) = (if is_all { "" } else { "at least " }, if failures.len() == 1 { "part" } else { "parts" });
    let mut message = format!("{at_least}{} {parts} of the release cannot be pulled:", failures.len());
    for (failure, number) in failures.iter().zip(1..=LISTED) {
        message += &format!("\n{number}. {}: {}", failure.image, failure.error);
    }
    if failures.len() > LISTED {
        message += &format!("\nand {} more", failures.len() - LISTED);
    }
    if name == Name::PullFailed {
        message += "\nWhat is not there can be promoted again. A target that keeps a manifest and has lost or damaged what it lists looks complete \
                    to a promotion: delete the image there first, by digest (in ECR with ecr:BatchDeleteImage), then promote again";
    }
    let error = Error::new(name, message);
    Some(if failures.iter().all(|failure| failure.error.is_temporary()) { error } else { error.permanent() })
}

/// That something is broken counts more than that it may not be read, and that more than that the registry does not
/// answer.
fn name(failures: &[PullFailure]) -> Option<Name> {
    let names = || failures.iter().map(|failure| failure.error.name());
    if names().any(|name| matches!(name, Name::PullFailed | Name::CorruptContent)) {
        return Some(Name::PullFailed);
    }
    names().find(|name| *name != Name::RegistryUnavailable).or_else(|| names().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(name: Name) -> PullFailure {
        PullFailure { image: "a:1 in T".into(), error: Error::new(name, "what happened") }
    }

    #[test]
    fn lists_the_first_and_counts_the_others() {
        let failures: Vec<_> = (0..25).map(|_| failure(Name::PullFailed)).collect();
        let error = one_error(&failures, true).unwrap();
        let message = error.to_string();
        assert!(message.starts_with("25 parts of the release cannot be pulled:\n1. a:1 in T: what happened\n2. "));
        assert!(message.contains("\n20. ") && !message.contains("\n21. ") && message.contains("\nand 5 more\n"));
        assert!(message.ends_with("then promote again"));
        assert!(one_error(&failures, false).unwrap().to_string().starts_with("at least 25 parts"));
        assert!(one_error(&[], true).is_none());
    }

    #[test]
    fn broken_counts_more_than_denied_and_denied_more_than_unavailable() {
        use Name::{CorruptContent, PullFailed, RegistryUnavailable, TargetAccessDenied};
        for (names, expected) in [
            (vec![RegistryUnavailable, TargetAccessDenied, CorruptContent], PullFailed),
            (vec![RegistryUnavailable, TargetAccessDenied], TargetAccessDenied),
            (vec![RegistryUnavailable], RegistryUnavailable),
        ] {
            let failures: Vec<_> = names.into_iter().map(failure).collect();
            let error = one_error(&failures, true).unwrap();
            assert_eq!(error.name(), expected);
            assert_eq!(error.is_temporary(), expected == RegistryUnavailable);
        }
    }
}
