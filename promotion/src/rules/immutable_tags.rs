use crate::Survey;
use crate::findings::{Finding, Kind, Level, Rule};

/// An immutable tag is never asked to move.
pub(super) fn judge(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &survey.targets {
        for (at, root) in survey.roots.iter().enumerate() {
            let (Some(presence), Some(tag)) = (target.presence(at), &root.tag) else { continue };
            let Some(old) = presence.tagged.filter(|old| *old != root.digest) else { continue };
            if !target.settings(&root.repository).is_some_and(|settings| settings.immutable_tags.contains(tag)) {
                continue;
            }
            let change = match root.subject {
                None => "release under a new tag, or exclude this tag from the repository's immutability".to_owned(),
                Some(subject) => format!(
                    "cosign moves this tag whenever somebody signs {subject} again: exclude `sha256-*` from the \
                     repository's immutability (an exclusion filter of imageTagMutability), or leave referrers behind"
                ),
            };
            findings.push(Finding {
                rule: Rule::ImmutableTags,
                kind: Kind::Conflict,
                level: Level::Error,
                image: root.to_string(),
                target: Some(target.name.clone()),
                digest: root.digest,
                platform: None,
                found: old.to_string(),
                expected: root.digest.to_string(),
                change,
                waived_by: None,
            });
        }
    }
    findings
}
