//! From each registry to one of the specification.

use promotion::Retrying;
use promotion::pull::Consumer as _;
use registry::{Login, Side};
use registry_profiles::{Auth, Profile, profiles};

use crate::setup::{Setup, retries};

async fn promote(profile: Profile) {
    let setup = Setup::new(profile, profiles::specified()).await;
    setup.promote_and_judge().await;
    assert_eq!(setup.source.writes(), []);
    let (moved, report) = setup.move_the_tag().await;
    report.unwrap();
    assert_eq!(setup.target.manifest(&moved.repository, &moved.tag).as_deref(), Some(moved.bytes()));
}

macro_rules! each {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                promote(profiles::$name()).await;
            }
        )*
    };
}

each! {
    specified ecr_public ghcr docker_hub quay harbor artifactory gitlab artifact_registry acr kubernetes zot
}

/// Those that anybody may pull from are pulled from by anybody.
#[tokio::test]
async fn public_ones_need_no_login() {
    let is_public = |profile: &Profile| match &profile.auth {
        Auth::Open => true,
        Auth::Basic { .. } => false,
        Auth::Bearer(bearer) => bearer.is_public,
    };
    for profile in profiles::all().into_iter().filter(is_public) {
        let setup = Setup::new(profile, profiles::specified()).await;
        let source = setup.connect(&setup.source, Side::Source, Login::Anonymous);
        let app = &setup.images.app;
        let (repository, tag) = (app.repository.parse().unwrap(), oci::Reference::Tag(app.tag.parse().unwrap()));
        let source = Retrying::new(source, retries());
        let pulled = source.ask(|source| source.pull_manifest(&repository, &tag)).await;
        let name = setup.source.profile().name;
        assert_eq!(pulled.unwrap().digest().to_string(), app.digest, "{name}");
    }
}
