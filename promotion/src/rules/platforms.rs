use std::collections::BTreeSet;

use oci::text::excerpt;

use crate::Survey;
use crate::findings::{Finding, Kind, Level, Rule};

/// The platforms that a release names exist.
pub(super) fn judge(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    for image in &survey.images {
        // Where the platforms could not be read, that is the problem, and it is listed already.
        let Some(there) = survey.platforms.get(&image.digest) else { continue };
        for wanted in image.platforms.iter().filter(|wanted| !there.iter().any(|platform| platform.satisfies(wanted))) {
            let there: BTreeSet<String> =
                there.iter().filter(|platform| &*platform.os != "unknown").map(ToString::to_string).collect();
            // An index may say of itself what it likes.
            let there = Vec::from_iter(there).join(", ").escape_debug().to_string();
            findings.push(Finding {
                rule: Rule::Platforms,
                kind: Kind::Policy,
                level: Level::Error,
                image: image.to_string(),
                target: None,
                digest: image.digest,
                platform: Some(wanted.clone()),
                found: if there.is_empty() { "none".into() } else { excerpt(&there) },
                expected: wanted.to_string(),
                change: format!("build it for {wanted} too, or take the platform out of deploy-manifest.json"),
                waived_by: None,
            });
        }
    }
    findings
}
