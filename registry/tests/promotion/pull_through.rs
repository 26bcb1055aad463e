//! A source that is a pull-through cache of ECR: what it does not have yet is there by tag alone
//! (aws/containers-roadmap#2837), and its layers are redirected to the upstream at first (aws/containers-roadmap#2304).

use ecr_double::{Fault, FaultRule};
use image_fixtures::Content;
use promotion::{Error, Name, PinnedImage, ReferrerPolicy, Release, Report, Until};

use crate::world::*;

/// The account of the registry behind the cache.
const UPSTREAM: &str = TARGETS[1];

struct Cached {
    world: World,
    index: Content,
}

/// An index under the tag `1` of `app` in the upstream, which is `hub/app` in the source. There nothing of it is yet.
async fn cached() -> Cached {
    let world = World::new(&[]).await;
    let image = Image::new().layer(bytes(1, 100_000)).layer(bytes(2, 1_000)).build();
    let index = Index::of([("linux/amd64", &image)]).build().tagged("1");
    let upstream = world.at(UPSTREAM);
    upstream.create_repository("app");
    upstream.put("app", &index);
    world.at(SOURCE).pull_through("hub", &upstream);
    world.at(TARGETS[0]).create_repository("hub/app");
    Cached { world, index }
}

impl Cached {
    fn pinned(&self) -> Release {
        self.pinned_by(&["1"])
    }

    fn pinned_by(&self, tags: &[&str]) -> Release {
        let (repository, digest) = ("hub/app".parse().unwrap(), self.index.digest().parse().unwrap());
        let image = PinnedImage { repository, tag: "1".parse().unwrap(), digest, parameter: None, platforms: vec![] };
        let images = tags.iter().map(|tag| PinnedImage { tag: tag.parse().unwrap(), ..image.clone() });
        Release::pinned(images.collect()).unwrap()
    }

    async fn promote(&self, release: Release) -> Result<Report, Error> {
        self.world.promotion(&TARGETS[..1]).await.run(release, Until::Tagged, None).await
    }

    async fn refused(&self, release: Release) -> Error {
        let error = self.promote(release).await.unwrap_err();
        assert!(self.world.at(TARGETS[0]).tags("hub/app").is_empty(), "{error}");
        error
    }

    fn take(&self, action: &str) {
        self.world.take(SOURCE, action);
    }
}

#[tokio::test]
async fn what_is_not_cached_yet_is_promoted_by_its_tag() {
    let cached = cached().await;
    let report = cached.promote(release(&["hub/app:1"])).await.unwrap();
    assert_eq!(report.images[0].digest.to_string(), cached.index.digest());
    cached.world.assert_same("hub/app", TARGETS[0]);
    // The layers came from the upstream, whose storage was shown no credential: it would have refused it.
    let storage = cached.world.double.requests_of("s3.GetObject");
    assert!(storage.iter().any(|request| request.account == UPSTREAM), "{storage:?}");
    assert!(storage.iter().all(|request| !request.authorised && request.status < 300), "{storage:?}");
}

#[tokio::test]
async fn what_was_pinned_and_is_not_cached_is_asked_for_by_its_tag() {
    let cached = cached().await;
    cached.promote(cached.pinned()).await.unwrap();
    cached.world.assert_same("hub/app", TARGETS[0]);
    // By digest it is found from now on.
    cached.world.double.reset_requests();
    cached.promote(cached.pinned()).await.unwrap();
    let asked = cached.world.double.requests_of("BatchGetImage");
    let tag = "1".to_owned();
    assert!(asked.iter().all(|request| request.account != SOURCE || !request.references.contains(&tag)), "{asked:?}");
}

