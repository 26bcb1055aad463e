//! Requests that got no answer, or one that was cut: what went wrong, and what to change.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use oci::text::sanitize_line;
use promotion::{Error, Name};
use rustix::io::Errno;
use rustls::{CertificateError, InvalidMessage};

use super::descriptors::limit;
use super::request_url::RequestUrl;

/// What is wrong, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// No server is at the address: what a mistake in it looks like, and a registry that is just being started.
    Unreachable,
    /// TLS without an `https` address, or the other way round.
    OtherScheme,
    /// The server showed a certificate that is not accepted.
    Certificate,
    /// The answer begins as HTTP and is none, which a proxy in trouble may give: worth a retry.
    Garbled,
    /// No request can be made of the URL, which a registry gave.
    Unbuildable,
    /// No connection can be opened, because this process has as many files open as it may.
    NoDescriptors,
    /// Anything else on the way: a reset, an answer that was cut.
    Network,
}

/// A request that got no answer, or an answer that was cut.
pub(crate) fn transport(error: reqwest::Error, doing: &str, url: &RequestUrl) -> Error {
    named(error, doing, url, false)
}

/// The same of an address that a user wrote and at which no server has answered yet: the mistake may be in it.
pub(super) fn first_contact(error: reqwest::Error, doing: &str, url: &RequestUrl) -> Error {
    named(error, doing, url, true)
}

fn named(error: reqwest::Error, doing: &str, url: &RequestUrl, is_doubted: bool) -> Error {
    let error = error.without_url();
    let (cause, why) = cause(&error, url);
    let name = match cause {
        Cause::Unreachable | Cause::NoDescriptors | Cause::Network => Name::RegistryUnavailable,
        Cause::OtherScheme if is_doubted => Name::InvalidInput,
        Cause::OtherScheme | Cause::Certificate | Cause::Garbled | Cause::Unbuildable => Name::UnexpectedAnswer,
    };
    let named = Error::new(name, format!("{doing} {url}: {why}")).with_source(error);
    // Whatever was asked for there, it fails for the same reason.
    let named = match cause {
        Cause::Unreachable | Cause::OtherScheme | Cause::Certificate | Cause::Network => {
            named.caused_by(&format!("{}: {why}", url.host()))
        }
        Cause::NoDescriptors => named.caused_by(&why),
        Cause::Garbled | Cause::Unbuildable => named,
    };
    match cause {
        Cause::Unreachable if is_doubted => named.permanent(),
        Cause::NoDescriptors => named.permanent(),
        Cause::Garbled => named.temporary(),
        _ => named,
    }
}

/// The registry was given this long and did not answer.
pub(super) fn timed_out(timeout: Duration, doing: &str, url: &RequestUrl) -> Error {
    let why = format!("no answer in {} seconds", timeout.as_secs());
    Error::new(Name::RegistryUnavailable, format!("{doing} {url}: {why}")).caused_by(&format!("{}: {why}", url.host()))
}

/// Whether a call failed for want of a descriptor, of this process or of the whole system.
fn is_out_of_descriptors(code: i32) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| errno.raw_os_error() == code)
}

/// What is wrong, and what to change where that is known.
fn cause(error: &reqwest::Error, url: &RequestUrl) -> (Cause, String) {
    let url = url.as_url();
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    if find(error, |error: &io::Error| error.raw_os_error().is_some_and(is_out_of_descriptors)) {
        let why = format!(
            "this process may have {} files and connections open, and has: give it more with `ulimit -n 1024`",
            limit()
        );
        return (Cause::NoDescriptors, why);
    }
    if is_unknown(error) {
        let said = root(error);
        let said = said.rsplit_once(": ").map_or(said.as_str(), |(_, why)| why);
        let said = sanitize_line(said);
        return (Cause::Unreachable, format!("the name {host} cannot be resolved ({said}): check how it is written"));
    }
    if find(error, |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused) {
        return (
            Cause::Unreachable,
            format!("nothing answers on port {port} of {host} (connection refused): check the address and the port"),
        );
    }
    let mut tls = None;
    find(error, |error: &rustls::Error| {
        tls = of_tls(error, host, port);
        true
    });
    if let Some(tls) = tls {
        return tls;
    }
    // The first bytes are those of TLS, or of any other protocol.
    if url.scheme() == "http" && says(error, "invalid HTTP version") {
        let why = format!("what answers is no HTTP; if the port speaks TLS, write https://{host}:{port}");
        return (Cause::OtherScheme, why);
    }
    if says(error, "invalid HTTP") {
        return (Cause::Garbled, format!("the answer is no HTTP: {}", sanitize_line(&root(error))));
    }
    (if error.is_builder() { Cause::Unbuildable } else { Cause::Network }, sanitize_line(&root(error)))
}

/// Whether the name of the host was not found.
fn is_unknown(error: &reqwest::Error) -> bool {
    error.is_connect() && chain(error).any(|error| error.to_string() == "dns error")
}

/// Failures of TLS that stay until something is changed.
fn of_tls(error: &rustls::Error, host: &str, port: u16) -> Option<(Cause, String)> {
    let advice = match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => {
                "give the file with the certificate of the authority that issued it with --ca, or add it to those that this machine \
                 trusts, as SSL_CERT_FILE names them"
                    .to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "have the registry's certificate renewed, or check this machine's clock".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "check the clocks of this machine and of the registry".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("use a name that the certificate is for, or have one made for {host}")
            }
            _ => "have the registry's certificate replaced".to_owned(),
        },
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            let why = format!("the port answers without TLS: write http://{host}:{port} if that is meant");
            return Some((Cause::OtherScheme, why));
        }
        _ => return None,
    };
    Some((Cause::Certificate, format!("TLS failed: {}; {advice}", sanitize_line(&error.to_string()))))
}

