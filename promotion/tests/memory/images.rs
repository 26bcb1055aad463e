//! Images to promote, seeded into a [`Memory`].

use bytes::Bytes;
use oci::{Digest, Manifest, MediaType};
use promotion::Release;

use super::Memory;

fn descriptor(media_type: &str, digest: Digest, size: usize, more: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}{more}}}"#)
}

/// A manifest over these layers, with a config for linux/amd64, all seeded; the first layer listed twice. A layer `foreign:...` is one that
/// registries leave elsewhere.
pub(crate) fn seed_image(source: &Memory, repository: &str, layers: &[&str]) -> Manifest {
    let config = format!(r#"{{"architecture":"amd64","os":"linux","layers":{layers:?}}}"#);
    let config = (source.seed_blob(repository, config.clone()), config.len());
    let layers = layers.iter().chain(layers.first()).map(|layer| {
        if layer.starts_with("foreign:") {
            let media_type = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
            return descriptor(media_type, Digest::of(layer.as_bytes()), layer.len(), "");
        }
        let digest = source.seed_blob(repository, (*layer).to_owned());
        descriptor("application/vnd.oci.image.layer.v1.tar+zstd", digest, layer.len(), "")
    });
    let raw = format!(
        "{{ \"schemaVersion\": 2,\n\t\"config\":{},\"layers\":[{}] }}\n",
        descriptor("application/vnd.oci.image.config.v1+json", config.0, config.1, ""),
        layers.collect::<Vec<_>>().join(",")
    );
    let manifest = Manifest::parse(Bytes::from(raw), Some(MediaType::OciManifest.as_str())).unwrap();
    source.seed_manifest(repository, &manifest, None);
    manifest
}

/// An index over these manifests, each said to be for linux and another architecture, seeded.
pub(crate) fn seed_index(source: &Memory, repository: &str, children: &[&Manifest], tag: Option<&str>) -> Manifest {
    let architectures = ["amd64", "arm64", "s390x"];
    let entries = children.iter().zip(architectures).map(|(child, architecture)| {
        let platform = format!(r#","platform":{{"os":"linux","architecture":"{architecture}"}}"#);
        descriptor(child.media_type().as_str(), child.digest(), child.raw().len(), &platform)
    });
    let raw = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.collect::<Vec<_>>().join(","));
    let manifest = Manifest::parse(Bytes::from(raw), Some(MediaType::OciIndex.as_str())).unwrap();
    source.seed_manifest(repository, &manifest, tag);
    manifest
}

/// An artifact that refers to `subject`, seeded; and listed, where the registry leaves that to clients.
pub(crate) fn attach(source: &Memory, repository: &str, subject: &Manifest, text: &str) -> Manifest {
    let layer = source.seed_blob(repository, text.to_owned());
    let config = source.seed_blob(repository, "{}");
    let raw = format!(
        r#"{{"schemaVersion":2,"artifactType":"application/{text}","annotations":{{"a":"b"}},
            "config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{config}","size":2}},
            "layers":[{{"mediaType":"application/{text}","digest":"{layer}","size":{}}}],
            "subject":{{"mediaType":"{}","digest":"{}","size":{}}}}}"#,
        text.len(),
        subject.media_type(),
        subject.digest(),
        subject.raw().len()
    );
    let manifest = Manifest::parse(Bytes::from(raw), Some(MediaType::OciManifest.as_str())).unwrap();
    source.seed_manifest(repository, &manifest, None);
    if !source.state().lists_referrers {
        list(source, repository, subject, &[&manifest]);
    }
    manifest
}

/// A list of referrers as a client writes it, in its own order of fields.
pub(crate) fn list(registry: &Memory, repository: &str, subject: &Manifest, referrers: &[&Manifest]) -> Manifest {
    let entry = |referrer: &&Manifest| {
        let (size, digest) = (referrer.raw().len(), referrer.digest());
        format!(r#"{{"size":{size},"digest":"{digest}","mediaType":"{}"}}"#, referrer.media_type())
    };
    let entries = referrers.iter().map(entry).collect::<Vec<_>>().join(", ");
    let raw = format!(r#"{{ "manifests":[{entries}],"schemaVersion":2,"mediaType":"{}" }}"#, MediaType::OciIndex);
    let index = Manifest::parse(Bytes::from(raw), None).unwrap();
    registry.seed_manifest(repository, &index, Some(&format!("sha256-{}", subject.digest().hex())));
    index
}

/// What cosign writes: an image under a tag made of the digest.
pub(crate) fn sign(registry: &Memory, repository: &str, subject: &Manifest, signatures: &[&str]) -> Manifest {
    let signature = seed_image(registry, repository, signatures);
    registry.seed_manifest(repository, &signature, Some(&format!("sha256-{}.sig", subject.digest().hex())));
    signature
}

/// A release of these images, written `repository:tag`.
pub(crate) fn release(images: &[&str]) -> Release {
    let images: Vec<_> = images
        .iter()
        .map(|image| {
            let (repository, tag) = image.split_once(':').unwrap();
            format!(r#"{{"repository":"{repository}","tag":"{tag}"}}"#)
        })
        .collect();
    Release::parse(format!(r#"{{"images":[{}]}}"#, images.join(",")).as_bytes()).unwrap()
}
