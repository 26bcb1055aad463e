use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use oci::Repository;
use promotion::{Error, RetryPolicy, Retrying, Source};
use registry::{Ecr, UntaggedExpiry};

/// How many policies are read at a time.
const AT_ONCE: usize = 16;

/// How many repositories a warning names.
const NAMED: usize = 20;

/// Warns of lifecycle rules that may remove what is staged before it is tagged: one warning for each target that has
/// such rules, or that does not let them be read.
pub(crate) async fn warnings(targets: &[Ecr], repositories: BTreeSet<Repository>) -> Vec<String> {
    let targets: Vec<_> = targets.iter().map(|target| Retrying::new(target.clone(), RetryPolicy::default())).collect();
    let mut warnings = Vec::new();
    for target in &targets {
        let rules: Vec<_> =
            stream::iter(&repositories)
                .map(|repository| async move {
                    (repository, target.ask(|registry| registry.untagged_expiry(repository)).await)
                })
                .buffered(AT_ONCE)
                .collect()
                .await;
        warnings.extend(of_target(target.name(), rules));
    }
    warnings
}

fn of_target(target: &str, rules: Vec<(&Repository, Result<Vec<UntaggedExpiry>, Error>)>) -> Vec<String> {
    let mut expiring = Vec::new();
    let mut unread: Vec<(&Repository, Error)> = Vec::new();
    for (repository, rules) in rules {
        match rules {
            Ok(rules) if rules.is_empty() => {}
            Ok(rules) => {
                expiring.push(format!("{repository} ({})", rules.iter().map(in_words).collect::<Vec<_>>().join("; ")))
            }
            Err(error) => unread.push((repository, error)),
        }
    }
    let mut warnings = Vec::new();
    if !expiring.is_empty() {
        warnings.push(format!(
            "lifecycle rules in {target} expire images without a tag, which staged images are until all targets have them: {}. What such a \
             rule removes is staged again, up to a point",
            listed(&expiring)
        ));
    }
    if let Some((_, error)) = unread.first() {
        let names: Vec<_> = unread.iter().map(|(repository, _)| repository.to_string()).collect();
        warnings.push(format!(
            "whether lifecycle rules in {target} expire images without a tag could not be found out for {}: {error}",
            listed(&names)
        ));
    }
    warnings
}

fn in_words(rule: &UntaggedExpiry) -> String {
    let UntaggedExpiry { priority, after_days, keeps } = rule;
    match (after_days, keeps) {
        (Some(days), _) => format!("rule {priority}: after {days} days"),
        (None, Some(images)) => format!("rule {priority}: all but the newest {images}"),
        (None, None) => format!("rule {priority}"),
    }
}

fn listed(names: &[String]) -> String {
    let named = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use promotion::Name;

    use super::*;

    fn repositories(count: usize) -> Vec<Repository> {
        (0..count).map(|number| format!("app-{number}").parse().unwrap()).collect()
    }

    #[test]
    fn one_warning_for_all_repositories_of_a_target() {
        let names = repositories(30);
        let rule = |after_days, keeps| UntaggedExpiry { priority: 1, after_days, keeps };
        let rules = |at: usize| match at {
            0 => vec![],
            1 => vec![rule(Some(1), None), rule(None, Some(5))],
            _ => vec![rule(Some(14), None)],
        };
        let warnings = of_target("T", names.iter().enumerate().map(|(at, name)| (name, Ok(rules(at)))).collect());
        assert_eq!(warnings.len(), 1);
        let expected = "lifecycle rules in T expire images without a tag, which staged images are until all targets have them: app-1 (rule 1: \
                        after 1 days; rule 1: all but the newest 5), app-2 (rule 1: after 14 days), ";
        assert!(warnings[0].starts_with(expected), "{}", warnings[0]);
        assert!(warnings[0].contains(" and 9 more. What") && !warnings[0].contains("app-0"));
    }

    #[test]
    fn rules_that_may_not_be_read_are_no_failure() {
        let names = repositories(2);
        let denied = || Err(Error::new(Name::TargetAccessDenied, "allow ecr:GetLifecyclePolicy"));
        let warnings = of_target("T", names.iter().map(|name| (name, denied())).collect());
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].ends_with("could not be found out for app-0, app-1: allow ecr:GetLifecyclePolicy"));
        assert!(of_target("T", names.iter().map(|name| (name, Ok(vec![]))).collect()).is_empty());
    }
}
