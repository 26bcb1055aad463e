//! A release that is read says what the file says, and can be written and read again.

#![no_main]

use fuzz::assert_fit;
use libfuzzer_sys::fuzz_target;
use promotion::{Name, PinnedImage, Release};

fuzz_target!(|data: &[u8]| {
    let release = match Release::parse(data) {
        Ok(release) => release,
        Err(error) => {
            assert_eq!(error.name(), Name::InvalidManifest);
            return assert_fit(error);
        }
    };
    let Release::Tagged(images) = &release else { panic!("a file pins nothing") };
    assert!(!images.is_empty());
    for image in images.iter() {
        let path = format!("{}/{}", image.repository, image.tag);
        assert!(path.is_ascii() && path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path}");
    }
    // Another reader of JSON sees as many images, and what was read is there.
    let peer: serde_json::Value = serde_json::from_slice(data).expect("JSON");
    assert_eq!(peer["images"].as_array().map(Vec::len), Some(images.len()));
    for (image, peer) in images.iter().zip(peer["images"].as_array().into_iter().flatten()) {
        assert_eq!(peer["repository"].as_str(), Some(image.repository.as_str()));
        assert_eq!(peer["tag"].as_str(), Some(image.tag.as_str()));
    }
    let written = serde_json::json!({ "images": images.to_vec() }).to_string();
    assert_eq!(Release::parse(written.as_bytes()).expect("what was written"), release);
    // As they are passed on between the states of a pipeline.
    let pinned = images.iter().filter(|image| image.digest.is_some());
    let pinned = serde_json::to_string(&pinned.collect::<Vec<_>>()).expect("JSON");
    let pinned: Vec<PinnedImage> = serde_json::from_str(&pinned).expect("an image with its digest");
    if !pinned.is_empty() {
        assert!(matches!(Release::pinned(pinned).expect("no two are alike"), Release::Pinned(_)));
    }
});
