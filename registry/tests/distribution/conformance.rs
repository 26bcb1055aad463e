use base64::Engine as _;
use ecr_double::{Config, EcrDouble, RegistryHandle};
use oci::Reference;
use promotion::pull::Consumer as _;
use promotion::{Name, ReferrerList, Referrers, Source};
use registry::{Address, Distribution, Distributions, Login, Network, Side};

const ACCOUNT: &str = "444455556666";
const REGION: &str = "eu-west-1";

async fn double() -> (EcrDouble, RegistryHandle) {
    let double = EcrDouble::start(Config::default().registry(ACCOUNT, REGION)).await.unwrap();
    let registry = double.registry(ACCOUNT, REGION);
    for repository in ["app", "sibling"] {
        registry.create_repository(repository);
    }
    (double, registry)
}

fn client(registry: &RegistryHandle, login: Login, side: Side) -> Distribution {
    let address: Address = format!("http://{}", registry.host()).parse().unwrap();
    Distributions::new(&Network::default()).unwrap().connect(address, login, side)
}

fn login(registry: &RegistryHandle) -> Login {
    let pair = base64::engine::general_purpose::STANDARD.decode(registry.token()).unwrap();
    let pair = String::from_utf8(pair).unwrap();
    let (user, password) = pair.split_once(':').unwrap();
    Login::Basic { user: user.into(), password: password.into(), from: "a test".into() }
}

#[tokio::test]
async fn the_client_conforms() {
    for mounting in [false, true] {
        let (double, registry) = double().await;
        registry.blob_mounting(mounting);
        double.switch(|switches| switches.relative_locations = mounting);
        let client = client(&registry, login(&registry), Side::Target);
        let [app, sibling] = ["app", "sibling"].map(|name| name.parse().unwrap());
        promotion::conformance::all(&client, &app, &sibling, None).await;
        // Whoever has a login asks the registry once what it wants, and is never refused for having shown nothing.
        let requests = double.requests();
        assert_eq!(requests.iter().filter(|request| request.status == 401).count(), 1, "{requests:?}");
    }
}

#[tokio::test]
async fn what_is_missing_and_what_is_denied_is_named_by_side() {
    let (_double, registry) = double().await;
    let missing = "missing".parse().unwrap();
    let target = client(&registry, login(&registry), Side::Target);
    let error = promotion::Target::start_upload(&target, &missing).await.map(drop).unwrap_err();
    assert_eq!(error.name(), Name::TargetRepositoryNotFound, "{error}");
    assert!(error.to_string().contains("missing") && !error.is_temporary(), "{error}");
    let tag = Reference::Tag("1".parse().unwrap());
    assert!(target.manifests(&missing, std::slice::from_ref(&tag)).await.unwrap()[0].as_ref().unwrap().is_none());
    let app = "app".parse().unwrap();
    let wrong = Login::Basic { user: "AWS".into(), password: "wr0ng".into(), from: "a file".into() };
    for (side, login, name) in [
        (Side::Source, Login::Anonymous, Name::SourceAccessDenied),
        (Side::Target, Login::Anonymous, Name::TargetAccessDenied),
        (Side::Pull, wrong.clone(), Name::TargetAccessDenied),
        (Side::Source, wrong, Name::SourceAccessDenied),
    ] {
        let shown = login.to_string();
        let anonymous = login == Login::Anonymous;
        let client = client(&registry, login, side);
        let error = client.pull_manifest(&app, &tag).await.unwrap_err();
        assert_eq!(error.name(), name, "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("docker login {}", registry.host())), "{text}");
        assert!(text.contains("app") && !text.contains("wr0ng") && (anonymous || text.contains(&shown)), "{text}");
    }
}

#[tokio::test]
async fn lists_are_read() {
    let (_double, registry) = double().await;
    let client = client(&registry, login(&registry), Side::Source);
    let app = "app".parse().unwrap();
    assert_eq!(client.tags(&app, "").await.unwrap(), Some(vec![]));
    let referrers = client.referrers(&app, oci::Digest::of(b"nothing")).await.unwrap();
    assert!(matches!(referrers, Referrers::Listed(list) if list == ReferrerList::default()));
}
