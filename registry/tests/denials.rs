//! What is said to whoever is not allowed: the name, and the statement that would let them in.

#[cfg(test)]
mod support;

use oci::Digest;
use promotion::pull::Consumer as _;
use promotion::{Error, Mounting, Name, Source, Target};
use registry::Side;
use support::*;

fn own_statement(actions: &str, resource: &str) -> String {
    format!(
        r#"Add to the identity policy of {ROLE_ARN}: {{"Effect":"Allow","Action":[{actions}],"Resource":"{resource}"}}"#
    )
}

fn check(error: &Error, name: Name, advice: &str) {
    assert_eq!((error.name(), error.is_temporary()), (name, false), "{error}");
    assert!(error.to_string().contains(advice), "{error}\n  lacks\n{advice}");
}

#[tokio::test]
async fn another_account_has_to_open_its_repository() {
    let stage = Stage::set().await;
    let reading = r#""ecr:BatchGetImage","ecr:GetDownloadUrlForLayer""#;
    let theirs = |actions: &str| {
        format!(
            r#"Add to the policy of repository myapp/api in account {OTHER}: {{"Effect":"Allow","Principal":{{"AWS":"{ROLE_ARN}"}},"Action":[{actions}]}}"#
        )
    };
    let source = stage.connect(OTHER, Side::Source).await;
    let error = source.manifests(&repository(), &[by_tag("1")]).await.unwrap_err();
    check(&error, Name::SourceAccessDenied, &theirs(reading));
    let error = read(&source, b"layer", 0).await.unwrap_err();
    check(&error, Name::SourceAccessDenied, &theirs(reading));
    let pull = stage.connect(OTHER, Side::Pull).await;
    check(
        &pull.pull_manifest(&repository(), &by_tag("1")).await.unwrap_err(),
        Name::TargetAccessDenied,
        &theirs(reading),
    );
    let target = stage.connect(OTHER, Side::Target).await;
    let error = target.start_upload(&repository()).await.unwrap_err();
    check(
        &error,
        Name::TargetAccessDenied,
        &theirs(r#""ecr:BatchCheckLayerAvailability","ecr:InitiateLayerUpload","#)[..40],
    );
    // The statement does what it says.
    let statement = error.to_string().split_once("444455556666: {").unwrap().1.to_owned();
    stage.other.set_policy("myapp/api", Some(&format!(r#"{{"Statement":[{{{statement}]}}"#)));
    target.start_upload(&repository()).await.unwrap();
    assert_eq!(target.mounting().await.unwrap(), Mounting::Referenced, "another account's setting cannot be asked for");
}

#[tokio::test]
async fn an_identity_policy_lacks_a_statement() {
    let stage = Stage::set().await;
    let manifest = hold(&stage.own, b"layer", None);
    let target = stage.target().await;
    stage.take("ecr:PutImage");
    let error = target.put_manifest(&repository(), &manifest, None).await.unwrap_err();
    let writing = r#""ecr:BatchCheckLayerAvailability","ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload","ecr:PutImage""#;
    let resource = "arn:aws:ecr:eu-west-1:111122223333:repository/myapp/api";
    check(&error, Name::TargetAccessDenied, &own_statement(writing, resource));
    stage.take("ecr:DescribeRepositories");
    let error = target.repository_settings(&[repository()]).await.unwrap_err();
    check(&error, Name::TargetAccessDenied, &own_statement(r#""ecr:DescribeRepositories""#, resource));
    stage.take("ecr:UploadLayerPart");
    let error = send(&target, &descriptor(b"x"), b"x").await.unwrap_err();
    check(&error, Name::TargetAccessDenied, &own_statement(writing, resource));
    stage.take("ecr:GetAuthorizationToken");
    let error = stage.source().await.registry().await.unwrap_err();
    check(&error, Name::SourceAccessDenied, &own_statement(r#""ecr:GetAuthorizationToken""#, "*"));
}

#[tokio::test]
async fn an_explicit_deny_is_named() {
    let stage = Stage::set().await;
    stage.deny("ecr:BatchCheckLayerAvailability");
    let error = stage.target().await.has_blobs(&repository(), &[Digest::of(b"x")]).await.unwrap_err();
    check(
        &error,
        Name::TargetAccessDenied,
        "This is an explicit deny in an identity-based policy, which no other policy outweighs",
    );
    assert!(!error.to_string().contains(r#""Effect""#), "{error}");
}
