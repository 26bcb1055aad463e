use std::time::Duration;

use image_fixtures::{Fixture, referrers_tag};
use promotion::pull::{By, Mode, pull};
use promotion::{Error, Limits, Outcome, PinnedImage, Promotion, Release, Report, RetryPolicy, Until};
use registry::{Distribution, Distributions, Login, Network, Side};
use registry_profiles::{Absent, PASSWORD, Profile, Referrers, Registry, USER};
use serde_json::Value;

use crate::images::{Images, moved, without_lists};

/// Patience without waiting.
pub(crate) fn retries() -> RetryPolicy {
    let [initial_backoff, max_backoff, lag] = [1, 8, 63].map(Duration::from_millis);
    RetryPolicy { attempts: 8, initial_backoff, max_backoff, lag, ..RetryPolicy::default() }
}

/// A source that holds the images, and an empty target.
pub(crate) struct Setup {
    pub(crate) source: Registry,
    pub(crate) target: Registry,
    pub(crate) images: Images,
    distributions: Distributions,
}

impl Setup {
    pub(crate) async fn new(source: Profile, target: Profile) -> Self {
        let (source, target) = (Registry::start(source).await, Registry::start(target).await);
        let images = Images::new();
        for image in images.all() {
            if lists_referrers(&source) {
                source.hold(&without_lists(image))
            } else {
                source.hold(image)
            }
            target.create(&image.repository);
        }
        Self { source, target, images, distributions: Distributions::new(&Network::default()).unwrap() }
    }

    /// Connections share what is costly to set up.
    pub(crate) fn connect(&self, registry: &Registry, side: Side, login: Login) -> Distribution {
        self.distributions.connect(registry.address().parse().unwrap(), login, side)
    }

    fn promotion(&self) -> Promotion<Distribution, Distribution> {
        let source = self.connect(&self.source, Side::Source, known());
        let target = self.connect(&self.target, Side::Target, known());
        Promotion::new(source, [target], retries(), Limits::default())
    }

    pub(crate) async fn promote(&self, release: Release) -> Result<Report, Error> {
        Box::pin(self.promotion().run(release, Until::Tagged, None)).await
    }

    /// Promotes twice, and judges the target by what it holds.
    pub(crate) async fn promote_and_judge(&self) {
        self.check().await;
        let report = self.promote(self.images.release()).await.unwrap();
        self.assert_notes(&report.notes);
        self.assert_is_whole();
        self.target.settle();
        self.verify(report.images.clone()).await;
        self.assert_again_writes_nothing().await;
        assert!(!self.source.leaked() && !self.target.leaked(), "a credential went to another host");
    }

    /// Nothing is worth telling but that a target does not say what it has.
    fn assert_notes(&self, notes: &[String]) {
        let Absent { repository, manifest, .. } = &self.target.profile().absent;
        let denies = [repository, manifest].iter().any(|refusal| matches!(refusal.status, 401 | 403));
        assert_eq!(notes.is_empty(), !denies, "{notes:?}");
        assert!(notes.iter().all(|note| note.starts_with("not known: ")), "{notes:?}");
    }

    /// Looks at everything, and writes nothing.
    async fn check(&self) {
        let survey = Box::pin(self.promotion().survey(self.images.release())).await;
        let plan = survey.judge().unwrap().plan();
        assert!(!plan.is_empty());
        assert_eq!(self.target.writes(), []);
    }

    /// Pulls every byte, as whoever runs the images.
    pub(crate) async fn verify(&self, images: Vec<PinnedImage>) {
        let target = self.connect(&self.target, Side::Pull, known());
        for mode in [Mode::Reach, Mode::Full] {
            Box::pin(pull(vec![target.clone()], &images, By::Tag, mode, retries())).await.unwrap();
        }
    }

    async fn assert_again_writes_nothing(&self) {
        self.target.reset();
        let report = self.promote(self.images.release()).await.unwrap();
        assert_eq!(self.target.writes(), []);
        assert!(report.targets[0].outcomes.iter().all(|outcome| *outcome == Outcome::Present), "{report:?}");
    }

    /// The source's tag moves, and the target's follows or may not.
    pub(crate) async fn move_the_tag(&self) -> (Fixture, Result<Report, Error>) {
        let moved = moved(&self.images.sidecar);
        self.source.hold(&moved);
        let release = format!(r#"{{"images":[{}]}}"#, moved.entry());
        let report = self.promote(Release::parse(release.as_bytes()).unwrap()).await;
        (moved, report)
    }

    /// Every manifest and blob byte for byte, every tag, and all referrers, in the way of this registry and in no other.
    pub(crate) fn assert_is_whole(&self) {
        let target = &self.target;
        for image in self.images.all().map(without_lists) {
            for manifest in &image.manifests {
                let held = target.manifest(&image.repository, &manifest.digest);
                assert_eq!(held.as_deref(), Some(&*manifest.bytes), "{}", manifest.digest);
                for tag in &manifest.tags {
                    let held = target.manifest(&image.repository, tag);
                    assert_eq!(held.as_deref(), Some(&*manifest.bytes), "{tag}");
                }
            }
            for (digest, bytes) in &image.blobs {
                assert_eq!(target.blob(&image.repository, digest).as_deref(), Some(&**bytes), "{digest}");
            }
        }
        for (subject, referrer) in self.images.referrers() {
            let tag = referrers_tag(&subject);
            if lists_referrers(target) {
                assert!(target.referrers("team/app", &subject).contains(&referrer), "{referrer} is not listed");
                assert!(!target.tags("team/app").contains(&tag), "a tag that nobody needs: {tag}");
            } else {
                let list = target.manifest("team/app", &tag).unwrap_or_else(|| panic!("no list {tag}"));
                let list: Value = serde_json::from_slice(&list).unwrap();
                let listed = list["manifests"].as_array().unwrap();
                assert!(listed.iter().any(|entry| entry["digest"] == referrer.as_str()), "{list}");
            }
        }
    }
}

/// The login of whoever may read and write.
pub(crate) fn known() -> Login {
    Login::Basic { user: USER.into(), password: PASSWORD.into(), from: "a test".into() }
}

/// Whether clients have no list to keep there.
pub(crate) fn lists_referrers(registry: &Registry) -> bool {
    matches!(registry.profile().referrers, Referrers::Listed(_))
}
