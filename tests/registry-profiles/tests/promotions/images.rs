use image_fixtures::{Content, Fixture, Image, media_type, referrers_tag, shared_layers, signed, with_sbom};
use promotion::Release;
use serde_json::json;

/// What is promoted: an image for several platforms, whose layers are shared, with a signature of cosign 2, an SBOM and
/// a signature of that; and an image of another repository with the same layer.
pub(crate) struct Images {
    pub(crate) app: Fixture,
    pub(crate) sidecar: Fixture,
}

impl Images {
    /// The names are those that every registry takes.
    pub(crate) fn new() -> Self {
        let app = signed(with_sbom(shared_layers("team/app", "1.0")));
        let (_, layer) = app.blobs.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
        let sidecar = Image::new().layer_as(media_type::OCI_GZIP, layer.clone()).build().pretty();
        let sidecar = Fixture::new("team/sidecar", "1.0", sidecar);
        Self { app, sidecar }
    }

    pub(crate) fn all(&self) -> [&Fixture; 2] {
        [&self.app, &self.sidecar]
    }

    pub(crate) fn release(&self) -> Release {
        let entries = self.all().map(Fixture::entry);
        Release::parse(json!({ "images": entries }).to_string().as_bytes()).unwrap()
    }

    /// What refers to a manifest of the app, by the fixture's own word.
    pub(crate) fn referrers(&self) -> Vec<(String, String)> {
        let subject = |manifest: &image_fixtures::Manifest| {
            let json: serde_json::Value = serde_json::from_slice(&manifest.bytes).unwrap();
            Some((json["subject"]["digest"].as_str()?.to_owned(), manifest.digest.clone()))
        };
        self.app.manifests.iter().filter_map(subject).collect()
    }
}

/// The same without the lists of referrers that clients keep, which a registry with a list of its own does not need.
pub(crate) fn without_lists(fixture: &Fixture) -> Fixture {
    let mut fixture = fixture.clone();
    let digests: Vec<_> = fixture.manifests.iter().map(|manifest| referrers_tag(&manifest.digest)).collect();
    fixture.content.manifests.retain(|manifest| !manifest.tags.iter().any(|tag| digests.contains(tag)));
    fixture
}

/// Another image under the tag of this one.
pub(crate) fn moved(fixture: &Fixture) -> Fixture {
    let image: Content = Image::new().layer(b"another layer".to_vec()).build().pretty();
    Fixture::new(&fixture.repository, &fixture.tag, image)
}
