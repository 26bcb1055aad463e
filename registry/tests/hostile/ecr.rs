//! ECR itself is trusted more than others: its token comes with AWS credentials. Where it leads is not.

use bytes::Bytes;
use ecr_double::{Config, EcrDouble, Fault, FaultRule};
use futures_util::{StreamExt as _, stream};
use promotion::pull::Consumer as _;
use promotion::{Error, Name, Source as _, Target as _};
use registry::{Connector, Ecr, Identity, RegistryId, Side};

use crate::server::{Asked, Hostile};
use crate::{app, blob, sdk, tag};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

async fn ecr() -> (EcrDouble, Ecr) {
    let double = EcrDouble::start(Config::default().registry(ACCOUNT, REGION)).await.unwrap();
    let registry = double.registry(ACCOUNT, REGION);
    registry.create_repository("app");
    registry.put_blob("app", b"layer");
    double.switch(|switches| switches.v2_blob_needs_image = false);
    let config = sdk::config(&double.api_endpoint(), ACCOUNT, REGION);
    let identity = Identity::from_arn(&format!("arn:aws:iam::{ACCOUNT}:root")).unwrap();
    let connector = Connector::new(&config, identity).unwrap();
    let client = connector.connect(RegistryId::new(ACCOUNT, REGION), Side::Target, None).await.unwrap();
    (double, client)
}

async fn read(client: &Ecr) -> Result<Bytes, Error> {
    let mut body = client.open_blob(&app(), &blob(b"layer"), 0..5).await?.bytes;
    body.next().await.unwrap()
}

fn assert_shown_to_nobody(double: &EcrDouble, foreign: &Hostile) {
    let token = double.registry(ACCOUNT, REGION).token();
    let seen = foreign.seen().concat();
    assert!(!seen.is_empty() && !seen.contains(&token), "{seen}");
    assert!(!seen.to_lowercase().contains("authorization") && !seen.to_lowercase().contains("x-amz-"), "{seen}");
}

#[tokio::test]
async fn its_redirect_to_s3_is_followed_without_the_token() {
    let (double, client) = ecr().await;
    assert_eq!(read(&client).await.unwrap(), "layer");
    let asked = double.requests_of("s3.GetObject");
    assert_eq!((asked.len(), asked[0].authorised), (1, false));
    assert!(double.requests_of("v2.GetBlob")[0].authorised);
}

#[tokio::test]
async fn nobody_whom_it_leads_to_gets_the_token() {
    for answer in [
        "401 Unauthorized\nwww-authenticate: Basic realm=\"mine\",service=\"ecr.amazonaws.com\"\n\n",
        "403 Forbidden\n\n{\"errors\":[{\"code\":\"DENIED\",\"message\":\"Your authorization token has expired. Reauthenticate\"}]}",
    ] {
        let foreign = Hostile::start(move |_: &Asked| answer);
        let (double, client) = ecr().await;
        double.fault(FaultRule::always("v2.GetBlob", Fault::Redirect { url: format!("{}/blob", foreign.address()) }));
        let error = read(&client).await.unwrap_err();
        // Storage that refuses an address is asked again, with another address.
        assert_eq!((error.name(), error.is_temporary()), (Name::RegistryUnavailable, true), "{error}");
        assert_shown_to_nobody(&double, &foreign);
        assert_eq!(double.requests_of("GetAuthorizationToken").len(), 1, "no other token was fetched for it");
    }
    let foreign = Hostile::start(|_: &Asked| "201 Created\ncontent-length: 0\n\n");
    let (double, client) = ecr().await;
    double.fault(FaultRule::always("v2.StartUpload", Fault::Location { url: format!("{}/up", foreign.address()) }));
    let upload = client.start_upload(&app()).await.unwrap();
    client.put_blob(upload, &blob(b"layer"), stream::iter([Ok(Bytes::from_static(b"layer"))])).await.unwrap();
    assert_shown_to_nobody(&double, &foreign);
    assert!(!client.has_blobs(&app(), &[oci::Digest::of(b"other")]).await.unwrap()[0]);
}

#[tokio::test]
async fn it_leads_nobody_inwards() {
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "file:///etc/passwd",
        "http://10.0.0.1/",
    ] {
        let (double, client) = ecr().await;
        double.fault(FaultRule::always("v2.*", Fault::Redirect { url: url.into() }));
        for error in [read(&client).await.unwrap_err(), client.pull_manifest(&app(), &tag()).await.unwrap_err()] {
            assert_eq!((error.name(), error.is_temporary()), (Name::UnexpectedAnswer, false), "{error}");
            assert!(error.to_string().contains("sends us on to") && error.to_string().contains(ACCOUNT), "{error}");
        }
    }
}
