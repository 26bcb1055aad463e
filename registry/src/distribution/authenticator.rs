//! Answering challenges (RFC 9110, section 11; Docker's token authentication specification): what a registry asks for
//! is learned from its first refusal, and then sent beforehand.

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::FutureExt as _;
use oci::text::{sanitize, sanitize_line};
use promotion::{Error, Name};

use super::Login;
use super::auth_state::{AuthState, Known, Tokens};
use super::challenge::{Bearer, Challenge, choose};
use super::endpoint::DistributionEndpoint;
use super::login::basic;
use super::scope::Scope;
use super::token::Realm;
use crate::error_kind::ErrorKind;
use crate::http::{AuthorizedClient, Client, Credential, Failure, Origin, Party, Refusal, Token};
use crate::v2::{Authenticate, Permission, Sending, token_refused};

/// What a request needs, and the login by which it may be had.
#[derive(Debug, Clone)]
struct Wish<'a> {
    scope: Scope,
    login: &'a Login,
}

/// What one request is sent with.
#[derive(Debug, Clone)]
struct AuthorizedRequest {
    credential: Credential,
    presented: Presented,
}

#[derive(Debug, Clone)]
enum Presented {
    Nothing,
    Login,
    Token(Arc<Tokens>, Arc<Token>),
}

impl AuthorizedRequest {
    /// Whether this was a token, which is not used again.
    async fn forget(&self) -> bool {
        if let Presented::Token(tokens, token) = &self.presented {
            tokens.authorization.forget(token).await;
            return true;
        }
        false
    }
}

/// Answers the challenges of one registry.
#[derive(Debug)]
pub(super) struct Authenticator {
    auth: AuthState,
    pub(super) endpoint: DistributionEndpoint,
    pub(super) http: Client,
}

impl Authenticate for Authenticator {
    type Endpoint = DistributionEndpoint;

    fn endpoint(&self) -> &DistributionEndpoint {
        &self.endpoint
    }

    fn send<'a, T, F>(
        &'a self,
        permission: Permission<'a>,
        send: impl Fn(AuthorizedClient) -> F + Send + Sync + 'a,
    ) -> Sending<'a, T>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, Failure>> + Send + 'a,
    {
        let wish = self.wish(permission);
        async move { Ok(self.send_with(&wish, |authorized| send(self.client(authorized.credential))).await) }.boxed()
    }

    fn send_once<'a, T, F>(
        &'a self,
        permission: Permission<'a>,
        send: impl FnOnce(AuthorizedClient) -> F + Send + 'a,
    ) -> Sending<'a, T>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, Failure>> + Send + 'a,
    {
        async move {
            let authorized = match self.authorized(&self.wish(permission)).await {
                Ok(authorized) => authorized,
                Err(error) => return Ok(Err(error.into())),
            };
            Ok(match send(self.client(authorized.credential.clone())).await {
                Err(Failure::Refused(refusal)) if is_challenge(&refusal) && authorized.forget().await => {
                    Err(token_refused(&refusal))
                }
                answer => answer,
            })
        }
        .boxed()
    }

    /// A token is for a scope: what refuses it may refuse only that.
    fn refuses_every_request(_: &Refusal) -> bool {
        false
    }
}

/// Whether the registry asks for another credential.
fn is_challenge(refusal: &Refusal) -> bool {
    refusal.by == Party::Registry && refusal.status == 401
}

impl Authenticator {
    pub(super) fn new(endpoint: DistributionEndpoint, http: Client) -> Self {
        Self { auth: AuthState::default(), endpoint, http }
    }

