//! Looking at and changing what registries hold.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, NewRegistry, registry};
use crate::store::Status;
use crate::world::World;

/// A change to a registry's content, as `{"account", "region", "change": ...}`.
#[derive(Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub(super) enum Change {
    DeleteBlob { digest: String },
    CorruptBlob { digest: String },
    CorruptManifest { digest: String },
    DeleteManifest { repository: String, digest: String },
    DeleteTag { repository: String, tag: String },
    SetTag { repository: String, tag: String, digest: String },
    ExpireUntagged { repository: String },
    DeleteRepository { repository: String },
    SetPolicy { repository: String, policy: Option<Value> },
    SetStatus { repository: String, digest: String, status: Status },
    SetScan { repository: String, digest: String, scan: Value },
    BlobMounting { enabled: bool },
}

#[derive(Deserialize)]
pub(super) struct Where {
    account: String,
    region: String,
    #[serde(flatten)]
    change: Change,
}

pub(super) fn apply(world: &Arc<World>, Where { account, region, change }: Where) -> Answer {
    let registry = registry(world, NewRegistry { account, region })?;
    let known = |repository: &str| {
        let there = registry.repositories().iter().any(|name| name == repository);
        if there { Ok(()) } else { Err(format!("there is no repository `{repository}`")) }
    };
    let held = |repository: &str, digest: &str| {
        known(repository)?;
        registry.manifest(repository, digest).map(|_| ()).ok_or_else(|| format!("there is no image {digest}"))
    };
    match change {
        Change::DeleteBlob { digest } => registry.delete_blob(&digest),
        Change::CorruptBlob { digest } if registry.blob_path(&digest).exists() => registry.corrupt_blob(&digest),
        Change::CorruptManifest { digest } if registry.manifest_path(&digest).exists() => {
            registry.corrupt_manifest(&digest);
        }
        Change::CorruptBlob { digest } | Change::CorruptManifest { digest } => {
            return Err(format!("there is no {digest}"));
        }
        Change::DeleteManifest { repository, digest } => {
            held(&repository, &digest)?;
            registry.delete_manifest(&repository, &digest);
        }
        Change::DeleteTag { repository, tag } => {
            known(&repository)?;
            registry.delete_tag(&repository, &tag);
        }
        Change::SetTag { repository, tag, digest } => {
            held(&repository, &digest)?;
            registry.set_tag(&repository, &tag, &digest);
        }
        Change::ExpireUntagged { repository } => {
            known(&repository)?;
            return Ok(json!({ "gone": registry.expire_untagged(&repository) }));
        }
        Change::DeleteRepository { repository } => registry.delete_repository(&repository),
        Change::SetPolicy { repository, policy } => {
            known(&repository)?;
            let text = policy.map(|policy| policy.as_str().map_or_else(|| policy.to_string(), str::to_owned));
            registry.set_policy(&repository, text.as_deref());
        }
        Change::SetStatus { repository, digest, status } => {
            held(&repository, &digest)?;
            registry.set_status(&repository, &digest, status);
        }
        Change::SetScan { repository, digest, scan } => {
            held(&repository, &digest)?;
            registry.set_scan(&repository, &digest, scan);
        }
        Change::BlobMounting { enabled } => registry.blob_mounting(enabled),
    }
    Ok(json!({}))
}

/// `GET /images/ACCOUNT/REGION/REPOSITORY`
pub(super) fn show(world: &Arc<World>, path: &str) -> Answer {
    let mut parts = path.trim_start_matches("/images/").splitn(3, '/').map(str::to_owned);
    let (Some(account), Some(region), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("use /images/ACCOUNT/REGION/REPOSITORY".to_owned());
    };
    let registry = registry(world, NewRegistry { account, region })?;
    if !registry.repositories().contains(&name) {
        return Err(format!("there is no repository `{name}`"));
    }
    let manifests: Vec<Value> = registry
        .manifests(&name)
        .into_iter()
        .map(|held| json!({ "digest": held.digest, "media_type": held.media_type, "tags": held.tags, "size": held.bytes.len() }))
        .collect();
    Ok(json!({ "tags": registry.tags(&name), "manifests": manifests, "blobs": registry.blobs(&name) }))
}
