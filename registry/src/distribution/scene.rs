use promotion::Repository;

use super::{Address, Login};
use crate::http::{Party, Refusal};
use crate::kind::Kind;
use crate::{Side, attempt};

/// The registry, how it is used and with which login.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) name: String,
    pub(super) address: Address,
    pub(super) login: Login,
    pub(super) side: Side,
}

/// What was tried; its action is `read` or `write`.
pub(super) type Attempt<'a> = attempt::Attempt<'a, Scene>;

impl Scene {
    /// How to log in, as an end of a sentence.
    pub(super) fn log_in(&self) -> String {
        format!("`docker login {}`", self.address.registry())
    }

    fn denied(&self, attempt: &Attempt<'_>) -> String {
        let (action, log_in) = (attempt.action, self.log_in());
        let repository = attempt.repository.map(|repository| self.address.path(repository));
        let repository = repository.as_ref().map_or("it", Repository::as_str);
        // Docker Hub, and others, deny what does not exist.
        match &self.login {
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

impl attempt::Scene for Scene {
    fn name(&self) -> &str {
        &self.name
    }

    fn side(&self) -> Side {
        self.side
    }

    fn advice(attempt: &Attempt<'_>, kind: Kind, refusal: &Refusal) -> String {
        let scene = attempt.scene;
        match kind {
            // What Go's server and nginx say.
            _ if refusal.status == 400 && scene.address.is_plain() && refusal.message.contains("HTTPS") => {
                format!(". The port speaks TLS: write {} without http://", scene.address.registry())
            }
            Kind::Denied | Kind::Stranger => scene.denied(attempt),
            Kind::NoRepository if scene.side == Side::Target => {
                ". This registry does not make repositories of what is pushed: create it first, then run again".into()
            }
            Kind::NoRepository | Kind::NoImage if scene.address.is_hub() => {
                ". Check the name and the tag or digest; names without a slash are those of official images, library/... to Docker Hub".into()
            }
            Kind::NoRepository | Kind::NoImage => ". Check the registry, the name and the tag or digest".into(),
            Kind::NoAccessToStorage => {
                ". The address that the registry gave for the blob was used up or may not be read from here".into()
            }
            Kind::PullLimit => {
                let limit = refusal.limit.as_ref().map(|limit| format!(" ({limit})")).unwrap_or_default();
                let how = match scene.login {
                    Login::Anonymous => format!("log in with {}, which raises it", scene.log_in()),
                    _ => "use an account with a higher one".into(),
                };
                format!(
                    ". The limit of pulls is used up{limit}: {how}, or wait until it is renewed, which may take six hours"
                )
            }
            Kind::Busy if refusal.by == Party::Registry => {
                refusal.limit.as_ref().map(|limit| format!(" ({limit})")).unwrap_or_default()
            }
            _ => String::new(),
        }
    }
}
