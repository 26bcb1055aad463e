use oci::Content;

use crate::findings::{Finding, Kind, Level, Rule};
use crate::{ReferrerPolicy, Survey};

/// No blob is smaller or larger than a target stores.
pub(super) fn judge(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in &survey.targets {
        for (at, root) in survey.roots.iter().enumerate() {
            // A referrer that a target does not take is left behind when its time comes, if it may be.
            let is_needed = root.subject.is_none() || survey.referrer_policy == ReferrerPolicy::Require;
            let lacks = target.presence(at).is_some_and(|presence| !presence.staged);
            let Some(settings) = target.settings(&root.repository).filter(|_| is_needed && lacks) else { continue };
            let manifests = survey.store.bottom_up(root.digest);
            let blobs = manifests.iter().filter_map(|digest| survey.store.content(*digest)).flat_map(Content::blobs);
            let sent = blobs.filter(|blob| !blob.is_non_distributable());
            for blob in sent.filter(|blob| !settings.blob_bytes.contains(&blob.size)) {
                let (found, expected) = match blob.size {
                    0 => ("is empty".to_owned(), "no blob without bytes".to_owned()),
                    size => (format!("has {size} bytes"), format!("at most {}", settings.blob_bytes.end())),
                };
                findings.push(Finding {
                    rule: Rule::BlobSizes,
                    kind: Kind::Limit,
                    level: Level::Error,
                    image: root.to_string(),
                    target: Some(target.name.clone()),
                    digest: root.digest,
                    platform: None,
                    found: format!("the blob {} {found}", blob.digest),
                    expected: format!("{} stores {expected}", target.name),
                    change: "build the image without it".into(),
                    waived_by: None,
                });
            }
        }
    }
    findings
}
