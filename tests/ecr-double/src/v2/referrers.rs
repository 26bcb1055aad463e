//! The referrers API of the distribution specification 1.1.

use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value, json};

use super::repository;
use super::route::Route;
use crate::api::referrers_of;
use crate::body::{Body, full};
use crate::call::Call;
use crate::digest::is_digest;
use crate::manifest::OCI_INDEX;
use crate::refusal::Refusal;
use crate::store::Status;

pub(super) fn list(call: &Call, route: &Route) -> Result<Response<Body>, Refusal> {
    call.authorise("ecr:BatchGetImage", route.repository.as_deref())?;
    let name = repository(call, route)?;
    let subject = route.reference.as_deref().filter(|subject| is_digest(subject));
    let subject = subject.ok_or_else(|| Refusal::new("InvalidLayerException", "the digest is malformed"))?;
    let wanted = route.query("artifactType");
    let manifests: Vec<Value> = call.world.store.with(&call.registry, |state| {
        let repository = state.repository(name, &call.registry)?.listed();
        let kept = referrers_of(&repository, subject)
            .filter(|image| image.status == Status::Active)
            .filter(|image| wanted.is_none_or(|wanted| image.artifact_type.as_deref() == Some(wanted)));
        let described = kept.map(|image| {
            let mut descriptor = Map::new();
            descriptor.insert("mediaType".to_owned(), json!(image.media_type));
            descriptor.insert("digest".to_owned(), json!(image.digest));
            descriptor.insert("size".to_owned(), json!(image.size));
            descriptor.extend(image.artifact_type.as_ref().map(|own| ("artifactType".to_owned(), json!(own))));
            if !image.annotations.is_empty() {
                descriptor.insert("annotations".to_owned(), json!(image.annotations));
            }
            Value::Object(descriptor)
        });
        Ok::<_, Refusal>(described.collect())
    })?;
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
    let mut response = Response::new(full(index.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OCI_INDEX));
    if wanted.is_some() {
        response.headers_mut().insert("oci-filters-applied", HeaderValue::from_static("artifactType"));
    }
    Ok(response)
}
