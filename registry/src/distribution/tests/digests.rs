//! What a tag points to, without reading it.

use image_fixtures::Image;
use promotion::{Name, Source as _};

use super::*;

#[tokio::test]
async fn the_digest_of_a_tag_is_asked_for_without_its_manifest() {
    let image = Image::new().config("config").build();
    let text = std::str::from_utf8(image.bytes()).unwrap();
    let whole = format!("200 OK\ncontent-type: {}\n\n{text}", image.root().media_type);
    let said = format!("200 OK\ndocker-content-digest: {}", image.digest());
    let unread = format!("200 OK\ndocker-content-digest: sha512:{}", "ab".repeat(64));
    let there = Some(image.digest().to_string());
    for (head, get, expected) in [
        (said.as_str(), None, there.clone()),
        ("404 Not Found", None, None),
        // No digest, or nothing at all, is said here.
        ("200 OK", Some(whole.as_str()), there.clone()),
        (unread.as_str(), Some(whole.as_str()), there.clone()),
        ("405 Method Not Allowed", Some(whole.as_str()), there.clone()),
        ("403 Forbidden", Some(NOT_FOUND), None),
        ("307 Temporary Redirect", Some(whole.as_str()), there.clone()),
    ] {
        let server = Loopback::answering([head, get.unwrap_or("500 Never Asked")]);
        let client = anonymous(&server);
        let digest = client.digest(&repository(), &"1".parse().unwrap()).await.unwrap();
        assert_eq!(digest.map(|digest| digest.to_string()), expected, "{head}");
        let asked: Vec<_> = lines(&server);
        let wanted = ["HEAD /v2/app/manifests/1", "GET /v2/app/manifests/1"];
        assert_eq!(asked, wanted[..if get.is_some() { 2 } else { 1 }], "{head}");
        assert!(server.requests()[0].contains("accept: application/vnd.oci.image.manifest.v1+json, "));
    }
    let server = Loopback::answering(["429 Too Many Requests\nretry-after: 3"]);
    let (name, again, text) = named(anonymous(&server).digest(&repository(), &"1".parse().unwrap()).await);
    assert_eq!((name, again, server.requests().len()), (Name::RegistryUnavailable, true, 1), "{text}");
}

#[tokio::test]
async fn docker_counts_pulls() {
    for (address, counts) in
        [("docker.io", true), ("index.docker.io", true), ("dhi.io", true), ("ghcr.io", false), ("quay.io", false)]
    {
        assert_eq!(connect(address, Login::Anonymous, Side::Source).counts_pulls(), counts, "{address}");
    }
}
