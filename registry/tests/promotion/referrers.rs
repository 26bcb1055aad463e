//! Referrers, where ECR lists them.

use ecr_double::{Fault, FaultRule};
use image_fixtures::signature_tag;
use promotion::{Name, ReferrerPolicy, Until};

use crate::world::*;

/// `app:1` with an SBOM, a signature on that, and a signature under cosign's tag.
async fn signed() -> World {
    let world = World::new(&["app"]).await;
    let image = Image::new().layer(bytes(1, 1_000)).build().tagged("1");
    let [spdx, bundle] = ["application/spdx+json", "application/vnd.dev.sigstore.bundle.v0.3+json"];
    let sbom = Image::artifact(spdx).layer_as(spdx, "an SBOM").subject(image.descriptor()).build();
    let bundle = Image::artifact(bundle).layer_as(bundle, "a bundle").subject(sbom.descriptor()).build();
    let signature = Image::new().layer("a signature").build().tagged(signature_tag(image.digest()));
    for content in [image, sbom, bundle, signature] {
        world.at(SOURCE).put("app", &content);
    }
    world
}

#[tokio::test]
async fn referrers_and_signature_tags_arrive_byte_for_byte_and_once() {
    let world = signed().await;
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
    let world = signed().await;
    let refusal = Fault::Error {
        code: "InvalidParameterException".into(),
        message: Some(
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'".into(),
        ),
    };
    // The image goes first, and then its referrers.
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
    let world = signed().await;
    let refusal = Fault::Error { code: "AccessDeniedException".into(), message: None };
    world.double.fault(FaultRule::always("ListImageReferrers", refusal).account(SOURCE));
    let error = world.promote(&["app:1"]).await.unwrap_err();
    assert_eq!(error.name(), Name::SourceAccessDenied, "{error}");
    assert!(error.to_string().contains("ecr:BatchGetImage"), "{error}");
    assert!(world.at(TARGETS[0]).tags("app").is_empty());
}
