//! Pulling as a consumer would, to prove that an image can be pulled.

#[cfg(test)]
mod support;

use ecr_double::{Fault, FaultRule};
use oci::{Digest, Reference};
use promotion::Name;
use promotion::pull::Consumer as _;
use registry::Side;
use support::*;

#[tokio::test]
async fn a_manifest_is_pulled_over_v2_with_its_bytes() {
    let stage = Stage::set().await;
    let manifest = hold(&stage.own, b"layer", Some("1"));
    let pull = stage.connect(OWN, Side::Pull).await;
    for reference in [by_tag("1"), Reference::Digest(manifest.digest())] {
        assert_eq!(pull.pull_manifest(&repository(), &reference).await.unwrap(), manifest);
    }
    for reference in [by_tag("2"), Reference::Digest(Digest::of(b"2"))] {
        let error = pull.pull_manifest(&repository(), &reference).await.unwrap_err();
        assert_eq!((error.name(), error.is_temporary()), (Name::PullFailed, false), "{error}");
    }
    stage.own.corrupt_manifest(&manifest.digest().to_string());
    let error = pull.pull_manifest(&repository(), &Reference::Digest(manifest.digest())).await.unwrap_err();
    assert_eq!(error.name(), Name::PullFailed, "{error}");
}

#[tokio::test]
async fn a_blob_is_reached_without_being_downloaded() {
    let stage = Stage::set().await;
    let layer = vec![1; 3_000_000];
    hold(&stage.own, &layer, None);
    let pull = stage.connect(OWN, Side::Pull).await;
    let blob = descriptor(&layer);
    pull.probe_blob(&repository(), &blob).await.unwrap();
    let storage = stage.double.requests_of("s3.GetObject");
    assert!(storage.iter().all(|request| request.bytes_out <= 1 && request.status == 206), "{storage:?}");

    let wrong = oci::Descriptor { size: 7, ..blob.clone() };
    assert_eq!(pull.probe_blob(&repository(), &wrong).await.unwrap_err().name(), Name::PullFailed);
    let error = pull.probe_blob(&repository(), &descriptor(b"never pushed")).await.unwrap_err();
    assert_eq!(error.name(), Name::PullFailed, "{error}");
    stage.double.fault(FaultRule::once("s3.GetObject", Fault::ExpireUrl));
    assert!(pull.probe_blob(&repository(), &blob).await.unwrap_err().is_temporary());
    stage.own.delete_blob(&blob.digest.to_string());
    assert_eq!(pull.probe_blob(&repository(), &blob).await.unwrap_err().name(), Name::PullFailed);
}
