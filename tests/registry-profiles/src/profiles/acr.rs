use crate::profile::*;

/// Azure Container Registry, `*.azurecr.io`.
///
/// - The token server answers `access_token`: <https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md>
/// - Blobs are redirects to storage that refuses a second credential: <https://github.com/Azure/acr/issues/217>
/// - At most 1,000 tags on a page, whatever `n` says: <https://github.com/Azure/acr/issues/749>
/// - Referrers are listed: <https://github.com/Azure/azure-cli/pull/25069>
/// - An upload's location is relative, with a state in its query:
///   <https://github.com/Azure/azure-sdk-for-go/blob/main/sdk/containers/azcontainerregistry/blob_client_example_test.go>
/// - Throttled by 429, the token server too: <https://github.com/Azure/azure-cli/issues/24886>
#[must_use]
pub fn acr() -> Profile {
    let specified = Profile::specified("ACR");
    Profile {
        auth: Auth::Bearer(Bearer {
            path: "/oauth2/token",
            service: "example.azurecr.io",
            field: "access_token",
            expires_in: None,
            ..Bearer::SPECIFIED
        }),
        blobs: Blobs { redirect: Some(307), ..specified.blobs },
        uploads: Uploads { query: "?_nouploadcache=false&_state=VYABvUSCNW2yY5e5", ..specified.uploads },
        throttle: Some(Refusal::error(429, "TOOMANYREQUESTS", "too many requests").with(&[("retry-after", "0")])),
        ..specified
    }
}
