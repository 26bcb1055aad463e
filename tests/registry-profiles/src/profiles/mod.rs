//! The profiles, one file each.
//!
//! What a profile does not change is as the specification has it: that says nothing of how the registry really answers.

mod acr;
mod artifact_registry;
mod artifactory;
mod docker_hub;
mod ecr_public;
mod ghcr;
mod gitlab;
mod harbor;
mod kubernetes;
mod quay;
mod zot;

pub use acr::acr;
pub use artifact_registry::artifact_registry;
pub use artifactory::artifactory;
pub use docker_hub::docker_hub;
pub use ecr_public::ecr_public;
pub use ghcr::ghcr;
pub use gitlab::gitlab;
pub use harbor::harbor;
pub use kubernetes::kubernetes;
pub use quay::quay;
pub use zot::zot;

use crate::Profile;

/// A registry of the specification.
#[must_use]
pub fn specified() -> Profile {
    Profile::specified("specified")
}

/// All profiles of real registries.
#[must_use]
pub fn all() -> Vec<Profile> {
    vec![
        ecr_public(),
        ghcr(),
        docker_hub(),
        quay(),
        harbor(),
        artifactory(),
        gitlab(),
        artifact_registry(),
        acr(),
        kubernetes(),
        zot(),
    ]
}
