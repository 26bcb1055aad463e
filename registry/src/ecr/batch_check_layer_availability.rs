use aws_sdk_ecr::types::{Layer, LayerAvailability, LayerFailure, LayerFailureCode};
use oci::text::sanitize_line;
use oci::{Digest, Repository};
use promotion::{Error, Name};

use super::Ecr;
use super::endpoint::Operation;
use super::sdk::failure;
use crate::http::Refusal;
use crate::operation::Endpoint as _;

impl Ecr {
    /// Which of these blobs the repository has.
    pub(super) async fn batch_check_layer_availability(
        &self,
        repository: &Repository,
        blobs: &[Digest],
    ) -> Result<Vec<bool>, Error> {
        if blobs.is_empty() {
            return Ok(Vec::new());
        }
        let doing = format!("looking for {} blobs", blobs.len());
        let operation = self.endpoint().operation("ecr:BatchCheckLayerAvailability", Some(repository), doing);
        let answer = self
            .api()
            .await?
            .batch_check_layer_availability()
            .registry_id(&self.registry_id().account)
            .repository_name(repository.as_str())
            .set_layer_digests(Some(blobs.iter().map(Digest::to_string).collect()))
            .send()
            .await
            .map_err(|error| operation.failed(failure(error)))?;
        blobs.iter().map(|blob| is_present(&operation, *blob, answer.layers(), answer.failures())).collect()
    }
}

/// A blob that only archived images have is not at hand: it has to be brought again.
fn is_present(
    operation: &Operation<'_>,
    blob: Digest,
    layers: &[Layer],
    failures: &[LayerFailure],
) -> Result<bool, Error> {
    let digest = blob.to_string();
    if let Some(layer) = layers.iter().find(|layer| layer.layer_digest() == Some(&digest)) {
        return Ok(layer.layer_availability() == Some(&LayerAvailability::Available));
    }
    Err(match failures.iter().find(|failure| failure.layer_digest() == Some(&digest)) {
        Some(failure) => operation.refused(&Refusal {
            status: 200,
            code: format!(
                "LayerFailure:{}",
                sanitize_line(failure.failure_code().map_or("", LayerFailureCode::as_str))
            ),
            message: sanitize_line(failure.failure_reason().unwrap_or_default()),
            ..Refusal::default()
        }),
        None => operation.error(Name::UnexpectedAnswer, &format!("ECR's answer leaves out {blob}")).temporary(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;
    use crate::ecr::endpoint::EcrEndpoint;
    use crate::ecr::identity::Identity;
    use crate::ecr::registry_id::RegistryId;

    #[test]
    fn only_available_is_present() {
        let caller = Identity::from_arn("arn:aws:iam::111122223333:root").unwrap();
        let endpoint = EcrEndpoint::new(RegistryId::new("111122223333", "eu-west-1"), Side::Target, caller);
        let operation = endpoint.operation("ecr:BatchCheckLayerAvailability", None, "looking");
        let blob = Digest::of(b"x");
        let layer =
            |availability| Layer::builder().layer_digest(blob.to_string()).layer_availability(availability).build();
        for (availability, present) in [
            (LayerAvailability::Available, true),
            (LayerAvailability::Unavailable, false),
            (LayerAvailability::Archived, false),
        ] {
            assert_eq!(is_present(&operation, blob, &[layer(availability)], &[]).unwrap(), present);
        }
        for code in [LayerFailureCode::InvalidLayerDigest, LayerFailureCode::MissingLayerDigest] {
            let failure = LayerFailure::builder().layer_digest(blob.to_string()).failure_code(code).build();
            let error = is_present(&operation, blob, &[], &[failure]).unwrap_err();
            assert_eq!((error.name(), error.is_temporary()), (Name::UnexpectedAnswer, false), "{error}");
        }
        let left_out = is_present(&operation, blob, &[], &[]).unwrap_err();
        assert_eq!((left_out.name(), left_out.is_temporary()), (Name::UnexpectedAnswer, true), "{left_out}");
    }
}
