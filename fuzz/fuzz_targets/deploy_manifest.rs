//! A release that is read says what the file says, and can be written and read again.

#![no_main]

use fuzz::assert_fit;
use libfuzzer_sys::fuzz_target;
use promotion::{Image, Name, Release};

fuzz_target!(|data: &[u8]| {
    let release = match Release::parse(data) {
        Ok(release) => release,
        Err(error) => {
            assert_eq!(error.name(), Name::InvalidManifest);
            return assert_fit(error);
        }
    };
    assert!(!release.images().is_empty() && !release.is_pinned());
    for image in release.images() {
        let path = format!("{}/{}", image.repository, image.tag);
        assert!(path.is_ascii() && path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path}");
    }
    // Another reader of JSON sees as many images, and what was read is there.
    let peer: serde_json::Value = serde_json::from_slice(data).expect("JSON");
    assert_eq!(peer["images"].as_array().map(Vec::len), Some(release.images().len()));
    for (image, peer) in release.images().iter().zip(peer["images"].as_array().into_iter().flatten()) {
        assert_eq!(peer["repository"].as_str(), Some(image.repository.as_str()));
        assert_eq!(peer["tag"].as_str(), Some(image.tag.as_str()));
    }
    let written = serde_json::json!({ "images": release.images() }).to_string();
    assert_eq!(Release::parse(written.as_bytes()).expect("what was written"), release);
    // As they are passed on between the states of a pipeline.
    let pinned: Vec<Image> = release.images().iter().filter(|image| image.digest.is_some()).cloned().collect();
    if !pinned.is_empty() {
        assert!(Release::pinned(pinned).expect("no two are alike").is_pinned());
    }
});
