use http::StatusCode;
use oci::{Descriptor, Digest, Repository};
use promotion::{Error, MountOutcome, Name};

use super::start_upload::location;
use super::{Authenticate, Permission, Upload, V2};
use crate::error_kind::ErrorKind;
use crate::http::{AuthorizedClient, Failure, RequestUrl};

impl<A: Authenticate> V2<A> {
    /// Asks for a blob of a sibling repository.
    ///
    /// Where the registry does not even decline properly, as where the sibling may not be read, an upload is started:
    /// mounting saves bytes and nothing depends on it.
    pub(crate) async fn mount_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        from: &Repository,
    ) -> Result<MountOutcome<Upload>, Error> {
        let digest = blob.digest;
        let (path, sibling) = (&self.path(repository), &self.path(from));
        let permission = Permission::MountBlob { into: path, from: sibling };
        let operation = self.operation(permission, repository, format!("mounting blob {digest} of repository {from}"));
        let mounted = self
            .authenticator
            .send(permission, |client| async move { client.mount_blob(path, digest, sibling).await })
            .await?;
        match mounted {
            Ok(None) => Ok(MountOutcome::Mounted),
            Ok(Some(location)) => Ok(MountOutcome::Declined(Upload { repository: repository.clone(), location })),
            Err(Failure::Refused(refusal))
                if !A::refuses_every_request(&refusal) && !ErrorKind::of(&refusal).is_outage() =>
            {
                self.start_upload(repository).await.map(MountOutcome::Declined)
            }
            // No token for both repositories; there may be one for the target alone.
            Err(Failure::Failed(error)) if is_denied(&error) && path != sibling => {
                self.start_upload(repository).await.map(MountOutcome::Declined)
            }
            Err(failure) => Err(operation.failed(failure)),
        }
    }
}

fn is_denied(error: &Error) -> bool {
    matches!(error.name(), Name::SourceAccessDenied | Name::TargetAccessDenied)
}

impl AuthorizedClient {
    /// Nothing if the blob was mounted, the location of an upload if that was declined (section "Mounting a blob from
    /// another repository" of the distribution specification).
    async fn mount_blob(
        &self,
        path: &Repository,
        blob: Digest,
        from: &Repository,
    ) -> Result<Option<RequestUrl>, Failure> {
        let url = self.at(&format!("/v2/{path}/blobs/uploads/"));
        let url = url.with_query([("mount", blob.to_string()), ("from", from.to_string())]);
        let response = self.post_upload(&url).await?;
        if response.status() == StatusCode::CREATED { Ok(None) } else { location(&response, &url).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::loopback::Loopback;

    #[tokio::test]
    async fn mounting_is_accepted_declined_or_refused() {
        let digest = Digest::of(b"a");
        let (repository, from) = ("b".parse().unwrap(), "a/c".parse().unwrap());
        for (answer, expected) in [
            ("201 Created", Ok(true)),
            ("202 Accepted\nlocation: /up", Ok(false)),
            ("404 Not Found\n\n{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}", Err("NAME_UNKNOWN")),
            ("200 OK", Err("")),
        ] {
            let server = Loopback::answering([answer]);
            let mounted = match server.client().mount_blob(&repository, digest, &from).await {
                Ok(location) => Ok(location.is_none()),
                Err(Failure::Refused(refusal)) => Err(refusal.code),
                Err(Failure::Failed(error)) => panic!("{error}"),
            };
            assert_eq!(mounted, expected.map_err(str::to_owned), "{answer}");
            let line = format!("POST /v2/b/blobs/uploads/?mount=sha256%3A{}&from=a%2Fc HTTP/1.1\r\n", digest.hex());
            assert!(server.requests()[0].starts_with(&line), "{:?}", server.requests());
        }
    }
}
