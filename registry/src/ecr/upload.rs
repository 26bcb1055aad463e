use bytes::Bytes;
use futures_util::Stream;
use oci::{Descriptor, Repository};
use promotion::{Error, MountOutcome, Name};

use super::Ecr;
use super::endpoint::Operation;
use crate::Upload;
use crate::error_kind::{ErrorKind, is_about_token, kind_of};
use crate::http::{self, Failure};
use crate::operation::Endpoint as _;

impl Ecr {
    pub(super) async fn start_upload(&self, repository: &Repository) -> Result<Upload, Error> {
        let operation = self.uploading(repository, "opening an upload".into());
        let session =
            self.with_token(&operation, |token| async move {
                http::start(self.http(), &token.credential, repository).await
            })
            .await?;
        Ok(Upload { repository: repository.clone(), session })
    }

    /// Asks for a blob of a sibling repository. Where ECR does not even decline properly, as where the sibling may not be read, an upload is opened:
    /// mounting saves bytes and nothing depends on it.
    pub(super) async fn mount_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<MountOutcome<Upload>, Error> {
        let operation = self.uploading(repository, format!("mounting blob {} of repository {from}", blob.digest));
        let mounted = self
            .with_token(&operation, |token| async move {
                match http::mount(self.http(), &token.credential, repository, blob.digest, from).await {
                    Ok(None) => Ok(Some(MountOutcome::Mounted)),
                    Ok(Some(session)) => {
                        Ok(Some(MountOutcome::Declined(Upload { repository: repository.clone(), session })))
                    }
                    Err(Failure::Refused(refusal))
                        if !is_about_token(&refusal)
                            && !matches!(kind_of(&refusal), ErrorKind::Throttled | ErrorKind::Unavailable) =>
                    {
                        Ok(None)
                    }
                    Err(failure) => Err(failure),
                }
            })
            .await?;
        match mounted {
            Some(answer) => Ok(answer),
            None => self.start_upload(repository).await.map(MountOutcome::Declined),
        }
    }

    /// Sends a blob. The body can be sent once only, so a token that is refused here is merely dropped: the next upload opens with another.
    pub(super) async fn put_blob<B>(&self, upload: Upload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        let Upload { repository, session } = upload;
        let operation = self.uploading(&repository, format!("uploading blob {}", blob.digest));
        if blob.size == 0 {
            let why =
                "it is empty, and ECR refuses blobs of no bytes (devcontainers/cli#815): rebuild the image without it";
            return Err(operation.error(Name::RegistryLimit, why));
        }
        let token = self.token().await?;
        match http::put(self.http(), &token.credential, session, blob, body).await {
            Ok(()) => Ok(()),
            Err(Failure::Refused(refusal)) if is_about_token(&refusal) => {
                self.0.authorization.forget(&token).await;
                Err(operation.error(Name::RegistryUnavailable, &format!("the token was refused: {}", refusal)))
            }
            Err(failure) => Err(operation.failed(failure)),
        }
    }

    /// An upload that is not known, with or without a code, is a temporary failure: another one can be opened.
    fn uploading<'a>(&'a self, repository: &'a Repository, doing: String) -> Operation<'a> {
        self.endpoint()
            .operation("ecr:InitiateLayerUpload", Some(repository), doing)
            .or_absent(ErrorKind::UploadNotFound)
    }
}
