use crate::Survey;
use crate::findings::{Finding, Kind, Level, Rule};
use crate::survey::ListToWrite;

/// A list of referrers is written anew, under the same tag, for each that is added.
pub(super) fn judge(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &survey.targets {
        for list in target.lists_to_write(&survey.roots).filter(|list| list.current.is_some()) {
            let ListToWrite { repository, subject, tag, .. } = list;
            if target.settings(repository).is_some_and(|settings| settings.immutable_tags.contains(&tag)) {
                findings.push(Finding {
                    rule: Rule::ReferrerLists,
                    kind: Kind::Conflict,
                    level: Level::Error,
                    image: format!("{repository}:{tag}"),
                    target: Some(target.name.clone()),
                    digest: subject,
                    platform: None,
                    found: subject.to_string(),
                    expected: "it has to move for a new referrer to be found".into(),
                    change: "Exclude `sha256-*` from the repository's immutability, or leave referrers behind".into(),
                    waived_by: None,
                });
            }
        }
    }
    findings
}
