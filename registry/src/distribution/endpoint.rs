use oci::{Repository, Secrets};

use super::{Address, Login, Logins};
use crate::error_kind::ErrorKind;
use crate::http::{Party, Refusal};
use crate::v2::{Dialect, Permission};
use crate::{Side, operation};

/// The registry, how it is used and with which login.
#[derive(Debug)]
pub(super) struct DistributionEndpoint {
    pub(super) name: String,
    pub(super) address: Address,
    pub(super) logins: Logins,
    pub(super) side: Side,
    /// Those of the logins, known as long as they are used.
    _secrets: Vec<Secrets>,
}

/// What was tried; its action is `read` or `write`.
pub(super) type Operation<'a> = operation::Operation<'a, DistributionEndpoint>;

impl DistributionEndpoint {
    pub(super) fn new(address: Address, logins: Logins, side: Side) -> Self {
        Self { name: address.to_string(), address, _secrets: logins.secrets(), logins, side }
    }

    /// How to log in, as an end of a sentence.
    pub(super) fn log_in(&self) -> String {
        format!("`docker login {}`", self.address.registry())
    }

    fn denied(&self, operation: &Operation<'_>) -> String {
        let (action, log_in) = (operation.action, self.log_in());
        let repository = operation.repository.map(|repository| self.address.path(repository));
        let login = repository.as_ref().map_or(self.logins.of_registry(), |repository| self.logins.of(repository));
        let repository = repository.as_ref().map_or("it", Repository::as_str);
        // Docker Hub, and others, deny what does not exist.
        match login {
            Login::Anonymous => format!(
                ". No login was used: give one with {log_in}, unless the name {repository} is wrong, as registries deny what does not exist"
            ),
            login => format!(
                ". The registry does not accept {login}, or does not let it {action} {repository}, or there is no such repository: check the \
                 name, have the permission given, or log in again with {log_in}"
            ),
        }
    }
}

impl operation::Endpoint for DistributionEndpoint {
    fn name(&self) -> &str {
        &self.name
    }

    fn side(&self) -> Side {
        self.side
    }

    fn is_plain(&self) -> bool {
        self.address.is_plain()
    }

    fn advice(operation: &Operation<'_>, kind: ErrorKind, refusal: &Refusal) -> String {
        let endpoint = operation.endpoint;
        match kind {
            ErrorKind::NeedsTls => {
                format!(". The port speaks TLS: write https://{}", endpoint.address.registry())
            }
            ErrorKind::Denied | ErrorKind::InvalidCredentials if refusal.by == Party::Elsewhere => {
                ". The registry sends on to another host, which gets no login and lets nobody in without one: name that host instead, with a \
                 login for it"
                    .into()
            }
            ErrorKind::Denied | ErrorKind::InvalidCredentials => endpoint.denied(operation),
            ErrorKind::TooLarge => {
                ". A proxy before the registry may allow smaller bodies than it does (`client_max_body_size` of nginx, 1 MiB by default; \
                 Cloudflare 100 MB): raise its limit, or push past it"
                    .into()
            }
            ErrorKind::RepositoryNotFound if endpoint.side == Side::Target => {
                ". This registry does not make repositories of what is pushed: create it first, then run again".into()
            }
            ErrorKind::RepositoryNotFound | ErrorKind::ImageNotFound if endpoint.address.is_hub() => {
                ". Check the name and the tag or digest; names without a slash are those of official images, library/... to Docker Hub".into()
            }
            ErrorKind::RepositoryNotFound | ErrorKind::ImageNotFound => ". Check the registry, the name and the tag or digest".into(),
            ErrorKind::StorageDenied => {
                ". The address that the registry gave for the blob was used up or may not be read from here".into()
            }
            ErrorKind::PullLimit => {
                let limit = refusal.limit.as_ref().map(|limit| format!(" ({limit})")).unwrap_or_default();
                let how = match endpoint.logins.of_registry() {
                    Login::Anonymous => format!("log in with {}, which raises it", endpoint.log_in()),
                    _ => "use an account with a higher one".into(),
                };
                format!(
                    ". The limit of pulls is used up{limit}: {how}, or wait until it is renewed, which may take six hours"
                )
            }
            ErrorKind::Throttled if refusal.by == Party::Registry => {
                refusal.limit.as_ref().map(|limit| format!(" ({limit})")).unwrap_or_default()
            }
            _ => String::new(),
        }
    }
}

impl Dialect for DistributionEndpoint {
    const NO_UPLOAD: ErrorKind = ErrorKind::RepositoryNotFound;

    fn path(&self, repository: &Repository) -> Repository {
        self.address.path(repository)
    }

    fn action(permission: Permission<'_>) -> &'static str {
        match permission {
            Permission::PullBlob(_) | Permission::PullManifest(_) => "read",
            Permission::PushBlob(_) | Permission::PushManifest(_) | Permission::MountBlob { .. } => "write",
        }
    }
}
