use bytes::Bytes;
use docker_registry::{Auth, Server};
use futures_util::stream;
use oci::{Descriptor, Digest, Repository};
use promotion::{MountOutcome, Source as _, Target};

use crate::target;

fn blob(text: &'static str) -> (Descriptor, Bytes) {
    let bytes = Bytes::from_static(text.as_bytes());
    let (media_type, size) = ("application/octet-stream".into(), bytes.len() as u64);
    (Descriptor { media_type, digest: Digest::of(&bytes), size, platform: None }, bytes)
}

async fn send(target: &impl Target, repository: &Repository, blob: &Descriptor, bytes: Bytes) {
    let upload = target.start_upload(repository).await.unwrap();
    target.put_blob(upload, blob, stream::iter([Ok(bytes)])).await.unwrap();
}

#[tokio::test]
async fn a_blob_of_a_sibling_is_mounted_for_one_request() {
    for auth in [Auth::None, Auth::Basic, Auth::Bearer] {
        let server = Server::start(auth);
        let target = target(&server, auth);
        let [app, sibling] = ["team/app", "sibling"].map(|name| name.parse::<Repository>().unwrap());
        let (blob, bytes) = blob("shared");
        send(&target, &sibling, &blob, bytes).await;
        let before = target.requests();
        assert!(matches!(target.mount_blob(&app, &blob, &sibling).await.unwrap(), MountOutcome::Mounted), "{auth:?}");
        if auth == Auth::Bearer {
            let asked = server.tokens().asked();
            let scopes = &asked.last().unwrap().scopes;
            assert_eq!(*scopes, ["repository:sibling:pull", "repository:team/app:pull,push"], "{asked:?}");
        }
        assert_eq!(target.requests() - before, if auth == Auth::Bearer { 2 } else { 1 }, "{auth:?}");
        assert_eq!(target.has_blobs(&app, &[blob.digest]).await.unwrap(), [true]);
    }
}

/// This is how a promotion asks for a blob and opens an upload for it in one request.
#[tokio::test]
async fn a_blob_is_mounted_from_its_own_repository_if_it_is_there() {
    for auth in [Auth::None, Auth::Basic, Auth::Bearer] {
        let server = Server::start(auth);
        let target = target(&server, auth);
        let app: Repository = "team/app".parse().unwrap();
        let (blob, bytes) = blob("own");
        let MountOutcome::Declined(upload) = target.mount_blob(&app, &blob, &app).await.unwrap() else {
            panic!("{auth:?}: mounted what is not there");
        };
        target.put_blob(upload, &blob, stream::iter([Ok(bytes)])).await.unwrap();
        let before = target.requests();
        assert!(matches!(target.mount_blob(&app, &blob, &app).await.unwrap(), MountOutcome::Mounted), "{auth:?}");
        assert_eq!(target.requests() - before, 1, "{auth:?}");
        if auth == Auth::Bearer {
            assert_eq!(server.tokens().asked().len(), 1, "{:?}", server.tokens().asked());
        }
    }
}
