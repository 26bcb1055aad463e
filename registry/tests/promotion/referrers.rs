//! What hangs on images, where ECR lists it.

use ecr_double::{Fault, FaultRule, RegistryHandle};
use oci::MediaType;
use promotion::{Name, ReferrerPolicy, Until};
use serde_json::json;

use crate::world::*;

/// An artifact of this type that refers to `subject`.
fn attach(at: &RegistryHandle, subject: &str, artifact_type: &str) -> String {
    let layer = artifact_type.as_bytes();
    let blob = |media_type: &str, bytes: &[u8]| {
        let digest = at.put_blob("app", bytes);
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    };
    let media_type = MediaType::OciManifest.as_str();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type, "artifactType": artifact_type,
        "config": blob("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [blob(artifact_type, layer)],
        "subject": { "mediaType": media_type, "digest": subject, "size": at.manifest("app", subject).unwrap().len() },
    });
    at.put_manifest("app", manifest.to_string().as_bytes(), media_type, None)
}

/// `app:1` with an SBOM, a signature on that, and a signature under cosign's tag.
async fn signed() -> (World, String) {
    let world = World::new(&["app"]).await;
    let source = world.at(SOURCE);
    let image = seed_image(&source, "app", &[(OCI_LAYER, &bytes(1, 1_000))], Some("1")).digest;
    let sbom = attach(&source, &image, "application/spdx+json");
    attach(&source, &sbom, "application/vnd.dev.sigstore.bundle.v0.3+json");
    seed_image(&source, "app", &[(OCI_LAYER, b"a signature")], Some(&format!("{}.sig", image.replace(':', "-"))));
    (world, image)
}

#[tokio::test]
async fn referrers_and_signature_tags_arrive_byte_for_byte_and_once() {
    let (world, _) = signed().await;
    let report = world.promote(&["app:1"]).await.unwrap();
    assert_eq!(report.targets[0].referrers, 3);
    world.assert_same("app", TARGETS[0]);
    world.double.reset_requests();
    let again = world.promote(&["app:1"]).await.unwrap();
    assert_eq!((again.targets[0].tally.manifests_put, again.targets[0].tally.tags_put), (0, 0));
    let (source, target) = (world.requests(SOURCE), world.requests(TARGETS[0]));
    assert!(source.len() + target.len() < 18, "{source:?} {target:?}");
}

#[tokio::test]
async fn a_referrer_that_ecr_refuses_is_named_and_fatal_only_where_it_is_required() {
    let (world, _) = signed().await;
    let refusal = Fault::Error {
        code: "InvalidParameterException".into(),
        message: Some(
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'".into(),
        ),
    };
    // The image goes first, and then what hangs on it.
    world.double.fault(FaultRule::once("PutImage", refusal.clone()).nth(2));
    let report = world.promote(&["app:1"]).await.unwrap();
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert!(
        report.notes[0].starts_with("left behind: putting") && report.notes[0].contains("sha256:"),
        "{:?}",
        report.notes
    );
    assert!(world.at(TARGETS[0]).tags("app").contains_key("1"));
    world.double.fault(FaultRule::once("PutImage", refusal));
    let promotion = world.promotion(&TARGETS[..1]).await.with_referrers(ReferrerPolicy::Require);
    let error = promotion.run(release(&["app:1"]), Until::Tagged, None).await.unwrap_err();
    assert_eq!(error.name(), Name::RegistryLimit, "{error}");
}

#[tokio::test]
async fn a_list_of_referrers_that_may_not_be_read_is_not_none() {
    let (world, _) = signed().await;
    let refusal = Fault::Error { code: "AccessDeniedException".into(), message: None };
    world.double.fault(FaultRule::always("ListImageReferrers", refusal).account(SOURCE));
    let error = world.promote(&["app:1"]).await.unwrap_err();
    assert_eq!(error.name(), Name::SourceAccessDenied, "{error}");
    assert!(error.to_string().contains("ecr:BatchGetImage"), "{error}");
    assert!(world.at(TARGETS[0]).tags("app").is_empty());
}
