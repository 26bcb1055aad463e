//! What the registry under all profiles refuses, and that a profile's differences are really there: a registry that
//! takes everything would let every client pass.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use image_fixtures::{Fixture, Image, Index, media_type, referrers_tag, sha256, with_sbom};
use registry_profiles::{Auth, Lag, PASSWORD, Profile, Referrers, Registry, USER, profiles};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use serde_json::Value;

struct Asking {
    registry: Registry,
    client: Client,
}

impl Asking {
    async fn of(profile: Profile) -> Self {
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        Self { registry: Registry::start(profile).await, client }
    }

    fn request(&self, method: &str, target: &str) -> RequestBuilder {
        let url = if target.starts_with("http") { target.into() } else { self.registry.address() + target };
        self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url)
    }

    async fn get(&self, target: &str) -> Response {
        self.request("GET", target).send().await.unwrap()
    }

    async fn put(&self, reference: &str, media_type: &str, bytes: &[u8]) -> String {
        let put = self.request("PUT", &format!("/v2/app/manifests/{reference}")).header(CONTENT_TYPE, media_type);
        said(put.body(bytes.to_vec()).send().await.unwrap()).await
    }

    /// The location of a new upload.
    async fn upload(&self) -> String {
        let opened = self.request("POST", "/v2/app/blobs/uploads/").send().await.unwrap();
        assert_eq!(opened.status(), 202);
        opened.headers()[LOCATION].to_str().unwrap().to_owned()
    }
}

/// `404 MANIFEST_UNKNOWN`
async fn said(response: Response) -> String {
    let status = response.status().as_u16();
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
    format!("{status} {}", body["errors"][0]["code"].as_str().unwrap_or_default()).trim_end().to_owned()
}

