use futures_util::TryStreamExt as _;
use oci::{Descriptor, Repository};
use promotion::{Error, Name};

use super::blob_request::{Extent, unfit};
use super::{Authenticate, Permission, V2};
use crate::error_kind::ErrorKind;
use crate::http::{AuthorizedClient, Body, Failure, FinalResponse};

impl<A: Authenticate> V2<A> {
    /// Proves that a blob can be downloaded and has the size that its descriptor says, without downloading it where the
    /// registry says the size.
    pub(crate) async fn probe_blob(&self, repository: &Repository, blob: &Descriptor) -> Result<(), Error> {
        let path = &self.path(repository);
        let permission = Permission::PullBlob(path);
        let operation = self
            .operation(permission, repository, format!("reaching blob {}", blob.digest))
            .or_absent(ErrorKind::BlobNotFound);
        self.send(&operation, permission, |client| async move { client.probe_blob(path, blob).await }).await
    }
}

impl AuthorizedClient {
    /// Asks for the first byte and reads none. Where the answer does not tell how many there are, it asks for the last.
    async fn probe_blob(&self, path: &Repository, blob: &Descriptor) -> Result<(), Failure> {
        let answer = match self.request_blob(path, blob.digest, Some("bytes=0-0")).await {
            // An empty blob has no first byte (RFC 9110, section 15.5.17).
            Err(Failure::Refused(refusal)) if refusal.status == 416 && blob.size == 0 => return Ok(()),
            answer => answer?,
        };
        match (Extent::of(&answer.response), blob.size.checked_sub(1)) {
            (Extent::Range(range), Some(last)) if range.total.is_none() => {
                let answer = self.request_blob(path, blob.digest, Some(&format!("bytes={last}-"))).await?;
                match Extent::of(&answer.response) {
                    Extent::Range(range) => has_size(range.total.or(range.last.checked_add(1)), blob, &answer),
                    extent => self.sized(extent, answer, blob).await,
                }
            }
            (extent, _) => self.sized(extent, answer, blob).await,
        }
    }

    /// Whether an answer is as long as the blob should be. Where it does not say, its bytes are counted
    /// (go-containerregistry#1061), up to those that should be there.
    async fn sized(&self, extent: Extent, answer: FinalResponse, blob: &Descriptor) -> Result<(), Failure> {
        match extent {
            Extent::Whole(None) => {
                let FinalResponse { response, url, .. } = answer;
                let body = Body::new(response.bytes_stream(), 0, blob.size, url, self.client().timeouts().piece);
                Ok(body.try_for_each(|_| std::future::ready(Ok(()))).await?)
            }
            Extent::Whole(size) => has_size(size, blob, &answer),
            Extent::Range(range) => has_size(range.total, blob, &answer),
            Extent::Unclear => has_size(None, blob, &answer),
        }
    }
}

fn has_size(size: Option<u64>, blob: &Descriptor, answer: &FinalResponse) -> Result<(), Failure> {
    let url = &answer.url;
    match size {
        Some(size) if size == blob.size => Ok(()),
        Some(size) => {
            let why = format!("{url} has {size} bytes, and its manifest says {}", blob.size);
            Err(Error::new(Name::CorruptContent, why).into())
        }
        None => Err(unfit(&format!("{url} does not say its size"))),
    }
}

#[cfg(test)]
mod tests {
    use oci::Digest;

    use super::*;
    use crate::http::loopback::Loopback;

    #[tokio::test]
    async fn a_size_that_is_not_said_is_found_out() {
        let first = "206 Partial Content\ncontent-range: bytes 0-0/*\n\n0";
        for (size, answers, expected) in [
            (10, ["206 Partial Content\ncontent-range: bytes 0-0/10\n\n0", ""], Ok(())),
            (10, ["206 Partial Content\ncontent-range: bytes 0-0/11\n\n0", ""], Err(Name::CorruptContent)),
            (10, ["200 OK\ncontent-length: 10\n\n0123456789", ""], Ok(())),
            (10, ["200 OK\ncontent-length: 9\n\n012345678", ""], Err(Name::CorruptContent)),
            // go-containerregistry#1061
            (10, ["200 OK\n\n0123456789", ""], Ok(())),
            (10, ["200 OK\n\n012345678", ""], Err(Name::RegistryUnavailable)),
            (10, ["200 OK\n\n01234567890", ""], Err(Name::CorruptContent)),
            (0, ["200 OK\n\n", ""], Ok(())),
            (0, ["416 Range Not Satisfiable\ncontent-range: bytes */0\n\n", ""], Ok(())),
            (10, [first, "206 Partial Content\ncontent-range: bytes 9-9/*\n\n9"], Ok(())),
            (10, [first, "206 Partial Content\ncontent-range: bytes 9-10/*\n\n90"], Err(Name::CorruptContent)),
            (10, [first, "200 OK\n\n0123456789"], Ok(())),
            (10, [first, "206 Partial Content\n\n9"], Err(Name::UnexpectedAnswer)),
            (10, ["204 No Content", ""], Err(Name::UnexpectedAnswer)),
        ] {
            let server = Loopback::answering(answers);
            let blob = Descriptor { media_type: "x".into(), digest: Digest::of(b"0123456789"), size, platform: None };
            let answer = match server.client().probe_blob(&"app".parse().unwrap(), &blob).await {
                Err(Failure::Refused(refusal)) => panic!("{refusal:?}"),
                Err(Failure::Failed(error)) => Err(error.name()),
                Ok(()) => Ok(()),
            };
            assert_eq!(answer, expected, "{size} {answers:?}");
        }
    }
}
