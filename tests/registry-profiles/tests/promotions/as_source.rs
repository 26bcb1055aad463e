//! From each registry to one of the specification.

use oci::Reference;
use promotion::Retrying;
use promotion::pull::Consumer as _;
use registry::{Login, Side};
use registry_profiles::{Auth, Profile, REFRESH_TOKEN, profiles};

use crate::setup::{Setup, retries};

async fn promote(profile: Profile) {
    let setup = Setup::new(profile, profiles::specified()).await;
    setup.promote_and_judge().await;
    assert_eq!(setup.source.writes(), []);
    let (moved, report) = setup.move_the_tag().await;
    report.unwrap();
    assert_eq!(setup.target.manifest(&moved.repository, &moved.tag).as_deref(), Some(moved.bytes()));
}

each_profile! {
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
        pull(&setup, Login::Anonymous).await;
    }
}

/// What `az acr login` and `docker login` with a browser leave behind buys tokens as well as a password does.
#[tokio::test]
async fn identity_tokens_buy_tokens() {
    let has_tokens = |profile: &Profile| matches!(profile.auth, Auth::Bearer(_));
    for profile in profiles::all().into_iter().filter(has_tokens) {
        let setup = Setup::new(profile, profiles::specified()).await;
        let login = Login::IdentityToken { token: REFRESH_TOKEN.into(), from: "a test".into() };
        pull(&setup, login).await;
    }
}

async fn pull(setup: &Setup, login: Login) {
    let source = Retrying::new(setup.connect(&setup.source, Side::Source, login), retries());
    let app = &setup.images.app;
    let (repository, tag) = (app.repository.parse().unwrap(), Reference::Tag(app.tag.parse().unwrap()));
    let pulled = source.ask(|source| source.pull_manifest(&repository, &tag)).await;
    assert_eq!(pulled.unwrap().digest().to_string(), app.digest, "{}", setup.source.profile().name);
}
