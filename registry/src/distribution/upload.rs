use bytes::Bytes;
use futures_util::Stream;
use oci::{Descriptor, Repository};
use promotion::{Error, MountOutcome, Name};

use super::Distribution;
use super::endpoint::Operation;
use super::scope::Scope;
use crate::Upload;
use crate::error_kind::{ErrorKind, kind_of};
use crate::http::{self, Failure, Party};
use crate::operation::Endpoint as _;

impl Distribution {
    pub(super) async fn start_upload(&self, repository: &Repository) -> Result<Upload, Error> {
        let operation = self.writing(repository, "opening an upload".into()).or_absent(ErrorKind::RepositoryNotFound);
        let path = &self.path(repository);
        let session = self
            .send(Scope::push(path), |authorized| async move {
                http::start(self.http(), &authorized.credential, path).await
            })
            .await
            .map_err(|failure| operation.failed(failure))?;
        Ok(Upload { repository: repository.clone(), session })
    }

    /// Asks for a blob of a sibling repository, with a token for both. Where the registry does not even decline properly, an upload is opened: mounting
    /// saves bytes and nothing depends on it.
    pub(super) async fn mount_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<MountOutcome<Upload>, Error> {
        let operation = self.writing(repository, format!("mounting blob {} of repository {from}", blob.digest));
        let (path, from) = (&self.path(repository), &self.path(from));
        let scope = Scope::push(path).and(Scope::pull(from));
        let mounted = self
            .send(scope, |authorized| async move {
                http::mount(self.http(), &authorized.credential, path, blob.digest, from).await
            })
            .await;
        match mounted {
            Ok(None) => Ok(MountOutcome::Mounted),
            Ok(Some(session)) => Ok(MountOutcome::Declined(Upload { repository: repository.clone(), session })),
            Err(Failure::Refused(refusal))
                if !matches!(kind_of(&refusal), ErrorKind::Throttled | ErrorKind::Unavailable) =>
            {
                self.start_upload(repository).await.map(MountOutcome::Declined)
            }
            Err(Failure::Failed(error)) if is_denied(&error) && path != from => {
                self.start_upload(repository).await.map(MountOutcome::Declined)
            }
            Err(failure) => Err(operation.failed(failure)),
        }
    }

    /// Sends a blob. The body can be sent once only, so a token that is refused here is merely dropped: the next upload opens with another.
    pub(super) async fn put_blob<B>(&self, upload: Upload, blob: &Descriptor, body: B) -> Result<(), Error>
    where
        B: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        let Upload { repository, session } = upload;
        let operation = self.writing(&repository, format!("uploading blob {}", blob.digest));
        let authorized = self.authenticator().authorized(&Scope::push(&self.path(&repository))).await;
        let authorized = authorized.map_err(|error| error.context(&operation))?;
        match http::put(self.http(), &authorized.credential, session, blob, body).await {
            Ok(()) => Ok(()),
            Err(Failure::Refused(refusal))
                if refusal.by == Party::Registry && refusal.status == 401 && authorized.forget().await =>
            {
                Err(operation.error(Name::RegistryUnavailable, &format!("the token was refused: {}", refusal)))
            }
            Err(failure) => Err(operation.failed(failure)),
        }
    }

    /// An upload that is not known, with or without a code, is a temporary failure: another one can be opened.
    fn writing<'a>(&'a self, repository: &'a Repository, doing: String) -> Operation<'a> {
        self.endpoint().operation("write", Some(repository), doing).or_absent(ErrorKind::UploadNotFound)
    }
}

fn is_denied(error: &Error) -> bool {
    matches!(error.name(), Name::SourceAccessDenied | Name::TargetAccessDenied)
}
