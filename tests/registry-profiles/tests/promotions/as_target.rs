//! From a registry of the specification to each.

use promotion::Name;
use registry_profiles::{Profile, profiles};

use crate::setup::Setup;

async fn promote(profile: Profile) {
    let setup = Setup::new(profiles::specified(), profile).await;
    setup.promote_and_judge().await;
    let before = setup.target.manifest("team/sidecar", "1.0");
    let (moved, report) = setup.move_the_tag().await;
    let held = setup.target.manifest(&moved.repository, &moved.tag);
    if setup.target.profile().immutable.is_some() {
        assert_eq!(report.unwrap_err().name(), Name::TagConflict);
        assert_eq!(held, before);
    } else {
        report.unwrap();
        assert_eq!(held.as_deref(), Some(moved.bytes()));
    }
}

// registry.k8s.io takes no writes. ECR Public takes those of a repository's owner.
each_profile! {
    specified ecr_public ghcr docker_hub quay harbor artifactory gitlab artifact_registry acr zot
}
