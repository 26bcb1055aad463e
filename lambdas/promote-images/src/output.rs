use invocation::{FunctionOutput, Metric, Metrics, Phase, fitting, sentences};
use promotion::{Report, TargetReport};
use registry::RegistryId;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The most that the list of images, that of their digests and that of the targets each take in an answer, in bytes:
/// the state of a state machine has 256 KiB for everything (AWS Step Functions Developer Guide, "Service quotas").
const MAX_LIST_BYTES: usize = 52 << 10;

/// The most that the list of moved tags takes, which each target adds to.
const MAX_MOVED_BYTES: usize = 32 << 10;

/// The answer when a release has no manifest.
pub(crate) fn skipped(phase: Phase) -> FunctionOutput {
    let report = Report {
        images: vec![],
        targets: vec![],
        planned: promotion::Tally::default(),
        non_distributable: 0,
        notes: vec![],
        requests: 0,
        elapsed: std::time::Duration::ZERO,
    };
    let mut answer = of(phase, &[], &report);
    answer.fields.insert("skipped".into(), true.into());
    answer
}

/// What a promotion did. Its targets are in the order of `registry_ids`.
pub(crate) fn of(phase: Phase, registry_ids: &[RegistryId], report: &Report) -> FunctionOutput {
    let done = report.tally();
    let images_promoted = (report.images.len() * report.targets.len()) as u64;
    let mut notes = sentences("notes", report.notes.clone());
    if report.non_distributable > 0 {
        notes.push(format!(
            "layers left where they are: {}, of media types that registries do not distribute (Windows base layers)",
            report.non_distributable
        ));
    }
    let fields = json!({
        "images_promoted": images_promoted,
        "images": images(phase, report, &mut notes),
        "skipped": false,
        "phase": phase.as_str(),
        "digests": digests(report, &mut notes),
        "moved": moved(report, &mut notes),
        "targets": targets(registry_ids, report, &mut notes),
        "bytes_copied": done.bytes_copied,
        "bytes_present": report.planned.bytes_present,
        "blobs_copied": done.blobs_copied,
        "blobs_mounted": done.blobs_mounted,
        "blobs_present": report.planned.blobs_present,
        "requests": report.requests,
        "notes": notes,
    });
    let metrics = Metrics::default()
        .with(Metric::ImagesPromoted, images_promoted)
        .with(Metric::BytesCopied, done.bytes_copied)
        .with(Metric::BytesPresent, report.planned.bytes_present)
        .with(Metric::BlobsMounted, done.blobs_mounted)
        .with(Metric::Requests, report.requests);
    FunctionOutput::new(fields, metrics)
}

fn targets(registry_ids: &[RegistryId], report: &Report, notes: &mut Vec<String>) -> Vec<Value> {
    let targets = registry_ids.iter().zip(&report.targets);
    cut(
        "targets",
        targets.map(|(registry_id, target)| of_target(registry_id, target, report)).collect(),
        MAX_LIST_BYTES,
        notes,
    )
}

fn of_target(registry_id: &RegistryId, target: &TargetReport, report: &Report) -> Value {
    json!({
        "account": registry_id.account,
        "region": registry_id.region,
        "registry": target.registry,
        "images_promoted": report.images.len(),
        "images_present": target.images_present,
        "tags_moved": target.outcomes.iter().filter(|outcome| outcome.previous().is_some()).count(),
        "blobs_copied": target.tally.blobs_copied,
        "bytes_copied": target.tally.bytes_copied,
        "blobs_mounted": target.tally.blobs_mounted,
        "manifests_put": target.tally.manifests_put,
        "tags_put": target.tally.tags_put,
        "referrers": target.referrers,
    })
}

/// The images as they can be pulled now: by tag, or, as long as nothing is tagged, by digest.
fn images(phase: Phase, report: &Report, notes: &mut Vec<String>) -> Vec<String> {
    let uris = report.targets.iter().flat_map(|target| {
        report.images.iter().map(move |image| match phase {
            Phase::Stage => format!("{}/{}@{}", target.registry, image.repository, image.digest),
            Phase::Tag | Phase::Both => format!("{}/{image}", target.registry),
        })
    });
    cut("images", uris.collect(), MAX_LIST_BYTES, notes)
}

fn digests(report: &Report, notes: &mut Vec<String>) -> Map<String, Value> {
    let digests = report.images.iter().map(|image| (image.to_string(), image.digest.to_string()));
    let digests = cut("digests", digests.collect(), MAX_LIST_BYTES, notes);
    digests.into_iter().map(|(image, digest)| (image, digest.into())).collect()
}

/// The tags that pointed elsewhere before: they were moved, or will be once they are written.
fn moved(report: &Report, notes: &mut Vec<String>) -> Vec<Value> {
    let moved = report.targets.iter().flat_map(|target| {
        target.outcomes.iter().zip(&report.images).filter_map(|(outcome, image)| {
            let (registry, tag) = (&target.registry, &image.tag);
            let repository = &image.repository;
            let previous = outcome.previous()?;
            Some(json!({ "registry": registry, "repository": repository, "tag": tag, "previous": previous }))
        })
    });
    cut("moved", moved.collect(), MAX_MOVED_BYTES, notes)
}

