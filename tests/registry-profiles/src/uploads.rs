//! Pushing blobs (section "Pushing blobs" of the distribution specification).

use bytes::Bytes;
use image_fixtures::sha256;
use url::form_urlencoded;

use crate::answer::Answer;
use crate::profile::{Mounts, Profile};
use crate::request::Request;
use crate::server::Hosts;
use crate::store::{Store, Upload};

/// `POST .../blobs/uploads/`: opens an upload, or mounts a blob of a sibling instead.
pub(crate) fn open(profile: &Profile, store: &mut Store, hosts: &Hosts, request: &Request, name: &str) -> Answer {
    if request.method != "POST" {
        return Answer::error(405, "UNSUPPORTED", "The operation is unsupported.");
    }
    if let (Some(refusal), false) = (profile.uploads.absent_repository, store.repositories.contains_key(name)) {
        return refusal.into();
    }
    if let Some(digest) = request.parameter("mount") {
        let from = request.parameter("from").unwrap_or_default();
        let found = store.repositories.get(&from).and_then(|sibling| sibling.blobs.get(&digest)).cloned();
        match (profile.mounts, found) {
            (Mounts::Refused(refusal), _) => return refusal.into(),
            (Mounts::Made, Some(bytes)) => return stored(store, name, &digest, bytes),
            _ => {}
        }
    }
    let id = format!("{:08x}-0000-4000-8000-000000000000", store.uploads.len() + 1);
    let path = profile.uploads.path.replace("NAME", name).replace("ID", &id);
    store.repositories.entry(name.to_owned()).or_default();
    store.uploads.insert(id.clone(), Upload { repository: name.to_owned(), path: path.clone(), bytes: vec![] });
    let host = if profile.uploads.is_absolute { hosts.registry() } else { String::new() };
    Answer::new(202)
        .with("location", format!("{host}{path}{}", profile.uploads.query))
        .with("range", "0-0")
        .with("docker-upload-uuid", id)
}

/// The repository of the upload that a request is for, if it is for one.
pub(crate) fn repository(store: &Store, request: &Request) -> Option<String> {
    let id = request.path().rsplit('/').next()?;
    store.uploads.get(id).filter(|upload| upload.path == request.path()).map(|upload| upload.repository.clone())
}

/// Anything that is sent to an open upload.
pub(crate) fn go_on(profile: &Profile, store: &mut Store, request: &Request) -> Answer {
    let id = request.path().rsplit('/').next().unwrap_or_default().to_owned();
    // Clients keep what the location said: "MUST NOT assume anything about the format".
    let state = form_urlencoded::parse(profile.uploads.query.trim_start_matches('?').as_bytes());
    let is_whole = state.into_iter().all(|(key, value)| request.parameter(&key).as_deref() == Some(&*value));
    let Some(upload) = store.uploads.get_mut(&id).filter(|_| is_whole) else {
        return Answer::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    };
    upload.bytes.extend_from_slice(&request.body);
    match request.method.as_str() {
        "PATCH" => Answer::new(202)
            .with("location", format!("{}{}", upload.path, profile.uploads.query))
            .with("range", format!("0-{}", upload.bytes.len().saturating_sub(1))),
        "PUT" => {
            let digest = request.parameter("digest").unwrap_or_default();
            if sha256(&upload.bytes) != digest {
                upload.bytes.clear();
                return Answer::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
            }
            let (name, bytes) = (upload.repository.clone(), Bytes::from(std::mem::take(&mut upload.bytes)));
            // It is done with; its number is not used again.
            upload.path.clear();
            Answer { status: profile.uploads.done_status, ..stored(store, &name, &digest, bytes) }
        }
        _ => Answer::error(405, "UNSUPPORTED", "The operation is unsupported."),
    }
}

fn stored(store: &mut Store, name: &str, digest: &str, bytes: Bytes) -> Answer {
    store.repositories.entry(name.to_owned()).or_default().blobs.insert(digest.to_owned(), bytes);
    Answer::new(201).with("location", format!("/v2/{name}/blobs/{digest}")).with("docker-content-digest", digest)
}
