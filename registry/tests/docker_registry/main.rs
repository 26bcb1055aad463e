//! The client of the distribution specification on Debian's docker-registry, which shares no code with it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod conformance;
mod mounts;
mod tokens;

use docker_registry::{Auth, PASSWORD, Server, USER};
use registry::{Address, Distribution, Distributions, Login, Network, Side};

pub(crate) fn user() -> Login {
    Login::Basic { user: USER.into(), password: PASSWORD.into(), from: "a test".into() }
}

pub(crate) fn connect(server: &Server, login: Login, side: Side) -> Distribution {
    let address: Address = format!("http://{}", server.host()).parse().unwrap();
    Distributions::new(&Network::default()).unwrap().connect(address, login, side)
}

/// A target that may be written, whatever it asks for.
pub(crate) fn target(server: &Server, auth: Auth) -> Distribution {
    let login = if auth == Auth::None { Login::Anonymous } else { user() };
    connect(server, login, Side::Target)
}