/// The innermost error: those around it say "error sending request" and the like.
fn root(error: &reqwest::Error) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// Whether the error, or one behind it, contains this.
fn says(error: &reqwest::Error, what: &str) -> bool {
    chain(error).any(|error| error.to_string().contains(what))
}

fn find<T: StdError + 'static>(error: &reqwest::Error, mut is: impl FnMut(&T) -> bool) -> bool {
    chain(error).any(|error| error.downcast_ref().is_some_and(&mut is))
}

/// The error and those behind it. An I/O error that was made of another one hides it from `source`.
fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(Some(error as &(dyn StdError + 'static)), |error| {
        let error = *error;
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        within.map(|within| within as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection};

    use super::*;
    use crate::http::client::Client;

    /// An authority, and a server on the port that this gives, whose certificate of it is for this name and ends in
    /// this year.
    fn tls_server(name: &str, year: i32) -> (Vec<u8>, u16) {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut tls = ServerConnection::new(config).unwrap();
            while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
            let _ = tls.complete_io(&mut stream);
        });
        (authority.as_ref().der().to_vec(), port)
    }

    /// Answers one connection, whatever it sends, in plain HTTP. Gives its address.
    fn plain_server(answer: &'static [u8]) -> (String, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answering = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let _ = stream.read(&mut [0; 4000]);
            let _ = stream.write_all(answer);
        });
        (address, answering)
    }

    async fn failure(client: &Client, url: &str) -> Error {
        let url = RequestUrl::parse(url).unwrap();
        let request = client.request(http::Method::GET, &url, None);
        client.send(request, "asking", &url).await.unwrap_err()
    }

    #[tokio::test]
    async fn tls_fails_with_the_reason_and_what_to_change() {
        for (name, year, trusted, expected) in [
            ("127.0.0.1", 2999, false, "SSL_CERT_FILE"),
            ("127.0.0.1", 2020, true, "renewed"),
            ("registry.example", 2999, true, "use a name that the certificate is for, or have one made for 127.0.0.1"),
        ] {
            let (authority, port) = tls_server(name, year);
            let client = if trusted { Client::trusting(&authority) } else { Client::for_tests() };
            let error = failure(&client, &format!("https://127.0.0.1:{port}/v2/?secret=1")).await;
            let text = error.to_string();
            assert!(text.starts_with(&format!("asking https://127.0.0.1:{port}/v2/: TLS failed: ")), "{text}");
            assert!(text.contains(expected), "{text}");
            assert_eq!((error.name(), error.is_temporary()), (Name::UnexpectedAnswer, false), "{text}");
        }
    }

    /// A user who wrote the address can change it; one that a registry led to cannot be changed.
    #[tokio::test]
    async fn tls_and_plain_http_are_distinguished() {
        let (registry, doubting) = (Client::for_tests(), Client::for_tests().distrusting_address());
        for (client, name) in [(&registry, Name::UnexpectedAnswer), (&doubting, Name::InvalidInput)] {
            let (address, _) = plain_server(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let error = failure(client, &format!("https://{address}")).await;
            assert!(error.to_string().contains(&format!("write http://{address} if")), "{error}");
            assert_eq!((error.name(), error.is_temporary()), (name, false), "{error}");
            let (_, port) = tls_server("127.0.0.1", 2999);
            let error = failure(client, &format!("http://127.0.0.1:{port}/")).await;
            assert!(error.to_string().contains(&format!("write https://127.0.0.1:{port}")), "{error}");
            assert_eq!((error.name(), error.is_temporary()), (name, false), "{error}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_no_http_is_not_the_fault_of_the_address() {
        let (address, _) = plain_server(b"HTTP/1.1 200 OK\r\nbad\x01header: 1\r\n\r\n");
        let error = failure(&Client::for_tests().distrusting_address(), &format!("http://{address}")).await;
        assert_eq!((error.name(), error.is_temporary()), (Name::UnexpectedAnswer, true), "{error}");
    }

    #[tokio::test]
    async fn a_closed_port_is_a_mistake_until_a_server_answered() {
        let (address, answering) = plain_server(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let (client, doubting) = (Client::for_tests(), Client::for_tests().distrusting_address());
        let url = RequestUrl::parse(&format!("http://{address}")).unwrap();
        doubting.send(doubting.request(http::Method::GET, &url, None), "asking", &url).await.unwrap();
        answering.join().unwrap();
        for (client, temporary) in
            [(&client, true), (&doubting, true), (&client.with_own_count().distrusting_address(), false)]
        {
            let error = failure(client, url.as_url().as_str()).await;
            assert!(error.to_string().contains("connection refused"), "{error}");
            assert_eq!((error.name(), error.is_temporary()), (Name::RegistryUnavailable, temporary), "{error}");
        }
    }

    #[tokio::test]
    async fn an_unknown_name_is_reported() {
        let error = failure(&Client::for_tests().distrusting_address(), "https://registry.invalid/v2/").await;
        assert!(error.to_string().contains("the name registry.invalid cannot be resolved"), "{error}");
        assert_eq!((error.name(), error.is_temporary()), (Name::RegistryUnavailable, false), "{error}");
    }
}
