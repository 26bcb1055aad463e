//! Layers through the ECR API: availability, upload in parts, download.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests

mod support;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::error::SdkError;
use aws_sdk_ecr::operation::upload_layer_part::{UploadLayerPartError, UploadLayerPartOutput};
use aws_sdk_ecr::primitives::Blob;
use aws_sdk_ecr::types::{LayerAvailability, LayerFailureCode};
use ecr_double::sha256;
use support::*;

async fn part(
    ecr: &Client,
    id: &str,
    first: usize,
    bytes: &[u8],
) -> Result<UploadLayerPartOutput, SdkError<UploadLayerPartError>> {
    let last = i64::try_from(first + bytes.len()).unwrap() - 1;
    let part = ecr.upload_layer_part().repository_name("app").upload_id(id).layer_part_blob(Blob::new(bytes));
    part.part_first_byte(i64::try_from(first).unwrap()).part_last_byte(last).send().await
}

async fn begin(ecr: &Client) -> String {
    let begun = ecr.initiate_layer_upload().repository_name("app").send().await.unwrap();
    assert_eq!(begun.part_size(), Some(10 * 1024 * 1024));
    begun.upload_id().unwrap().to_owned()
}

#[tokio::test]
async fn parts_follow_each_other() {
    let (double, registry) = start().await;
    // Small parts: a debug build is slow at base64.
    assert_eq!(ecr_double::Switches::default().min_part_bytes, 5 * 1024 * 1024);
    double.switch(|switches| (switches.min_part_bytes, switches.max_part_bytes) = (5 * 1024, 20 * 1024));
    let ecr = client(&double, ACCOUNT);
    let bytes: Vec<u8> = (0..11 * 1024_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let (one, two) = bytes.split_at(6 * 1024);
    let id = begin(&ecr).await;
    let complete = |id: &str, digest: &str| {
        ecr.complete_layer_upload().repository_name("app").upload_id(id).layer_digests(digest).send()
    };
    assert_eq!(code(complete(&id, &sha256(&bytes)).await), "EmptyUploadException");
    let done = part(&ecr, &id, 0, one).await.unwrap();
    assert_eq!(done.last_byte_received(), Some(i64::try_from(one.len()).unwrap() - 1));
    for first in [0, one.len() + 1] {
        let refused = part(&ecr, &id, first, two).await.unwrap_err().into_service_error();
        let UploadLayerPartError::InvalidLayerPartException(refused) = refused else { panic!("{refused}") };
        assert_eq!(refused.last_valid_byte_received(), Some(i64::try_from(one.len()).unwrap() - 1));
    }
    part(&ecr, &id, one.len(), two).await.unwrap();
    assert_eq!(code(complete(&id, &sha256(b"other")).await), "InvalidLayerException");
    complete(&id, &sha256(&bytes)).await.unwrap();
    assert_eq!(std::fs::read(registry.blob_path(&sha256(&bytes))).unwrap(), bytes);
    assert_eq!(code(complete(&id, &sha256(&bytes)).await), "UploadNotFoundException");

    let again = begin(&ecr).await;
    part(&ecr, &again, 0, one).await.unwrap();
    part(&ecr, &again, one.len(), two).await.unwrap();
    assert_eq!(code(complete(&again, &sha256(&bytes)).await), "LayerAlreadyExistsException");

    let small = begin(&ecr).await;
    part(&ecr, &small, 0, b"too").await.unwrap();
    part(&ecr, &small, 3, b"small").await.unwrap();
    assert_eq!(code(complete(&small, &sha256(b"toosmall")).await), "LayerPartTooSmallException");
    assert_eq!(code(part(&ecr, "none", 0, b"x").await), "UploadNotFoundException");
    let large = vec![0; 20 * 1024 + 1];
    assert_eq!(code(part(&ecr, &small, 8, &large).await), "InvalidParameterException");
}

#[tokio::test]
async fn availability_belongs_to_a_repository() {
    let (double, registry) = start().await;
    registry.create_repository("second");
    let held = registry.put_blob("app", b"held");
    let lost = registry.put_blob("app", b"lost");
    registry.delete_blob(&lost);
    let ecr = client(&double, ACCOUNT);
    let check = async |repository: &str, digest: &str| {
        let call = ecr.batch_check_layer_availability().repository_name(repository).layer_digests(digest);
        call.layer_digests("sha256:bad").send().await.unwrap()
    };
    for (repository, digest, expected) in [
        ("app", &held, LayerAvailability::Available),
        ("app", &lost, LayerAvailability::Unavailable),
        ("second", &held, LayerAvailability::Unavailable),
    ] {
        let checked = check(repository, digest).await;
        assert_eq!(checked.layers()[0].layer_availability(), Some(&expected));
        assert_eq!(checked.failures()[0].failure_code(), Some(&LayerFailureCode::InvalidLayerDigest));
    }
    let too_many = vec![held; 101];
    let refused =
        ecr.batch_check_layer_availability().repository_name("app").set_layer_digests(Some(too_many)).send().await;
    assert_eq!(code(refused), "InvalidParameterException");
}

#[tokio::test]
async fn only_layers_of_an_image_are_given_out() {
    let (double, registry) = start().await;
    let loose = registry.put_blob("app", b"loose");
    seed(&registry, "app", "a", None);
    let (_, layer) = blobs("a");
    let ecr = client(&double, ACCOUNT);
    let url = |digest: &str| ecr.get_download_url_for_layer().repository_name("app").layer_digest(digest).send();
    assert_eq!(code(url(&loose).await), "LayerInaccessibleException");
    assert_eq!(code(url(&sha256(b"absent")).await), "LayersNotFoundException");
    let given = url(&sha256(&layer)).await.unwrap();
    let got = reqwest::get(given.download_url().unwrap()).await.unwrap();
    assert_eq!(got.bytes().await.unwrap(), layer);
}

#[tokio::test]
async fn layers_of_archived_images_only_are_archived() {
    let (double, registry) = start().await;
    let cold = seed(&registry, "app", "a", Some("1"));
    let ecr = client(&double, ACCOUNT);
    let blob = registry.blobs("app").into_keys().next().unwrap();
    let availability = async || {
        let checked = ecr.batch_check_layer_availability().repository_name("app").layer_digests(&blob).send().await;
        checked.unwrap().layers()[0].layer_availability().cloned()
    };
    assert_eq!(availability().await, Some(LayerAvailability::Available));
    registry.set_status("app", &cold, ecr_double::Status::Archived);
    assert_eq!(availability().await, Some(LayerAvailability::Archived));
    let url = ecr.get_download_url_for_layer().repository_name("app").layer_digest(&blob).send().await;
    assert_eq!(code(url), "LayerInaccessibleException");
    registry.set_status("app", &cold, ecr_double::Status::Active);
    assert_eq!(availability().await, Some(LayerAvailability::Available));
}
