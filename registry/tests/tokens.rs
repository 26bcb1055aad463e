//! Tokens of `/v2`: fetched when needed, replaced once when refused, never shown.

#[cfg(test)]
mod support;

use std::time::Duration;

use ecr_double::{Fault, FaultRule};
use promotion::pull::Consumer as _;
use promotion::{Name, Source, Target};
use registry::Side;
use support::*;

#[tokio::test]
async fn the_registry_is_named_by_ecr_itself() {
    let stage = Stage::set().await;
    assert_eq!(stage.source().await.registry().await.unwrap().as_str(), stage.own.host());
    assert_eq!(stage.connect(OTHER, Side::Target).await.registry().await.unwrap().as_str(), stage.other.host());
}

#[tokio::test]
async fn many_blobs_cost_one_token() {
    let stage = Stage::set().await;
    hold(&stage.own, b"layer", None);
    let source = stage.source().await;
    let reads = (0..20).map(|_| {
        let source = source.clone();
        async move { read(&source, b"layer", 0).await.unwrap() }
    });
    futures_util::future::join_all(reads).await;
    assert_eq!(stage.count("GetAuthorizationToken"), 1);
}

#[tokio::test]
async fn an_expired_token_is_replaced_once() {
    let stage = Stage::set().await;
    hold(&stage.own, b"layer", Some("1"));
    let (source, target) = (stage.source().await, stage.target().await);
    source.registry().await.unwrap();
    target.registry().await.unwrap();
    stage.double.reset_requests();
    stage.double.expire_tokens();
    let reads = (0..10).map(|_| read(&source, b"layer", 0));
    for read in futures_util::future::join_all(reads).await {
        assert_eq!(read.unwrap(), b"layer");
    }
    assert_eq!(stage.count("GetAuthorizationToken"), 1);
    stage.double.advance_clock(Duration::from_secs(13 * 3600));
    source.pull_manifest(&repository(), &by_tag("1")).await.unwrap();
    target.start_upload(&repository()).await.unwrap();
    assert_eq!(stage.count("GetAuthorizationToken"), 3);
}

#[tokio::test]
async fn a_token_that_stays_refused_is_a_denial() {
    let stage = Stage::set().await;
    hold(&stage.own, b"layer", None);
    let source = stage.source().await;
    stage.double.fault(FaultRule::always("v2.*", Fault::ExpireToken));
    let error = read(&source, b"layer", 0).await.unwrap_err();
    assert_eq!((error.name(), error.is_temporary()), (Name::SourceAccessDenied, false), "{error}");
    assert_eq!((stage.count("GetAuthorizationToken"), stage.count("v2.GetBlob")), (2, 2));
}

#[tokio::test]
async fn a_token_refused_with_the_body_on_its_way_is_replaced_by_the_next_upload() {
    let stage = Stage::set().await;
    let target = stage.target().await;
    stage.double.fault(FaultRule::once("v2.PutUpload", Fault::ExpireToken));
    let error = send(&target, &descriptor(b"layer"), b"layer").await.unwrap_err();
    assert_eq!((error.name(), error.is_temporary()), (Name::RegistryUnavailable, true), "{error}");
    assert_eq!(stage.count("GetAuthorizationToken"), 1);
    send(&target, &descriptor(b"layer"), b"layer").await.unwrap();
    assert_eq!(stage.count("GetAuthorizationToken"), 2);
}

#[tokio::test]
async fn nothing_shows_a_token() {
    let stage = Stage::set().await;
    let target = stage.target().await;
    let upload = target.start_upload(&repository()).await.unwrap();
    let token = stage.own.token();
    let shown = format!("{target:?} {upload:?} {:?}", stage.connector());
    assert!(!shown.contains(&token) && !shown.contains("secret") && !shown.contains("QVdT"), "{shown}");
}
