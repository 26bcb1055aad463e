//! The parsers of what others write, compiled from their own files.
//!
//! They are private where they belong, and stay so. Taking the crates as dependencies would build the AWS SDK with
//! instrumentation, which takes longer than any run of a few seconds; the files alone need little beside `promotion`.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::all,
    reason = "each file is linted where it belongs, and only parsers are used here"
)]

// The files name the crates that they are part of.
extern crate self as registry;

#[path = "../../registry/src/http"]
mod http {
    mod depth;
    pub(crate) mod link;
    pub(crate) mod origin;
    pub(crate) mod request_url;

    pub(crate) use origin::Origin;

    /// Where this leads, seen from the URL that answered with it.
    pub(crate) fn follow(from: &str, location: &str) -> Result<url::Url, promotion::Error> {
        let from = request_url::RequestUrl::parse(from).expect("a URL");
        from.follow(location).map(|url| url.as_url().clone())
    }

    /// Where the next page of a list is, seen from the page.
    pub fn next_page(page: &str, header: &str) -> Option<Result<url::Url, promotion::Error>> {
        link::next_page(header).map(|link| follow(page, &link))
    }
}

#[path = "../../registry/src/distribution"]
mod distribution {
    pub(crate) mod address;
    pub(crate) mod challenge;
    pub(crate) mod login;
    pub(crate) mod scope;

    /// What one `WWW-Authenticate` asks for: none for a password, or realm, service and scope; else the schemes that
    /// are not known.
    pub fn challenge(header: &str) -> Result<Option<(String, Option<String>, Option<String>)>, Vec<String>> {
        challenge::choose(&[header.to_owned()]).map(|challenge| match challenge {
            challenge::Challenge::Basic => None,
            challenge::Challenge::Bearer(challenge::Bearer { realm, service, scope }) => Some((realm, service, scope)),
        })
    }

    /// The token server at a realm, seen from a registry; none if it is not accepted.
    pub fn token_server(registry: &str, realm: &str) -> Result<url::Url, promotion::Error> {
        crate::http::follow(registry, realm)
    }

    /// The resources of a scope, as they are asked for.
    pub fn resources(scope: &str) -> Vec<String> {
        scope::Scope::parse(scope).resources().collect()
    }
}

#[path = "../../registry/src/v2"]
mod v2 {
    mod permission;

    pub(crate) use permission::Permission;
}

#[path = "../../registry/src/side.rs"]
mod side;
pub(crate) use side::Side;

#[path = "../../registry/src/ecr/registry_id.rs"]
mod registry_id;
pub use registry_id::is_account_id;

#[path = "../../registry/src/ecr/external_id.rs"]
mod external_id;
pub use external_id::external_id_secrets;

#[path = "../../registry/src/logins"]
mod logins {
    pub(crate) mod file;
    pub(crate) mod server;

    /// What a file of logins holds for a registry: the name of its helper, and its login.
    pub fn login(file: &[u8], host: &str) -> Result<(Option<String>, Option<crate::Login>), promotion::Error> {
        let Some(file) = file::AuthFile::parse(std::path::Path::new("config.json"), file)? else {
            return Ok((None, None));
        };
        let server = server::Server::new(host, false);
        Ok((file.helper(&server)?, file.login(&server)?))
    }
}

#[path = "../../lambdas/invocation/src/event.rs"]
mod event;
#[path = "../../lambdas/invocation/src/pinned.rs"]
mod pinned;
#[path = "../../lambdas/invocation/src/release_folder.rs"]
mod release_folder;
#[path = "../../lambdas/invocation/src/words.rs"]
mod words;

pub use distribution::address::Address;
pub use distribution::login::Login;
pub use distribution::{challenge, resources, token_server};
pub use event::Event;
pub use http::next_page;
pub use logins::login;
pub use pinned::{Pinned, Stored};
pub use release_folder::ReleaseFolder;

mod say;
pub use say::assert_fit;