/// As many entries as fit into so many bytes, and a note if those are not all.
fn cut<T: Serialize>(list: &str, entries: Vec<T>, max_bytes: usize, notes: &mut Vec<String>) -> Vec<T> {
    let (entries, all) = fitting(entries, max_bytes);
    if entries.len() < all {
        notes.push(format!(
            "\"{list}\" holds the first {} of {all}: an answer has to pass through a state machine",
            entries.len()
        ));
    }
    entries
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use oci::Digest;
    use promotion::{Outcome, PinnedImage, Tally};

    use super::*;

    fn report(images: usize, targets: usize) -> Report {
        let image = |number: usize| PinnedImage {
            repository: format!("myapp/service-{number}").parse().unwrap(),
            tag: "1.0.0-abc123".parse().unwrap(),
            digest: Digest::of(b"image"),
            parameter: None,
            platforms: vec![],
        };
        let target = |number: usize| TargetReport {
            registry: format!("registry-{number}.example").parse().unwrap(),
            outcomes: (0..images)
                .map(|image| Outcome::Promoted { previous: (image % 2 == 1).then(|| Digest::of(b"other")) })
                .collect(),
            images_present: 0,
            referrers: 5,
            tally: Tally {
                blobs_copied: 3,
                bytes_copied: 1000,
                blobs_mounted: 1,
                blobs_present: 4,
                bytes_present: 40,
                manifests_put: 2,
                tags_put: 2,
            },
        };
        Report {
            images: (0..images).map(image).collect(),
            targets: (0..targets).map(target).collect(),
            planned: Tally { blobs_present: 4, bytes_present: 40, ..Tally::default() },
            non_distributable: 1,
            notes: vec!["left behind: a signature".into()],
            requests: 17,
            elapsed: Duration::from_secs(1),
        }
    }

    fn registry_ids(targets: usize) -> Vec<RegistryId> {
        (0..targets).map(|number| RegistryId::new(format!("{number:012}"), "eu-west-1")).collect()
    }

    #[test]
    fn counts_images_over_all_targets() {
        let fields = of(Phase::Both, &registry_ids(2), &report(1, 2)).fields;
        let digest = Digest::of(b"image").to_string();
        let target = |number: usize| {
            json!({
                "account": format!("{number:012}"), "region": "eu-west-1", "registry": format!("registry-{number}.example"),
                "images_promoted": 1, "images_present": 0, "tags_moved": 0, "blobs_copied": 3, "bytes_copied": 1000, "blobs_mounted": 1,
                "manifests_put": 2, "tags_put": 2, "referrers": 5,
            })
        };
        assert_eq!(
            Value::Object(fields),
            json!({
                "images_promoted": 2,
                "images": ["registry-0.example/myapp/service-0:1.0.0-abc123", "registry-1.example/myapp/service-0:1.0.0-abc123"],
                "skipped": false, "phase": "both", "digests": { "myapp/service-0:1.0.0-abc123": digest },
                "moved": [], "targets": [target(0), target(1)],
                "bytes_copied": 2000, "bytes_present": 40, "blobs_copied": 6, "blobs_mounted": 2, "blobs_present": 4, "requests": 17,
                "notes": ["left behind: a signature", "layers left where they are: 1, of media types that registries do not distribute (Windows base layers)"],
            })
        );
    }

    #[test]
    fn a_tag_that_pointed_elsewhere_is_named_with_what_it_pointed_to() {
        let fields = of(Phase::Both, &registry_ids(1), &report(2, 1)).fields;
        let moved = json!([{
            "registry": "registry-0.example", "repository": "myapp/service-1", "tag": "1.0.0-abc123",
            "previous": Digest::of(b"other"),
        }]);
        assert_eq!((&fields["moved"], &fields["targets"][0]["tags_moved"]), (&moved, &json!(1)));
    }

    #[test]
    fn staged_images_have_no_tag_yet() {
        let fields = of(Phase::Stage, &registry_ids(1), &report(1, 1)).fields;
        assert_eq!(fields["images"][0], format!("registry-0.example/myapp/service-0@{}", Digest::of(b"image")));
    }

    #[test]
    fn without_a_manifest_nothing_is_promoted() {
        let fields = skipped(Phase::Both).fields;
        assert_eq!(
            (&fields["skipped"], &fields["images_promoted"], &fields["images"]),
            (&true.into(), &0.into(), &json!([]))
        );
    }

    #[test]
    fn a_thousand_images_fit_through_a_state_machine() {
        let answer = of(Phase::Both, &registry_ids(100), &report(1000, 100)).fields;
        assert_eq!(answer["images_promoted"], 100_000);
        assert!(Value::Object(answer.clone()).to_string().len() < 220 << 10);
        let notes = answer["notes"].to_string();
        for expected in ["of 100000", "of 1000:", "of 50000:"] {
            assert!(notes.contains(expected), "{notes}");
        }
    }

    #[test]
    fn no_list_is_too_long_for_a_state_machine() {
        let mut report = report(1000, 1000);
        let refused = |number: usize| format!("left behind: referrer-{number} \"{}\": denied", "\\".repeat(500));
        report.notes = (0..5000).map(refused).collect();
        let answer = of(Phase::Both, &registry_ids(1000), &report).fields;
        let bytes = Value::Object(answer.clone()).to_string().len();
        assert!(bytes < 220 << 10, "{bytes}");
        let notes = answer["notes"].to_string();
        for expected in
            ["more notes: the log", "\\\"images\\\" holds", "\\\"digests\\\" holds", "\\\"targets\\\" holds"]
        {
            assert!(notes.contains(expected), "{notes}");
        }
    }
}
