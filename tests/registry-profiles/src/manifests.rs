//! Pulling and pushing manifests (sections "Pulling manifests" and "Pushing Manifests" of the distribution
//! specification).

use image_fixtures::sha256;
use serde_json::Value;

use crate::answer::Answer;
use crate::profile::Profile;
use crate::request::Request;
use crate::store::{Manifest, Store};

pub(crate) fn serve(profile: &Profile, store: &mut Store, request: &Request, name: &str, reference: &str) -> Answer {
    match request.method.as_str() {
        "GET" | "HEAD" => pull(profile, store, request, name, reference),
        "PUT" => push(profile, store, request, name, reference).unwrap_or_else(|refused| refused),
        _ => Answer::error(405, "UNSUPPORTED", "The operation is unsupported."),
    }
}

fn pull(profile: &Profile, store: &mut Store, request: &Request, name: &str, reference: &str) -> Answer {
    let Some(repository) = store.repositories.get_mut(name) else { return profile.absent.repository.into() };
    let dashed = reference.replacen('-', ":", 1);
    let mut digest =
        if reference.starts_with("sha256:") { Some(reference.to_owned()) } else { repository.resolve(reference) };
    if profile.manifests.dash_is_digest && repository.manifests.contains_key(&dashed) {
        digest.get_or_insert(dashed);
    }
    let found = digest.and_then(|digest| Some((repository.look_up(&digest)?, digest)));
    let Some((manifest, digest)) = found else { return profile.absent.manifest.into() };
    if !request.accepts_or_any(&manifest.media_type) {
        let why = "the manifest is of a type that was not asked for";
        return Answer::error(404, "MANIFEST_UNKNOWN", why);
    }
    let answer = Answer::new(200).body(&manifest.media_type, manifest.bytes.clone());
    if request.method == "HEAD" || profile.manifests.get_has_digest {
        return answer.with("docker-content-digest", digest);
    }
    answer
}

fn push(
    profile: &Profile,
    store: &mut Store,
    request: &Request,
    name: &str,
    reference: &str,
) -> Result<Answer, Answer> {
    let rules = &profile.manifests;
    let invalid = |why: &str| Answer::error(400, "MANIFEST_INVALID", why);
    let media_type = request.header("content-type").ok_or_else(|| invalid("no media type"))?;
    if request.body.len() > rules.limit {
        return Err(Answer::error(413, "SIZE_INVALID", "the manifest is too long"));
    }
    if let Some((_, refusal)) = rules.media_types.filter(|(taken, _)| !taken.contains(&media_type)) {
        return Err(refusal.into());
    }
    let json: Value = serde_json::from_slice(&request.body).map_err(|_| invalid("no JSON"))?;
    if json["mediaType"].as_str().is_some_and(|own| own != media_type) {
        return Err(invalid("the media type is another one"));
    }
    let digest = sha256(&request.body);
    let is_tag = !reference.contains(':');
    if !is_tag && reference != digest {
        return Err(Answer::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content"));
    }
    let repository = store.repositories.get_mut(name).ok_or_else(|| Answer::from(profile.absent.repository))?;
    let blobs = json["config"]["digest"].as_str().into_iter().chain(Manifest::digests(&json, "layers"));
    let has_blobs = blobs.into_iter().all(|blob| repository.blobs.contains_key(blob));
    // All are looked for, as each look counts.
    let hidden = Manifest::digests(&json, "manifests").filter(|child| repository.look_up(child).is_none()).count();
    if !has_blobs || hidden > 0 {
        return Err(rules.lacking.into());
    }
    let subject = json["subject"]["digest"].as_str().map(str::to_owned);
    if let (Some(refusal), Some(subject)) = (rules.subject_first, &subject)
        && repository.look_up(subject).is_none()
    {
        return Err(refusal.into());
    }
    let old = repository.tags.get(reference).map(|tag| tag.digest.clone()).filter(|_| is_tag);
    if let (Some(refusal), Some(_)) = (profile.immutable, &old) {
        return Err(refusal.into());
    }
    let old_type = old.and_then(|old| Some(repository.manifests.get(&old)?.media_type.clone()));
    if let (Some(refusal), Some(old_type)) = (rules.keeps_media_type, old_type)
        && old_type != media_type
    {
        return Err(refusal.into());
    }
    if let (Some(refusal), false) = (rules.again, is_tag)
        && repository.manifests.contains_key(&digest)
    {
        return Err(refusal.into());
    }
    repository.put(Manifest::new(media_type, request.body.clone(), json, profile.lag.manifests));
    if is_tag {
        repository.tag(reference, &digest, profile.lag.tags);
    }
    let mut answer = Answer::new(rules.put_status).with("docker-content-digest", &digest);
    if rules.put_has_location {
        answer = answer.with("location", format!("/v2/{name}/manifests/{digest}"));
    }
    match subject {
        Some(subject) if rules.says_subject => Ok(answer.with("oci-subject", subject)),
        _ => Ok(answer),
    }
}
