//! Identity policies on every way into a registry: the API, and `/v2` with a token, which is its caller's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use aws_sdk_ecr::types::ImageIdentifier;
use ecr_double::{Caller, EcrDouble, RegistryHandle, sha256};
use reqwest::Method;
use serde_json::{Value, json};
use support::http::*;
use support::*;

const KEY: &str = "ASIAEXAMPLE";
const ROLE: &str = "arn:aws:iam::111122223333:role/promoter";
const APP: &str = "arn:aws:ecr:eu-west-1:111122223333:repository/app";

/// A double with an image in `app`, and a role that has no policy yet.
async fn stage() -> (EcrDouble, RegistryHandle) {
    let (double, registry) = start().await;
    seed(&registry, "app", "a", Some("1"));
    double.caller(Caller::named(KEY, ACCOUNT, "promoter"));
    (double, registry)
}

fn no(action: &str) -> String {
    format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/promoter/session is not authorized to perform: {action} on resource: \
         {APP} because no identity-based policy allows the {action} action"
    )
}

/// The status of an answer of `/v2`, with the code and the message of an error.
async fn said(response: reqwest::Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default();
    let text = |name: &str| body["errors"][0][name].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("message"))
}

#[tokio::test]
async fn without_a_policy_nothing_is_allowed_but_to_an_accounts_root() {
    let (double, registry) = stage().await;
    let id = ImageIdentifier::builder().image_tag("1").build();
    let ask = async |key: &str| {
        error(client(&double, key).batch_get_image().repository_name("app").image_ids(id.clone()).send().await)
    };
    let (code, message) = ask(KEY).await;
    assert_eq!((code.as_str(), message), ("AccessDeniedException", no("ecr:BatchGetImage")));
    assert_eq!(ask(ACCOUNT).await.0, "no error");
    let token = error(client(&double, KEY).get_authorization_token().send().await).1;
    assert!(token.contains("ecr:GetAuthorizationToken on resource: * because no identity-based"), "{token}");
    double.identity_policies(ROLE, &[policy(json!({ "Effect": "Allow", "Action": "ecr:Batch*", "Resource": APP }))]);
    assert_eq!(ask(KEY).await.0, "no error");
    // As everything2/everything2#2562 has it for a pull.
    let http = Http::with(&registry, registry.token_of(&Caller::named(KEY, ACCOUNT, "promoter")));
    assert_eq!(http.ask(Method::GET, "/v2/app/manifests/1").send().await.unwrap().status(), 200);
    double.identity_policies(ROLE, &[]);
    let refused = http.ask(Method::GET, "/v2/app/manifests/1").send().await.unwrap();
    assert_eq!(
        said(refused).await,
        (403, "DENIED".to_owned(), no("ecr:BatchGetImage")),
        "the token gives nothing itself"
    );
}

#[tokio::test]
async fn each_request_to_v2_needs_the_action_of_the_api() {
    let (double, registry) = stage().await;
    let http = Http::with(&registry, registry.token_of(&Caller::named(KEY, ACCOUNT, "promoter")));
    let (_, layer) = blobs("a");
    let blob = format!("/v2/app/blobs/{}", sha256(&layer));
    let referrers = format!("/v2/app/referrers/{}", registry.tags("app")["1"]);
    for (method, path, action) in [
        (Method::GET, "/v2/app/manifests/1", "ecr:BatchGetImage"),
        (Method::HEAD, "/v2/app/manifests/1", "ecr:BatchGetImage"),
        (Method::PUT, "/v2/app/manifests/2", "ecr:PutImage"),
        (Method::DELETE, "/v2/app/manifests/1", "ecr:BatchDeleteImage"),
        (Method::HEAD, &blob, "ecr:BatchCheckLayerAvailability"),
        (Method::GET, &blob, "ecr:GetDownloadUrlForLayer"),
        (Method::POST, "/v2/app/blobs/uploads/", "ecr:InitiateLayerUpload"),
        (Method::PATCH, "/v2/app/blobs/uploads/1", "ecr:UploadLayerPart"),
        (Method::PUT, "/v2/app/blobs/uploads/1?digest=x", "ecr:CompleteLayerUpload"),
        (Method::GET, "/v2/app/tags/list", "ecr:ListImages"),
        (Method::GET, &referrers, "ecr:BatchGetImage"),
    ] {
        let but = policy(json!({ "Effect": "Allow", "NotAction": action, "Resource": "*" }));
        double.identity_policies(ROLE, &[but]);
        let refused = said(http.ask(method.clone(), path).send().await.unwrap()).await;
        let (code, message) =
            if method == Method::HEAD { Default::default() } else { ("DENIED".to_owned(), no(action)) };
        assert_eq!(refused, (403, code, message), "{method} {path}");
        // With that action alone what follows is about the request.
        let mut alone = vec![action];
        if action == "ecr:CompleteLayerUpload" {
            // The body of this PUT is a part.
            alone.push("ecr:UploadLayerPart");
        }
        double.identity_policies(ROLE, &[policy(json!({ "Effect": "Allow", "Action": alone, "Resource": APP }))]);
        let allowed = http.ask(method.clone(), path).send().await.unwrap();
        assert_ne!(allowed.status(), 403, "{method} {path}");
    }
}

#[tokio::test]
#[should_panic(expected = "aws:PrincipalOrgID is not known here")]
async fn a_policy_that_would_count_for_nothing_is_refused() {
    let (double, _registry) = stage().await;
    let condition = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } });
    let allow = json!({ "Effect": "Allow", "Action": "ecr:*", "Resource": "*", "Condition": condition });
    double.identity_policies(ROLE, &[policy(allow)]);
}
