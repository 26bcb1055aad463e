//! Requests that got no answer, or one that was cut: what went wrong, and what to change.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use promotion::{Error, Name};
use rustls::{CertificateError, InvalidMessage};
use url::Url;

use super::origin::shown;
use super::text::harmless;

/// A request that got no answer, or an answer that was cut.
pub(super) fn transport(error: reqwest::Error, doing: &str, url: &Url) -> Error {
    let error = error.without_url();
    let why = why(&error, url);
    let message = format!("{doing} {}: {}", shown(url), why.as_deref().unwrap_or(&harmless(&root(&error))));
    let permanent = error.is_builder() || (why.is_some() && !is_nobody(&error));
    let named = Error::new(Name::RegistryUnavailable, message).with_source(error);
    if permanent { named.permanent() } else { named }
}

/// The registry was given this long and did not answer.
pub(super) fn late(patience: Duration, doing: &str, url: &Url) -> Error {
    Error::new(
        Name::RegistryUnavailable,
        format!("{doing} {}: no answer in {} seconds", shown(url), patience.as_secs()),
    )
}

/// Whether there is nobody at the address: what a mistake in it looks like, and a registry that is just being started.
pub(super) fn is_nobody(error: &reqwest::Error) -> bool {
    is_unknown(error) || find(error, |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// What is wrong and what to change, where that is known.
fn why(error: &reqwest::Error, url: &Url) -> Option<String> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let plain = url.scheme() == "http";
    if is_unknown(error) {
        let said = root(error);
        let said = said.rsplit_once(": ").map_or(said.as_str(), |(_, why)| why);
        return Some(format!("the name {host} cannot be resolved ({}): check how it is written", harmless(said)));
    }
    if find(error, |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused) {
        return Some(format!(
            "nothing answers on port {port} of {host} (connection refused): check the address and the port"
        ));
    }
    let mut tls = None;
    find(error, |error: &rustls::Error| {
        tls = of_tls(error, host, port);
        true
    });
    if tls.is_some() {
        return tls;
    }
    if plain && chain(error).any(|error| error.to_string().contains("invalid HTTP")) {
        return Some(format!("what answers is no HTTP; if the port speaks TLS, write {host}:{port} without http://"));
    }
    None
}

/// Whether the name of the host was not found.
fn is_unknown(error: &reqwest::Error) -> bool {
    error.is_connect() && chain(error).any(|error| error.to_string() == "dns error")
}

/// Failures of TLS that stay until somebody changes something.
fn of_tls(error: &rustls::Error, host: &str, port: u16) -> Option<String> {
    let advice = match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => {
                "add the certificate of the authority that issued it to those that this machine trusts, or name a file with all that are \
                 to be trusted in SSL_CERT_FILE"
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
            return Some(format!("the port answers without TLS: write http://{host}:{port} if that is meant"));
        }
        _ => return None,
    };
    Some(format!("TLS failed: {}; {advice}", harmless(&error.to_string())))
}

/// The innermost error: those around it say "error sending request" and the like.
fn root(error: &reqwest::Error) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
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
