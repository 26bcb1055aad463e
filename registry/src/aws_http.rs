//! The HTTP client of the AWS SDK, as this machine reaches servers, with each request in the log and no answer without
//! end.

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use oci::Secrets;
use promotion::{Error, Name};

use crate::http::Logged;
use crate::{AnswerLimit, Network};

/// A client for `aws_config` that heeds `HTTPS_PROXY`, `NO_PROXY` and further authorities: the SDK itself heeds
/// neither. No answer is read further than the longest that any of these APIs gives by right, those of what gives out
/// credentials among them: the SDK reads them to their end.
///
/// # Errors
/// `InvalidInput` if the proxy is no address; `RegistryUnavailable` if no TLS client can be made on this machine.
pub fn aws_http_client(network: &Network) -> Result<SharedHttpClient, Error> {
    let proxy = network.proxy.of_sdk()?;
    let trusted = network
        .general_authorities()
        .fold(TrustStore::default(), |trusted, authorities| trusted.with_pem_certificate(authorities.pem.clone()));
    let tls = TlsContext::builder().with_trust_store(trusted).build().map_err(|error| {
        let why = format!("no TLS client can be made on this machine: {error}");
        Error::new(Name::RegistryUnavailable, why).permanent()
    })?;
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls.clone())
            .proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    });
    Ok(SharedHttpClient::new(Heeding(client)))
}

/// Logs requests, and limits answers.
#[derive(Debug)]
struct Heeding<C>(C);

impl HttpClient for Heeding<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Heeding(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Heeding<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let logged = Logged::new(request.method().to_owned(), what(&request));
        let secrets = secrets(&request);
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            drop(secrets);
            match &answer {
                Ok(answer) => logged.answered(answer.status().as_u16()),
                Err(_) => logged.failed(),
            }
            answer.map(|answer| answer.map(|body| AnswerLimit::LONGEST.on(body)))
        })
    }
}

/// Headers with credentials: of every AWS service, of IAM Identity Center, and of the endpoints that give credentials to
/// containers and instances.
const CREDENTIALS: [&str; 4] =
    ["authorization", "x-amz-security-token", "x-amz-sso_bearer_token", "x-aws-ec2-metadata-token"];

/// What no message may repeat of a request. Of a signed one that is the signature: the rest of its header is names.
fn secrets(request: &HttpRequest) -> Vec<Secrets> {
    let values = CREDENTIALS.iter().filter_map(|name| request.headers().get(*name));
    let each = values.map(|value| match value.rsplit_once("Signature=") {
        Some((_, signature)) => Secrets::of([signature]),
        None => Secrets::of_header(value),
    });
    each.collect()
}

/// The host, and what is asked of it where that is a header (AWS JSON protocol:
/// `AmazonEC2ContainerRegistry_V20150921.PutImage`).
///
/// Never the path: that of a container's credentials is a secret.
fn what(request: &HttpRequest) -> String {
    let uri = request.uri();
    let host = uri.split('/').take(3).collect::<Vec<_>>().join("/");
    let operation = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
    operation.map_or_else(|| host.clone(), |operation| format!("{host} {operation}"))
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;

    use super::*;
    use crate::http::loopback::Loopback;
    use crate::{Identity, Proxy};

    async fn ask(network: &Network) -> Error {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "AKIAEXAMPLE",
                "secret",
                None,
                None,
                "tests",
            )))
            .endpoint_url("https://sts.registry.invalid")
            .http_client(aws_http_client(network).unwrap());
        Identity::read(&config.build()).await.unwrap_err()
    }

    #[tokio::test]
    async fn the_aws_apis_are_reached_through_the_proxy_but_where_they_should_not_be() {
        let server = Loopback::answering(["407 Proxy Authentication Required\n"]);
        let https = Some(server.address.replace("http://", "http://ann:s3cret@"));
        let proxy = Proxy { https: https.clone(), except: None };
        let error = ask(&Network { proxy, ..Network::default() }).await.to_string();
        assert!(!error.contains("s3cret"), "{error}");
        let [request] = &server.requests()[..] else { panic!("one request: {:?}", server.requests()) };
        assert!(request.starts_with("CONNECT sts.registry.invalid:443 "), "{request}");
        // RFC 7617: `ann:s3cret`.
        assert!(request.to_lowercase().contains("proxy-authorization: basic yw5uonmzy3jlda=="), "{request}");
        let proxy = Proxy { https, except: Some(".invalid".into()) };
        ask(&Network { proxy, ..Network::default() }).await;
        assert_eq!(server.requests().len(), 1);
    }

    #[test]
    fn a_proxy_that_is_no_address_is_reported_without_its_password() {
        let proxy = Proxy { https: Some("ftp://ann:s3cret@proxy".into()), except: None };
        let error = aws_http_client(&Network { proxy, ..Network::default() }).unwrap_err();
        assert_eq!(error.name(), Name::InvalidInput);
        assert!(error.to_string().contains("HTTPS_PROXY") && !error.to_string().contains("s3cret"), "{error}");
    }
}
