//! What the client does with answers that a test wrote down.

mod digests;
mod elsewhere;
mod entering;
mod limits;
mod lists;
mod pushing;
mod tokens;
mod unexpected;

use oci::{Reference, Repository};
use promotion::Name;

use super::{Distribution, Distributions, Login};
use crate::Network;
use crate::Side;
use crate::http::loopback::Loopback;

fn connect(address: &str, login: Login, side: Side) -> Distribution {
    Distributions::new(&Network::default()).unwrap().connect(address.parse().unwrap(), login, side)
}

fn anonymous(server: &Loopback) -> Distribution {
    connect(&server.address, Login::Anonymous, Side::Source)
}

fn ann() -> Login {
    Login::Basic { user: "ann".into(), password: "s3cret".into(), from: "a test".into() }
}

fn repository() -> Repository {
    "app".parse().unwrap()
}

fn tag() -> Reference {
    Reference::Tag("1".parse().unwrap())
}

/// The refusal of a registry whose token server is this one.
fn challenge(tokens: &str, scope: &str) -> String {
    format!(
        "401 Unauthorized\nwww-authenticate: Bearer realm=\"{tokens}/token\",service=\"reg\",scope=\"{scope}\"\n\n\
         {{\"errors\":[{{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\"}}]}}"
    )
}

const NOT_FOUND: &str = "404 Not Found\n\n{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}";

/// The first line of each request.
fn lines(server: &Loopback) -> Vec<String> {
    let first = |request: &String| request.lines().next().unwrap_or_default().replace(" HTTP/1.1", "");
    server.requests().iter().map(first).collect()
}

fn authorizations(server: &Loopback) -> Vec<Option<String>> {
    let find =
        |request: &String| request.lines().find_map(|line| line.strip_prefix("authorization: ").map(str::to_owned));
    server.requests().iter().map(find).collect()
}

/// Its name and whether it may pass.
fn named<T>(answer: Result<T, promotion::Error>) -> (Name, bool, String) {
    let error = answer.map(drop).unwrap_err();
    (error.name(), error.is_temporary(), error.to_string())
}