    fn wish(&self, permission: Permission<'_>) -> Wish<'_> {
        let login = self.endpoint.logins.of(permission.repository());
        Wish { scope: Scope::of(permission, self.endpoint.side), login }
    }

    fn client(&self, credential: Credential) -> AuthorizedClient {
        AuthorizedClient::new(self.http.clone(), credential)
    }

    /// Sends something with what is wished for, and once more with what the registry asks for if it refuses what was
    /// presented.
    async fn send_with<T, F>(
        &self,
        wish: &Wish<'_>,
        send: impl Fn(AuthorizedRequest) -> F + Send + Sync,
    ) -> Result<T, Failure>
    where
        T: Send,
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let mut first = None;
        if matches!(self.auth.known(), Known::Nothing) {
            // A second request waits for what the first one finds, and goes on in any case.
            match self.auth.first.try_lock() {
                Ok(guard) => first = Some(guard),
                Err(_) => drop(self.auth.first.lock().await),
            }
            if !self.endpoint.logins.is_anonymous() && matches!(self.auth.known(), Known::Nothing) {
                // A registry may answer without a login for what is public, and say of the rest that it does not exist:
                // a login that is known is used.
                self.probe().await?;
                first = None;
            }
        }
        let authorized = self.authorized(wish).await?;
        let refusal = match send(authorized.clone()).await {
            Err(Failure::Refused(refusal)) if is_challenge(&refusal) => refusal,
            answer => {
                self.auth.open(&answer);
                return answer;
            }
        };
        let other = self.other(wish, &authorized, &refusal).await?;
        drop(first);
        let Some(other) = other else {
            return Err(Failure::Refused(refusal));
        };
        tracing::debug!(registry = self.endpoint.name, %refusal, "asking again with what it wants");
        match send(other.clone()).await {
            Err(Failure::Refused(mut refusal)) if is_challenge(&refusal) => {
                if other.forget().await {
                    refusal.note("of a token that its token server had just given");
                }
                Err(Failure::Refused(refusal))
            }
            answer => answer,
        }
    }

    /// What to send now, by what is known.
    async fn authorized(&self, wish: &Wish<'_>) -> Result<AuthorizedRequest, Error> {
        match self.auth.known() {
            Known::Nothing | Known::Open => Ok(self.nothing()),
            Known::Basic => self.login(wish.login),
            Known::Bearer(realm, decided) => {
                let tokens = self.auth.tokens(&realm, decided.as_ref().unwrap_or(&wish.scope), wish.login);
                self.token(tokens, None).await
            }
        }
    }

    /// Sends a request without a credential, to learn what the registry asks for.
    async fn probe(&self) -> Result<(), Failure> {
        match self.client(self.nothing().credential).ping().await {
            // A registry may lead elsewhere; what is asked for there is not asked for by the registry.
            Err(Failure::Refused(refusal)) if refusal.by != Party::Registry => {}
            Err(Failure::Refused(refusal)) if refusal.status == 401 => match choose(&refusal.challenges) {
                Ok(Challenge::Basic) => self.auth.learn(Known::Basic),
                Ok(Challenge::Bearer(bearer)) => drop(self.learn(&bearer)?),
                // What it asks for then is reported with the request that it refuses.
                Err(_) => {}
            },
            Err(Failure::Failed(error)) => return Err(error.into()),
            // This does not show who is let in.
            Err(Failure::Refused(refusal)) if ErrorKind::of(&refusal).is_outage() => {
                return Err(Failure::Refused(refusal));
            }
            answer => self.auth.open(&answer),
        }
        Ok(())
    }

    /// What to send instead of what was refused; none if there is nothing else.
    async fn other(
        &self,
        wish: &Wish<'_>,
        refused: &AuthorizedRequest,
        refusal: &Refusal,
    ) -> Result<Option<AuthorizedRequest>, Failure> {
        let bearer = match choose(&refusal.challenges) {
            Ok(Challenge::Bearer(bearer)) => bearer,
            Ok(Challenge::Basic) if matches!(refused.presented, Presented::Login) => return Ok(None),
            Ok(Challenge::Basic) => {
                self.auth.learn(Known::Basic);
                return self.login(wish.login).map(Some).map_err(Into::into);
            }
            Err(schemes) => match &refused.presented {
                Presented::Token(tokens, _) => return Ok(Some(self.token(Arc::clone(tokens), Some(refused)).await?)),
                _ if schemes.is_empty() => return Ok(None),
                _ => {
                    let mut refusal = refusal.clone();
                    // Without secrets before they are taken apart: parts of one are not known.
                    let clean: Vec<_> = refusal.challenges.iter().map(|challenge| sanitize_line(challenge)).collect();
                    let schemes = choose(&clean).err().unwrap_or_default().join(", ");
                    refusal.note(&format!("the registry asks for {schemes}, and Transship knows Basic and Bearer"));
                    return Err(refusal.into());
                }
            },
        };
        let (realm, decided, asked) = self.learn(&bearer)?;
        // A registry may know the repository by another name.
        let tokens = match decided {
            Some(decided) => self.auth.tokens(&realm, &decided, wish.login),
            None if wish.scope.covers(&asked) => self.auth.tokens(&realm, &wish.scope, wish.login),
            None => self.auth.wider_tokens(&realm, &wish.scope, asked, wish.login),
        };
        self.token(tokens, Some(refused)).await.map(Some).map_err(Into::into)
    }

