//! A plain HTTP client of one registry.

use ecr_double::RegistryHandle;
use reqwest::{Client, Method, RequestBuilder, Response, redirect::Policy};
use serde_json::Value;

/// A client of one registry, which follows nothing by itself.
pub(crate) struct Http {
    pub(crate) client: Client,
    pub(crate) host: String,
    token: String,
}

impl Http {
    pub(crate) fn new(registry: &RegistryHandle) -> Self {
        Self::with(registry, registry.token())
    }

    /// With the token of another caller than the account's root.
    pub(crate) fn with(registry: &RegistryHandle, token: String) -> Self {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { client, host: registry.host().to_owned(), token }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("http://{}{path}", self.host) };
        self.client.request(method, url).header("authorization", format!("Basic {}", self.token))
    }

    pub(crate) async fn begin(&self, repository: &str) -> String {
        let begun = self.ask(Method::POST, &format!("/v2/{repository}/blobs/uploads/")).send().await.unwrap();
        assert_eq!(begun.status(), 202);
        header(&begun, "location")
    }

    pub(crate) async fn put(&self, location: &str, bytes: &[u8], digest: &str) -> Response {
        self.ask(Method::PUT, &format!("{location}?digest={digest}")).body(bytes.to_vec()).send().await.unwrap()
    }

    pub(crate) async fn put_manifest(&self, reference: &str, bytes: Vec<u8>, media_type: &str) -> Response {
        let put = self.ask(Method::PUT, &format!("/v2/app/manifests/{reference}"));
        put.header("content-type", media_type).body(bytes).send().await.unwrap()
    }
}

pub(crate) fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

pub(crate) async fn v2_error(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, body["errors"][0]["code"].as_str().unwrap().to_owned())
}
