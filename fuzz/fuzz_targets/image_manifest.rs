//! A manifest keeps its bytes, and is read in one way only.

#![no_main]

use bytes::Bytes;
use fuzz::assert_fit;
use libfuzzer_sys::fuzz_target;
use oci::{Content, Digest, Manifest, MediaType};

fuzz_target!(|data: &[u8]| {
    let raw = Bytes::copy_from_slice(data);
    let declared = [None].into_iter().chain(MediaType::ALL.map(|kind| Some(kind.as_str())));
    let read: Vec<Manifest> = declared
        .filter_map(|declared| match Manifest::parse(raw.clone(), declared) {
            Ok(manifest) => {
                assert!(declared.is_none_or(|declared| declared == manifest.media_type().as_str()));
                Some(manifest)
            }
            Err(invalid) => {
                assert_fit(invalid);
                None
            }
        })
        .collect();
    for manifest in &read {
        assert_eq!(manifest.raw(), data);
        assert_eq!(manifest.digest(), Digest::of(data));
        // Whatever the registry calls it, it is the same image, or the same index.
        assert_eq!(manifest.content(), read[0].content());
        let content = manifest.content();
        assert!(matches!(**content, Content::Image { .. }) || content.blobs().next().is_none());
        assert!(matches!(**content, Content::Index { .. }) || content.children().is_empty());
        let peer: serde_json::Value = serde_json::from_slice(data).expect("JSON");
        let entries = |field: &str| peer[field].as_array().map_or(0, Vec::len);
        match &**content {
            Content::Index { manifests, others } => {
                // Each entry is one that can be promoted, or one of another algorithm.
                assert_eq!(manifests.len() + others.len(), entries("manifests"));
                assert!(others.iter().all(|other| other.contains(':') && !other.starts_with("sha256:")));
                assert!(peer.get("layers").is_none_or(serde_json::Value::is_null));
            }
            Content::Image { layers, .. } => {
                assert_eq!(layers.len(), entries("layers"));
                assert!(peer.get("manifests").is_none_or(serde_json::Value::is_null));
            }
        }
        for entry in content.blobs().chain(content.children()) {
            assert_eq!(entry.digest.to_string().parse(), Ok(entry.digest));
        }
    }
});
