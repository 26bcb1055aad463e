//! Who may do what: callers, tokens, repository policies, quotas.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::ImageIdentifier;
use ecr_double::{Caller, EcrDouble};
use serde_json::json;
use support::*;

async fn ask(ecr: &Client, account: &str) -> (String, String) {
    let id = ImageIdentifier::builder().image_tag("1").build();
    error(ecr.batch_get_image().registry_id(account).repository_name("app").image_ids(id).send().await)
}

/// The status of GET /v2/app/manifests/1 with the token of a caller.
async fn pull(double: &EcrDouble, ecr: &Client, account: &str, region: &str) -> u16 {
    let given = ecr.get_authorization_token().send().await.unwrap();
    let token = given.authorization_data()[0].authorization_token().unwrap();
    let host = double.registry(account, region).host().to_owned();
    let request = reqwest::Client::new().get(format!("http://{host}/v2/app/manifests/1"));
    request.header("authorization", format!("Basic {token}")).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn strangers_are_not_known_until_they_are() {
    let (double, registry) = start().await;
    seed(&registry, "app", "a", Some("1"));
    let ecr = client(&double, "ASIAEXAMPLE");
    assert_eq!(ask(&ecr, ACCOUNT).await.0, "UnrecognizedClientException");
    double.caller(Caller::named("ASIAEXAMPLE", ACCOUNT, "promoter"));
    double.identity_policies(&format!("arn:aws:iam::{ACCOUNT}:role/promoter"), &[everything()]);
    assert_eq!(ask(&ecr, ACCOUNT).await.0, "no error");
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/promoter/session");
    assert_eq!(double.requests().last().unwrap().caller.as_deref(), Some(arn.as_str()));
    assert_eq!(double.actions()[&arn][0].action, "ecr:BatchGetImage");
}

#[tokio::test]
async fn another_account_needs_the_repository_policy() {
    let (double, registry) = start().await;
    seed(&registry, "app", "a", Some("1"));
    let ecr = client(&double, OTHER);
    let (code, message) = ask(&ecr, ACCOUNT).await;
    assert_eq!(code, "AccessDeniedException");
    assert_eq!(
        message,
        format!(
            "User: arn:aws:iam::{OTHER}:root is not authorized to perform: ecr:BatchGetImage on resource: \
             arn:aws:ecr:{REGION}:{ACCOUNT}:repository/app because no resource-based policy allows the ecr:BatchGetImage \
             action"
        )
    );
    assert_eq!(pull(&double, &ecr, ACCOUNT, REGION).await, 403);
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{OTHER}:root") },
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    }]});
    let owner = client(&double, ACCOUNT);
    owner.set_repository_policy().repository_name("app").policy_text(policy.to_string()).send().await.unwrap();
    assert_eq!(ask(&ecr, ACCOUNT).await.0, "no error");
    assert_eq!(pull(&double, &ecr, ACCOUNT, REGION).await, 200);
    // Its own registry is another one.
    assert_eq!(ask(&ecr, OTHER).await.0, "RepositoryNotFoundException");
    let with_resource = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
    let refused = owner.set_repository_policy().repository_name("app").policy_text(with_resource).send().await;
    assert_eq!(support::code(refused), "InvalidParameterException");
}

#[tokio::test]
async fn tokens_expire_and_belong_to_a_region() {
    let (double, registry) = start().await;
    seed(&registry, "app", "a", Some("1"));
    let ecr = client(&double, ACCOUNT);
    assert_eq!(pull(&double, &ecr, ACCOUNT, REGION).await, 200);
    assert_eq!(pull(&double, &client_in(&double, ACCOUNT, "us-east-1"), ACCOUNT, REGION).await, 403);
    let token = registry.token();
    let manifest = async || {
        let request = reqwest::Client::new().get(format!("http://{}/v2/app/manifests/1", registry.host()));
        let answer = request.header("authorization", format!("Basic {token}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(manifest().await.0, 200);
    double.advance_clock(Duration::from_secs(12 * 3600));
    let (status, text) = manifest().await;
    assert_eq!(status, 403);
    assert!(text.contains("Your authorization token has expired. Reauthenticate and try again."), "{text}");
}

#[tokio::test]
async fn a_token_names_the_endpoint_of_each_registry() {
    let (double, registry) = start().await;
    let given = client(&double, ACCOUNT);
    #[allow(deprecated)]
    let given = given.get_authorization_token().registry_ids(ACCOUNT).registry_ids(OTHER).send().await.unwrap();
    let endpoints: Vec<_> = given.authorization_data().iter().map(|data| data.proxy_endpoint().unwrap()).collect();
    let other = double.registry(OTHER, REGION);
    assert_eq!(endpoints, [format!("http://{}", registry.host()), format!("http://{}", other.host())]);
    let ipv4 = "https://{account}.dkr.ecr.{region}.amazonaws.com";
    double.switch(|switches| switches.proxy_endpoint = Some(ipv4.to_owned()));
    let given = client(&double, ACCOUNT).get_authorization_token().send().await.unwrap();
    assert_eq!(
        given.authorization_data()[0].proxy_endpoint(),
        Some("https://111122223333.dkr.ecr.eu-west-1.amazonaws.com")
    );
}

#[tokio::test]
async fn quotas_throttle_the_api_and_v2_alike() {
    let (double, registry) = start().await;
    seed(&registry, "app", "a", Some("1"));
    double.quotas(BTreeMap::from([("BatchGetImage".to_owned(), 2.0)]));
    let ecr = client(&double, ACCOUNT);
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(ask(&ecr, ACCOUNT).await);
    }
    assert_eq!(codes[2], ("ThrottlingException".to_owned(), "Rate exceeded".to_owned()));
    assert_eq!(pull(&double, &ecr, ACCOUNT, REGION).await, 429);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(pull(&double, &ecr, ACCOUNT, REGION).await, 200);
}

#[tokio::test]
async fn requests_are_unsigned_or_scoped_to_another_service_at_their_peril() {
    let (double, _registry) = start().await;
    let send = async |authorization: Option<&str>| {
        let mut request =
            reqwest::Client::new().post(double.api_endpoint()).body("{}").header("x-amz-date", "20260101T000000Z");
        request = request.header("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let body: serde_json::Value =
            serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
        body["__type"].as_str().unwrap_or("fine").to_owned()
    };
    let signed = |service: &str| {
        let scope = format!("{ACCOUNT}/20260101/{REGION}/{service}/aws4_request");
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={}", "0".repeat(64))
    };
    assert_eq!(send(None).await, "MissingAuthenticationTokenException");
    assert_eq!(send(Some("Basic abc")).await, "IncompleteSignatureException");
    assert_eq!(send(Some(&signed("s3"))).await, "InvalidSignatureException");
    assert_eq!(send(Some(&signed("ecr"))).await, "fine");
}
