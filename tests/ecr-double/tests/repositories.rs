//! Repositories and what belongs to them: settings, policies, referrers, scans.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageIdentifier, ImageTagMutability, ImageTagMutabilityExclusionFilter,
    ImageTagMutabilityExclusionFilterType, ListImageReferrersFilter, ScanStatus, SubjectIdentifier,
};
use ecr_double::{RegistryHandle, sha256};
use image_fixtures::{Content, Image};
use reqwest::Method;
use serde_json::json;
use support::http::Http;
use support::*;

#[tokio::test]
async fn repositories_are_created_once_and_described() {
    let (double, registry) = start().await;
    let ecr = client(&double, ACCOUNT);
    assert_eq!(code(ecr.create_repository().repository_name("app").send().await), "RepositoryAlreadyExistsException");
    assert_eq!(code(ecr.create_repository().repository_name("App").send().await), "InvalidParameterException");
    let kms =
        EncryptionConfiguration::builder().encryption_type(EncryptionType::Kms).kms_key("arn:key").build().unwrap();
    let made = ecr.create_repository().repository_name("team/kms").encryption_configuration(kms).send().await.unwrap();
    let made = made.repository().unwrap();
    assert_eq!(made.repository_arn(), Some(format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/kms").as_str()));
    assert_eq!(made.repository_uri(), Some(format!("{}/team/kms", registry.host()).as_str()));
    assert_eq!(made.encryption_configuration().unwrap().kms_key(), Some("arn:key"));

    let page = ecr.describe_repositories().max_results(1).send().await.unwrap();
    assert_eq!((page.repositories().len(), page.next_token().is_some()), (1, true));
    let named = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        ecr.describe_repositories().set_repository_names(Some(names)).send()
    };
    assert_eq!(named(&["app", "team/kms"]).await.unwrap().repositories().len(), 2);
    assert_eq!(code(named(&["app", "none"]).await), "RepositoryNotFoundException");
    assert_eq!(code(named(&["app"; 101]).await), "InvalidParameterException");

    let filter = ImageTagMutabilityExclusionFilter::builder()
        .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
        .filter("sha256-*")
        .build()
        .unwrap();
    let set = ecr.put_image_tag_mutability().repository_name("app");
    let set = set.image_tag_mutability(ImageTagMutability::ImmutableWithExclusion);
    assert_eq!(code(set.clone().send().await), "InvalidParameterException", "a filter is missing");
    set.image_tag_mutability_exclusion_filters(filter).send().await.unwrap();

    seed(&registry, "app", "a", Some("1"));
    assert_eq!(code(ecr.delete_repository().repository_name("app").send().await), "RepositoryNotEmptyException");
    ecr.delete_repository().repository_name("app").force(true).send().await.unwrap();
    assert_eq!(code(ecr.list_images().repository_name("app").send().await), "RepositoryNotFoundException");
}

#[tokio::test]
async fn settings_and_policies_are_kept() {
    let (double, _registry) = start().await;
    let ecr = client(&double, ACCOUNT);
    let mounting = async || {
        let setting = ecr.get_account_setting().name("BLOB_MOUNTING").send().await.unwrap();
        setting.value().unwrap().to_owned()
    };
    assert_eq!(mounting().await, "DISABLED");
    let put = ecr.put_account_setting().name("BLOB_MOUNTING");
    assert_eq!(code(put.clone().value("MAYBE").send().await), "ValidationException");
    put.value("ENABLED").send().await.unwrap();
    assert_eq!(mounting().await, "ENABLED");

    let lifecycle = || ecr.get_lifecycle_policy().repository_name("app").send();
    assert_eq!(code(lifecycle().await), "LifecyclePolicyNotFoundException");
    let rules = r#"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]}"#;
    ecr.put_lifecycle_policy().repository_name("app").lifecycle_policy_text(rules).send().await.unwrap();
    assert_eq!(lifecycle().await.unwrap().lifecycle_policy_text(), Some(rules));
    let policy = || ecr.get_repository_policy().repository_name("app").send();
    assert_eq!(code(policy().await), "RepositoryPolicyNotFoundException");
}

fn referrer(registry: &RegistryHandle, subject: &Content, kind: &str, number: usize) -> String {
    let referrer = Image::artifact(kind)
        .layer_as("text/plain", format!("{kind} {number}"))
        .subject(subject.descriptor())
        .with(json!({ "annotations": { "number": number.to_string() } }))
        .build();
    registry.put("app", &referrer);
    referrer.digest().to_owned()
}

#[tokio::test]
async fn referrers_are_listed_by_both_roads() {
    let (double, registry) = start().await;
    let subject = image("a");
    registry.put("app", &subject.clone().tagged("1"));
    for number in 0..21 {
        referrer(&registry, &subject, "application/sbom", number);
    }
    let signature = referrer(&registry, &subject, "application/signature", 0);
    let ecr = client(&double, ACCOUNT);
    let id = SubjectIdentifier::builder().image_digest(subject.digest()).build().unwrap();
    let list = ecr.list_image_referrers().repository_name("app").subject_id(id);
    let first = list.clone().send().await.unwrap();
    assert_eq!((first.referrers().len(), first.next_token().is_some()), (20, true));
    let rest = list.clone().set_next_token(first.next_token().map(str::to_owned)).send().await.unwrap();
    assert_eq!((rest.referrers().len(), rest.next_token()), (2, None));
    assert_eq!(code(list.clone().max_results(51).send().await), "InvalidParameterException");
    let only = ListImageReferrersFilter::builder().artifact_types("application/signature").build();
    let found = list.filter(only).send().await.unwrap();
    let found: Vec<&str> = found.referrers().iter().map(|one| one.digest()).collect();
    assert_eq!(found, [signature.as_str()]);
    assert_eq!(double.requests().last().unwrap().actions[0].action, "ecr:BatchGetImage");

    let http = Http::new(&registry);
    let path = format!("/v2/app/referrers/{}?artifactType=application/signature", subject.digest());
    let index: serde_json::Value =
        serde_json::from_str(&http.ask(Method::GET, &path).send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["digest"], signature);
    let put = http.put_manifest("2", registry.manifest("app", &signature).unwrap(), OCI_MANIFEST).await;
    assert_eq!(put.headers()["oci-subject"].to_str().unwrap(), subject.digest());
}

#[tokio::test]
async fn scans_are_what_a_test_sets() {
    let (double, registry) = start().await;
    let digest = seed(&registry, "app", "a", Some("1"));
    let ecr = client(&double, ACCOUNT);
    let scan = |tag: &str| {
        let id = ImageIdentifier::builder().image_tag(tag).build();
        ecr.describe_image_scan_findings().repository_name("app").image_id(id).send()
    };
    assert_eq!(code(scan("none").await), "ImageNotFoundException");
    assert_eq!(code(scan("1").await), "ScanNotFoundException");
    let result = json!({ "imageScanStatus": { "status": "ACTIVE" },
        "imageScanFindings": { "findingSeverityCounts": { "CRITICAL": 2 } } });
    registry.set_scan("app", &digest, result);
    let found = scan("1").await.unwrap();
    assert_eq!(found.image_scan_status().unwrap().status(), Some(&ScanStatus::Active));
    assert_eq!(found.image_id().unwrap().image_digest(), Some(digest.as_str()));
    assert_ne!(digest, sha256(b""));
}