#[tokio::test]
async fn a_tag_that_leads_to_something_else_is_no_answer_for_a_digest() {
    let cached = cached().await;
    let other = Image::new().layer("another image").build().tagged("1");
    cached.world.at(UPSTREAM).put("app", &other);
    let digest = format!(r#","digest":"{}""#, cached.index.digest());
    for release in [cached.pinned(), release_with(&["hub/app:1"], &digest)] {
        let error = cached.refused(release).await;
        assert_eq!(error.name(), Name::DigestMismatch, "{error}");
        assert!(error.to_string().contains(other.digest()) && error.to_string().contains(cached.index.digest()));
    }
}

#[tokio::test]
async fn one_tag_that_leads_to_it_is_enough() {
    let cached = cached().await;
    let upstream = cached.world.at(UPSTREAM);
    upstream.set_tag("app", "2", cached.index.digest());
    upstream.put("app", &Image::new().layer("another image").build().tagged("1"));
    cached.promote(cached.pinned_by(&["1", "2"])).await.unwrap();
    let tags = cached.world.at(TARGETS[0]).tags("hub/app");
    assert!(tags.len() == 2 && tags.values().all(|digest| digest == cached.index.digest()), "{tags:?}");
}

#[tokio::test]
async fn what_the_upstream_does_not_have_either_is_not_found() {
    let cached = cached().await;
    cached.world.at(SOURCE).create_repository("hub/app");
    cached.world.at(UPSTREAM).delete_tag("app", "1");
    for release in [cached.pinned(), release(&["hub/app:1"])] {
        assert_eq!(cached.refused(release).await.name(), Name::SourceImageNotFound);
    }
}

#[tokio::test]
async fn a_child_that_is_not_there_is_said_to_come_with_its_tag() {
    let cached = cached().await;
    let source = cached.world.at(SOURCE);
    cached.promote(release(&["hub/app:1"])).await.unwrap();
    cached.world.at(TARGETS[0]).delete_repository("hub/app");
    cached.world.at(TARGETS[0]).create_repository("hub/app");
    let child = cached.index.manifests.iter().find(|manifest| !manifest.is_index()).unwrap();
    source.delete_manifest("hub/app", &child.digest);
    let error = cached.refused(cached.pinned()).await;
    assert_eq!(error.name(), Name::SourceImageNotFound, "{error}");
    assert!(error.to_string().contains("pull-through cache of ECR") && error.to_string().contains("once by its tag"));
}

#[tokio::test]
async fn the_permissions_that_importing_takes_are_printed() {
    let cached = cached().await;
    for action in ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"] {
        cached.take(action);
        let error = cached.refused(release(&["hub/app:1"])).await;
        assert_eq!(error.name(), Name::SourceAccessDenied, "{error}");
        let resource = format!("arn:aws:ecr:{REGION}:{SOURCE}:repository/hub/app");
        let statement = format!(r#"{{"Effect":"Allow","Action":["{action}"],"Resource":"{resource}"}}"#);
        assert!(error.to_string().contains(&statement), "{error}");
        cached.world.allow_all(SOURCE);
    }
}

#[tokio::test]
async fn an_image_that_is_cached_needs_no_permission_to_import_its_signatures() {
    let cached = cached().await;
    cached.promote(cached.pinned()).await.unwrap();
    cached.take("ecr:BatchImportUpstreamImage");
    let report = cached.promote(release(&["hub/app:1"])).await.unwrap();
    let [note] = report.notes.as_slice() else { panic!("{:?}", report.notes) };
    assert!(note.starts_with("not known: whether there are referrers") && note.contains("ecr:BatchImport"), "{note}");
    let promotion = cached.world.promotion(&TARGETS[..1]).await.with_referrers(ReferrerPolicy::Require);
    let error = promotion.run(release(&["hub/app:1"]), Until::Tagged, None).await.unwrap_err();
    assert_eq!(error.name(), Name::SourceAccessDenied, "{error}");
}

#[tokio::test]
async fn a_referrer_that_only_the_upstream_has_is_left_behind_unless_it_is_required() {
    let cached = cached().await;
    let sbom = Image::artifact("application/spdx+json").layer("an SBOM").subject(cached.index.descriptor()).build();
    cached.world.at(UPSTREAM).put("app", &sbom);
    let report = cached.promote(release(&["hub/app:1"])).await.unwrap();
    let [note] = report.notes.as_slice() else { panic!("{:?}", report.notes) };
    assert!(note.contains(sbom.digest()) && note.contains("a pull-through cache may list"), "{note}");
    let promotion = cached.world.promotion(&TARGETS[..1]).await.with_referrers(ReferrerPolicy::Require);
    let error = promotion.run(release(&["hub/app:1"]), Until::Tagged, None).await.unwrap_err();
    assert_eq!(error.name(), Name::RegistryLimit, "{error}");
}

#[tokio::test]
async fn an_upstream_that_cannot_be_asked_for_referrers_leaves_open_whether_there_are_any() {
    let cached = cached().await;
    cached.promote(cached.pinned()).await.unwrap();
    // What is not asked for by the tag of the image is asked for by those made of digests.
    let signatures = format!("sha256-{}.sig", cached.index.digest().trim_start_matches("sha256:"));
    for (operation, reference, code) in [
        ("ListImageReferrers", None, "UnableToListUpstreamImageReferrersException"),
        ("BatchGetImage", Some(signatures), "UnableToGetUpstreamImageException"),
    ] {
        let refusal = Fault::Error { code: code.to_owned(), message: None };
        let rule = FaultRule::always(operation, refusal).account(SOURCE);
        cached.world.double.fault(FaultRule { reference, ..rule });
        let report = cached.promote(release(&["hub/app:1"])).await.unwrap();
        let [note] = report.notes.as_slice() else { panic!("{operation}: {:?}", report.notes) };
        assert!(note.starts_with("not known: whether there are referrers"), "{note}");
        assert!(note.contains("check its rule"), "{note}");
        let promotion = cached.world.promotion(&TARGETS[..1]).await.with_referrers(ReferrerPolicy::Require);
        let error = promotion.run(release(&["hub/app:1"]), Until::Tagged, None).await.unwrap_err();
        assert_eq!(error.name(), Name::UnexpectedAnswer, "{error}");
        cached.world.double.clear_faults();
    }
}
