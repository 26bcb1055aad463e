//! What the tests share: a double with one registry, connections to it, and images.

#![allow(dead_code)] // Each test binary uses its own part.

mod sdk;

use bytes::Bytes;
use ecr_double::{Caller, Config, EcrDouble, RegistryHandle};
use futures_util::{StreamExt, stream};
use image_fixtures::{Content, Image};
use oci::{Descriptor, Digest, Manifest, Reference, Repository, Tag};
use promotion::{Error, Source, Target};
use registry::{Connector, Ecr, Identity, RegistryId, Side};

pub(crate) const OWN: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";
pub(crate) const REGION: &str = "eu-west-1";
/// Who the caller is, and whose policies count for it.
pub(crate) const ROLE: &str = "arn:aws:sts::111122223333:assumed-role/promoter/session";
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::111122223333:role/promoter";
const KEY: &str = "AKIATRANSSHIPTESTS";

/// A double with a registry of the caller's account and one of another account; both have the repository `myapp/api`.
pub(crate) struct Stage {
    pub(crate) double: EcrDouble,
    pub(crate) own: RegistryHandle,
    pub(crate) other: RegistryHandle,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let double = EcrDouble::start(Config::default().registry(OWN, REGION).registry(OTHER, REGION)).await.unwrap();
        double.caller(Caller::named(KEY, OWN, "promoter"));
        double.identity_policies(ROLE_ARN, &[policy(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#)]);
        let (own, other) = (double.registry(OWN, REGION), double.registry(OTHER, REGION));
        own.create_repository("myapp/api");
        other.create_repository("myapp/api");
        Self { double, own, other }
    }

    pub(crate) fn connector(&self) -> Connector {
        let config = sdk::config(&self.double.api_endpoint(), KEY, "us-east-1");
        Connector::new(&config, Identity::from_arn(ROLE).unwrap()).unwrap()
    }

    pub(crate) async fn connect(&self, account: &str, side: Side) -> Ecr {
        self.connector().connect(RegistryId::new(account, REGION), side, None).await.unwrap()
    }

    pub(crate) async fn source(&self) -> Ecr {
        self.connect(OWN, Side::Source).await
    }

    pub(crate) async fn target(&self) -> Ecr {
        self.connect(OWN, Side::Target).await
    }

    /// Leaves the caller all but one action.
    pub(crate) fn take(&self, action: &str) {
        let others = format!(r#"{{"Effect":"Allow","NotAction":"{action}","Resource":"*"}}"#);
        self.double.identity_policies(ROLE_ARN, &[policy(&others)]);
    }

    /// Denies the caller an action, whatever else allows it.
    pub(crate) fn deny(&self, action: &str) {
        let statements = format!(
            r#"[{{"Effect":"Allow","Action":"*","Resource":"*"}},{{"Effect":"Deny","Action":"{action}","Resource":"*"}}]"#
        );
        self.double.identity_policies(ROLE_ARN, &[policy(&statements)]);
    }

    /// How many requests of an operation arrived.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.double.requests_of(operation).len()
    }
}

fn policy(statement: &str) -> serde_json::Value {
    serde_json::from_str(&format!(r#"{{"Statement":{statement}}}"#)).unwrap()
}

pub(crate) fn repository() -> Repository {
    "myapp/api".parse().unwrap()
}

pub(crate) fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

pub(crate) fn by_tag(text: &str) -> Reference {
    Reference::Tag(tag(text))
}

pub(crate) fn descriptor(bytes: &[u8]) -> Descriptor {
    let media_type = "application/vnd.oci.image.layer.v1.tar".into();
    Descriptor { media_type, digest: Digest::of(bytes), size: bytes.len() as u64, platform: None }
}

pub(crate) const CONFIG: &[u8] = br#"{"architecture":"arm64","os":"linux"}"#;

/// An image with one layer, and that config.
pub(crate) fn image(layer: &[u8]) -> Content {
    Image::new().config(CONFIG).layer(layer).build()
}

pub(crate) fn parsed(image: &Content) -> Manifest {
    Manifest::parse(image.bytes().to_vec().into(), Some(image.root().media_type)).unwrap()
}

/// Puts an image past all protocols.
pub(crate) fn hold(registry: &RegistryHandle, layer: &[u8], tag: Option<&str>) -> Manifest {
    let image = image(layer);
    registry.put("myapp/api", &tag.map_or(image.clone(), |tag| image.clone().tagged(tag)));
    parsed(&image)
}

/// Reads a blob to its end.
pub(crate) async fn read(source: &Ecr, layer: &[u8], offset: u64) -> Result<Vec<u8>, Error> {
    let layer = descriptor(layer);
    let mut blob = source.open_blob(&repository(), &layer, offset..layer.size).await?.bytes;
    let mut bytes = Vec::new();
    while let Some(piece) = blob.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

/// Uploads a blob, whatever its descriptor says.
pub(crate) async fn send(target: &Ecr, blob: &Descriptor, bytes: &[u8]) -> Result<(), Error> {
    let upload = target.start_upload(&repository()).await?;
    let pieces: Vec<_> = bytes.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    target.put_blob(upload, blob, stream::iter(pieces)).await
}
