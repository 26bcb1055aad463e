//! Where each manifest that is read counts as a pull, of which there are a hundred in six hours.

use std::ops::Range;

use image_fixtures::{referrers_tag, sha256};
use oci::{Descriptor, Digest, Reference, Registry, Repository, Tag};
use promotion::{Error, Limits, Lookup, OpenBlob, Outcome, Promotion, Referrers, Report, Source, Until};
use registry::{Blob, Distribution, Side};
use registry_profiles::{Profile, profiles};

use crate::setup::{Setup, known, retries};

/// Docker Hub as a client knows it by its name: here it has another one.
#[derive(Debug)]
struct Hub(Distribution);

impl Source for Hub {
    type Blob = Blob;

    fn counts_pulls(&self) -> bool {
        true
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn batch_size(&self) -> usize {
        self.0.batch_size()
    }

    async fn registry(&self) -> Result<Registry, Error> {
        self.0.registry().await
    }

    async fn manifests(&self, repository: &Repository, references: &[Reference]) -> Result<Vec<Lookup>, Error> {
        self.0.manifests(repository, references).await
    }

    async fn digest(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, Error> {
        self.0.digest(repository, tag).await
    }

    async fn open_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        range: Range<u64>,
    ) -> Result<OpenBlob<Blob>, Error> {
        self.0.open_blob(repository, blob, range).await
    }

    async fn referrers(&self, repository: &Repository, subject: Digest) -> Result<Referrers, Error> {
        self.0.referrers(repository, subject).await
    }

    async fn tags(&self, repository: &Repository, prefix: &str) -> Result<Option<Vec<Tag>>, Error> {
        self.0.tags(repository, prefix).await
    }

    fn lists_tags_cheaply(&self) -> bool {
        self.0.lists_tags_cheaply()
    }

    fn requests(&self) -> u64 {
        self.0.requests()
    }
}

async fn promote(setup: &Setup) -> Report {
    setup.source.reset();
    let source = Hub(setup.connect(&setup.source, Side::Source, known()));
    let target = setup.connect(&setup.target, Side::Target, known());
    let promotion = Promotion::new(source, [target], retries(), Limits::default());
    Box::pin(promotion.run(setup.images.release(), Until::Tagged, None)).await.unwrap()
}

/// docker/docs, hub/usage/pulls.md: a GET of a manifest is a pull, a HEAD is none.
fn pulls(setup: &Setup) -> Vec<String> {
    let read = setup.source.requests_of("GET manifests").into_iter().filter(|seen| seen.status == 200);
    let mut targets: Vec<_> = read.map(|seen| seen.target).collect();
    targets.sort();
    targets
}

#[tokio::test]
async fn a_release_costs_a_pull_for_each_manifest_and_a_second_run_none() {
    let hub = Profile { throttle: None, ..profiles::docker_hub() };
    for target in [profiles::specified(), Profile { lag: profiles::specified().lag, ..hub.clone() }] {
        let is_listing = matches!(target.referrers, registry_profiles::Referrers::Listed(_));
        let setup = Setup::new(hub.clone(), target).await;
        promote(&setup).await;
        setup.assert_is_whole();
        let mut once = pulls(&setup);
        let count = once.len();
        once.dedup();
        assert_eq!(once.len(), count, "a manifest was pulled twice: {once:?}");
        let manifests: usize = setup.images.all().iter().map(|image| image.manifests.len()).sum();
        assert!(count <= manifests, "{count} pulls of {manifests} manifests");
        let report = promote(&setup).await;
        assert!(report.targets[0].outcomes.iter().all(|outcome| *outcome == Outcome::Present), "{report:?}");
        // A target that lists referrers itself has no use for the lists that clients keep at Docker Hub, and so does not
        // have them: what is on them is not known without reading them.
        let again = pulls(&setup);
        let lists = setup.images.referrers().into_iter().map(|(subject, _)| referrers_tag(subject));
        let lists = lists.filter_map(|tag| setup.source.manifest("team/app", &tag)).map(sha256);
        let mut lists: Vec<_> = lists.map(|digest| format!("/v2/team/app/manifests/{digest}")).collect();
        lists.sort();
        assert_eq!(again, if is_listing { lists } else { vec![] });
    }
}