#[tokio::test]
async fn a_manifest_is_taken_when_all_it_lists_is_there_and_it_is_what_it_says() {
    let asking = Asking::of(profiles::specified()).await;
    let image = Image::new().layer(b"layer".to_vec()).build();
    let index = Index::of([("linux/amd64", &image)]).build();
    let (oci, oci_index) = (media_type::OCI_MANIFEST, media_type::OCI_INDEX);
    assert_eq!(asking.put("1", oci, image.bytes()).await, "404 NAME_UNKNOWN");
    asking.registry.create("app");
    assert_eq!(asking.put("1", oci, image.bytes()).await, "404 MANIFEST_BLOB_UNKNOWN");
    for (_, bytes) in &image.blobs {
        let location = asking.upload().await;
        let wrong = asking.request("PUT", &format!("{location}?digest={}", sha256("else"))).body(bytes.clone());
        assert_eq!(said(wrong.send().await.unwrap()).await, "400 DIGEST_INVALID");
        let right = asking.request("PUT", &format!("{location}?digest={}", sha256(bytes))).body(bytes.clone());
        assert_eq!(said(right.send().await.unwrap()).await, "201");
        let again = asking.request("PUT", &format!("{location}?digest={}", sha256(bytes))).body(bytes.clone());
        assert_eq!(said(again.send().await.unwrap()).await, "404 UNSUPPORTED");
    }
    assert_eq!(asking.put("1", oci_index, index.bytes()).await, "404 MANIFEST_BLOB_UNKNOWN");
    assert_eq!(asking.put("1", oci_index, image.bytes()).await, "400 MANIFEST_INVALID");
    assert_eq!(asking.put(&sha256("else"), oci, image.bytes()).await, "400 DIGEST_INVALID");
    assert_eq!(asking.put("1", oci, b"{").await, "400 MANIFEST_INVALID");
    assert_eq!(asking.put("1", oci, &vec![b' '; (4 << 20) + 1]).await, "413 SIZE_INVALID");
    assert_eq!(asking.put(image.digest(), oci, image.bytes()).await, "201");
    assert_eq!(asking.put("1", oci_index, index.bytes()).await, "201");
    assert_eq!(asking.registry.manifest("app", "1").as_deref(), Some(index.bytes()));
    let manifest = asking.get("/v2/app/manifests/1").await;
    assert_eq!(manifest.headers()["docker-content-digest"], index.digest());
    let other = asking.request("GET", "/v2/app/manifests/1").header("accept", oci);
    assert_eq!(said(other.send().await.unwrap()).await, "404 MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn an_upload_is_known_by_all_that_its_location_said() {
    let asking = Asking::of(Profile { auth: Auth::Open, throttle: None, ..profiles::acr() }).await;
    asking.registry.create("app");
    let location = asking.upload().await;
    let path = location.split('?').next().unwrap();
    let digest = sha256("x");
    for (target, expected) in
        [(format!("{path}?digest={digest}"), "404 BLOB_UPLOAD_UNKNOWN"), (format!("{location}&digest={digest}"), "201")]
    {
        let put = asking.request("PUT", &target).body("x");
        assert_eq!(said(put.send().await.unwrap()).await, expected);
    }
}

#[tokio::test]
async fn a_throttled_request_is_let_through_when_it_comes_again() {
    let asking = Asking::of(Profile { auth: Auth::Open, ..profiles::acr() }).await;
    for target in ["/v2/app/tags/list", "/v2/"] {
        let statuses = [asking.get(target).await, asking.get(target).await].map(|answer| answer.status().as_u16());
        assert_eq!(statuses[0], 429);
        assert_ne!(statuses[1], 429);
    }
}

#[tokio::test]
async fn credentials_are_asked_for_and_refused_by_storage() {
    let asking = Asking::of(Profile { throttle: None, ..profiles::acr() }).await;
    let image = with_sbom(Fixture::new("app", "1", Image::new().build()));
    asking.registry.hold(&image);
    let target = "/v2/app/manifests/1";
    let denied = asking.get(target).await;
    let challenge = denied.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(
        challenge.contains("/oauth2/token\",service=\"example.azurecr.io\",scope=\"repository:app:pull\""),
        "{challenge}"
    );
    let realm = challenge.split('"').nth(1).unwrap();
    for (user, scope, expected) in [(USER, "repository:other:pull", 401), (USER, "repository:app:pull", 200)] {
        let token = asking.request("GET", &format!("{realm}?service=example.azurecr.io&scope={scope}"));
        let token: Value = serde_json::from_slice(
            &token.basic_auth(user, Some(PASSWORD)).send().await.unwrap().bytes().await.unwrap(),
        )
        .unwrap();
        let token = token["access_token"].as_str().unwrap().to_owned();
        let manifest = asking.request("GET", target).bearer_auth(&token).send().await.unwrap();
        assert_eq!(manifest.status(), expected, "{scope}");
        if expected == 200 {
            let (digest, bytes) = &image.blobs[0];
            let blob =
                asking.request("GET", &format!("/v2/app/blobs/{digest}")).bearer_auth(&token).send().await.unwrap();
            assert_eq!(blob.status(), 307);
            let storage = blob.headers()[LOCATION].to_str().unwrap();
            assert_eq!(asking.get(storage).await.bytes().await.unwrap(), bytes);
            assert_eq!(asking.request("GET", storage).bearer_auth(&token).send().await.unwrap().status(), 400);
            assert!(asking.registry.leaked());
        }
    }
    let anonymous = asking.get(&format!("{realm}?service=example.azurecr.io&scope=repository:app:pull")).await;
    assert_eq!(anonymous.status(), 401);
}

#[tokio::test]
async fn what_was_written_is_seen_late_where_a_profile_says_so() {
    let lag = Lag { manifests: 1, tags: 2 };
    let asking = Asking::of(Profile { lag, ..profiles::specified() }).await;
    let [old, new] = ["old", "new"].map(|layer| Image::new().layer(layer).build());
    asking.registry.put("app", &old.clone().tagged("1"));
    let blobs = image_fixtures::Content { manifests: vec![], ..new.clone() };
    asking.registry.put("app", &blobs);
    assert_eq!(asking.put("1", media_type::OCI_MANIFEST, new.bytes()).await, "201");
    let by_digest = format!("/v2/app/manifests/{}", new.digest());
    let mut seen = Vec::new();
    for target in [&by_digest, &by_digest, "/v2/app/manifests/1", "/v2/app/manifests/1", "/v2/app/manifests/1"] {
        let answer = asking.get(target).await;
        seen.push(answer.headers().get("docker-content-digest").map(|digest| digest.to_str().unwrap().to_owned()));
    }
    let [old, new] = [&old, &new].map(|image| Some(image.digest().to_owned()));
    assert_eq!(seen, [None, new.clone(), old.clone(), old, new]);
}

#[tokio::test]
async fn lists_go_on_from_page_to_page() {
    let tags: Vec<String> = (0..250).map(|number| format!("v{number:03}")).collect();
    let image = tags.iter().fold(Image::new().build(), |image, tag| image.tagged(tag));
    for profile in [profiles::quay(), profiles::zot()] {
        let profile = Profile { auth: Auth::Open, throttle: None, ..profile };
        let asking = Asking::of(profile).await;
        asking.registry.put("app", &image);
        let (mut found, mut next) = (Vec::new(), "/v2/app/tags/list?n=100".to_owned());
        while !next.is_empty() {
            let page = asking.get(&next).await;
            let link = page.headers().get("link").map(|link| link.to_str().unwrap().to_owned()).unwrap_or_default();
            next = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
            let page: Value = serde_json::from_slice(&page.bytes().await.unwrap()).unwrap();
            found.extend(page["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()));
        }
        assert_eq!(found, tags);
    }
}

#[tokio::test]
async fn referrers_are_listed_where_a_profile_says_so_and_found_by_tag_elsewhere() {
    let image = with_sbom(Fixture::new("app", "1", Image::new().build()));
    for profile in profiles::all() {
        let profile = Profile { auth: Auth::Open, throttle: None, ..profile };
        let is_listed = matches!(profile.referrers, Referrers::Listed(_));
        let asking = Asking::of(profile).await;
        asking.registry.hold(&image);
        let target = format!("/v2/app/referrers/{}", image.digest);
        let list = asking.request("GET", &target).header("accept", media_type::OCI_INDEX).send().await.unwrap();
        let name = asking.registry.profile().name;
        assert_eq!(list.status() == 200, is_listed, "{name}");
        let filtered = asking.get(&format!("{target}?artifactType=nothing")).await;
        assert_eq!(filtered.headers().contains_key("oci-filters-applied"), is_listed, "{name}");
        assert!(asking.registry.tags("app").contains(&referrers_tag(&image.digest)));
    }
}
