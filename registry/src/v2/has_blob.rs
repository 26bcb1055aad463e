use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use oci::{Digest, Repository};
use promotion::Error;

use super::{Authenticate, Permission, V2};
use crate::http::{AuthorizedClient, Failure, FinalResponse, Party};

/// Whether HEAD of a blob has been no use so far, and GET was.
#[derive(Debug, Default)]
pub(super) struct HeadOfNoUse(AtomicBool);

impl<A: Authenticate> V2<A> {
    /// Whether a repository has a blob.
    ///
    /// A denial leaves that open.
    pub(crate) async fn has_blob(&self, repository: &Repository, blob: Digest) -> Result<bool, Error> {
        let (path, of_no_use) = (&self.path(repository), &self.head_of_no_use);
        let permission = Permission::PullBlob(path);
        let operation = self.operation(permission, repository, format!("looking for blob {blob}"));
        let ask = |client: AuthorizedClient| async move { client.has_blob(path, blob, of_no_use).await };
        match self.authenticator.send(permission, ask).await? {
            Ok(present) => Ok(present),
            Err(Failure::Refused(refusal)) if self.leaves_open(permission, &refusal).await? => {
                Err(operation.refused(&refusal).inconclusive())
            }
            Err(failure) => Err(operation.failed(failure)),
        }
    }
}

impl AuthorizedClient {
    /// Section "Checking if content exists in the registry" of the distribution specification.
    ///
    /// What answers HEAD with anything but yes or no is asked for the first byte: ECR Public answers 401 to every HEAD
    /// of a blob (containers-roadmap#2671), and a presigned address is for GET alone (stargz-snapshotter#167).
    async fn has_blob(&self, path: &Repository, blob: Digest, of_no_use: &HeadOfNoUse) -> Result<bool, Failure> {
        if !of_no_use.0.load(Ordering::Relaxed) {
            let url = self.at(&format!("/v2/{path}/blobs/{blob}"));
            match self.get(Method::HEAD, url, "looking for", Party::Storage, |request| request).await {
                Ok(FinalResponse { response, .. }) if response.status() == 200 => return Ok(true),
                Err(Failure::Refused(refusal)) if refusal.is_absent() => return Ok(false),
                // More requests are not what helps now.
                Err(Failure::Refused(refusal)) if refusal.status == 429 => return Err(Failure::Refused(refusal)),
                // There was no answer.
                Err(Failure::Failed(error)) if error.is_temporary() => return Err(error.into()),
                Ok(_) | Err(_) => {}
            }
        }
        let present = match self.request_blob(path, blob, Some("bytes=0-0")).await {
            // The byte, or more of it, is not read: the connection is given up.
            Ok(_) => true,
            Err(Failure::Refused(refusal)) if refusal.is_absent() => false,
            // An empty blob has no first byte (RFC 9110, section 15.5.17).
            Err(Failure::Refused(refusal)) if refusal.status == 416 && blob == Digest::of(b"") => true,
            Err(failure) => return Err(failure),
        };
        of_no_use.0.store(true, Ordering::Relaxed);
        Ok(present)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::loopback::Loopback;

    /// What is answered to HEAD and to GET of blobs, and what that means.
    #[tokio::test]
    async fn what_answers_head_with_neither_yes_nor_no_is_asked_for_a_byte() {
        let byte = "206 Partial Content\ncontent-range: bytes 0-0/5\n\nb";
        let none = "404 Not Found\n\n{\"errors\":[{\"code\":\"BLOB_UNKNOWN\"}]}";
        for (head, get, expected) in [
            ("200 OK", None, Some(true)),
            ("404 Not Found", None, Some(false)),
            // containers-roadmap#2671
            ("401 Unauthorized", Some(byte), Some(true)),
            ("401 Unauthorized", Some(none), Some(false)),
            ("400 Bad Request", Some(byte), Some(true)),
            ("403 Forbidden", Some("200 OK\n\nbytes"), Some(true)),
            ("405 Method Not Allowed", Some(byte), Some(true)),
            ("501 Not Implemented", Some(none), Some(false)),
            ("500 Internal Server Error", Some(byte), Some(true)),
            ("204 No Content", Some(byte), Some(true)),
            // A redirect that leads nowhere is no answer to the question.
            ("307 Temporary Redirect", Some(byte), Some(true)),
            ("403 Forbidden", Some("416 Range Not Satisfiable"), None),
            ("403 Forbidden", Some("403 Forbidden"), None),
            ("429 Too Many Requests", None, None),
        ] {
            let server = Loopback::answering([head, get.unwrap_or("500 Never Asked")]);
            let repository = "app".parse().unwrap();
            let answer = server.client().has_blob(&repository, Digest::of(b"bytes"), &HeadOfNoUse::default()).await;
            assert_eq!(answer.ok(), expected, "{head} {get:?}");
            let asked: Vec<_> =
                server.requests().iter().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect();
            let expected = if get.is_some() { vec!["HEAD", "GET"] } else { vec!["HEAD"] };
            assert_eq!(asked, expected, "{head}");
            assert!(server.requests().iter().skip(1).all(|request| request.contains("range: bytes=0-0\r\n")));
        }
    }

    /// stargz-snapshotter#167
    #[tokio::test]
    async fn a_storage_that_refuses_head_is_asked_for_a_byte_and_head_is_given_up() {
        let storage = Loopback::answering(["403 Forbidden\n\n<Error/>", "206 Partial Content\n\nb", "404 Not Found"]);
        let redirect = format!("307 Temporary Redirect\nlocation: {}/blob", storage.address);
        let registry = Loopback::answering([redirect.as_str(), redirect.as_str(), redirect.as_str()]);
        let (client, repository, memory) = (registry.client(), "app".parse().unwrap(), HeadOfNoUse::default());
        assert!(client.has_blob(&repository, Digest::of(b"bytes"), &memory).await.unwrap());
        assert!(!client.has_blob(&repository, Digest::of(b"other"), &memory).await.unwrap());
        let asked: Vec<_> =
            storage.requests().iter().map(|request| request.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(asked, ["HEAD", "GET", "GET"]);
    }

    #[tokio::test]
    async fn an_empty_blob_has_no_first_byte_and_is_there() {
        let server =
            Loopback::answering(["401 Unauthorized", "416 Range Not Satisfiable\ncontent-range: bytes */0\n\n"]);
        let repository = "app".parse().unwrap();
        assert!(server.client().has_blob(&repository, Digest::of(b""), &HeadOfNoUse::default()).await.unwrap());
    }
}