    /// Takes note of a token server: what it is, the one scope that decides if there is one, and what it was to be
    /// asked for.
    fn learn(&self, bearer: &Bearer) -> Result<(Arc<Realm>, Option<Scope>, Scope), Error> {
        let realm = Realm::of(&self.http, self.origin(), bearer)?;
        // What a secret is repeated in is no scope, and is taken apart before it is shown.
        let asked = bearer.scope.as_deref().filter(|scope| sanitize(*scope) == **scope);
        let asked = asked.map(Scope::parse).unwrap_or_default();
        let decided = asked.is_global().then(|| asked.clone());
        Ok((self.auth.learn_realm(realm, decided.clone()), decided, asked))
    }

    /// A token, other than one that was refused.
    async fn token(
        &self,
        tokens: Arc<Tokens>,
        refused: Option<&AuthorizedRequest>,
    ) -> Result<AuthorizedRequest, Error> {
        let fetch = || self.fetch(&tokens);
        let now = SystemTime::now();
        let token = match refused.map(|authorized| &authorized.presented) {
            Some(Presented::Token(_, token)) => tokens.authorization.other(token, now, fetch).await,
            _ => tokens.authorization.token(now, fetch).await,
        };
        // Where no token is had for several things at once, one may be had for some of them.
        let token = token.inspect_err(|_| self.auth.forget(&tokens))?;
        Ok(AuthorizedRequest { credential: token.credential.clone(), presented: Presented::Token(tokens, token) })
    }

    fn login(&self, login: &Login) -> Result<AuthorizedRequest, Error> {
        let denied =
            |why: &str| self.denied(&format!("{why}. Give a user and a password with {}", self.endpoint.log_in()));
        match login {
            Login::Basic { user, password, .. } => Credential::new(self.origin().clone(), &basic(user, password))
                .map(|credential| AuthorizedRequest { credential, presented: Presented::Login })
                .ok_or_else(|| denied("the user and the password cannot be sent")),
            Login::Anonymous => Err(denied("the registry asks for a login, and none was found for it")),
            Login::IdentityToken { .. } => {
                Err(denied(&format!("the registry asks for a user and a password, and {login} is neither")))
            }
        }
    }

    async fn fetch(&self, tokens: &Tokens) -> Result<Token, Error> {
        let Tokens { realm, scope, login, .. } = tokens;
        let failure = match realm.fetch(&self.http, self.origin(), scope, login).await {
            Ok(token) => return Ok(token),
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Refused(refusal)) => refusal,
        };
        let (server, said, log_in) = (&realm.url, failure.to_string(), self.endpoint.log_in());
        let kind = ErrorKind::of(&failure);
        Err(match (kind, login) {
            (ErrorKind::Denied, Login::Anonymous) => self.denied(&format!(
                "the token server {server} gives no token for {scope} without a login: {said}. Give one with {log_in}"
            )),
            (ErrorKind::Denied, login) => self.denied(&format!(
                "the token server {server} does not accept {login} for {scope}: {said}. Log in again with {log_in}"
            )),
            (kind, _) => {
                let why = format!("the token server {server} gives no token for {scope}: {said}");
                let (name, may_heal) = kind.named(self.endpoint.side);
                let may_pass = may_heal || name == Name::RegistryUnavailable;
                let name = if may_pass { Name::RegistryUnavailable } else { Name::UnexpectedAnswer };
                let error = kind.error(name, why, &failure);
                if may_heal { error } else { error.permanent() }
            }
        })
    }

    fn denied(&self, why: &str) -> Error {
        Error::new(ErrorKind::Denied.named(self.endpoint.side).0, why)
    }

    fn nothing(&self) -> AuthorizedRequest {
        AuthorizedRequest { credential: Credential::none(self.origin().clone()), presented: Presented::Nothing }
    }

    fn origin(&self) -> &Origin {
        self.endpoint.address.origin()
    }
}
