use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use promotion::{Error, Name};

use super::Login;
use super::challenge::{Bearer, Challenge, choose};
use super::endpoint::DistributionEndpoint;
use super::login::basic;
use super::scope::Scope;
use super::token::Realm;
use crate::error_kind::{ErrorKind, kind_of};
use crate::http::{Authorization, Client, Credential, Failure, Origin, Party, Refusal, Token, ping};
use oci::text::sanitize_line;

/// How a registry is entered: what it has asked for so far, and the tokens that were fetched for it.
#[derive(Debug, Default)]
pub(super) struct AuthState {
    known: Mutex<Known>,
    /// Held by the one request that finds out what the registry asks for, so that others need not be refused as well.
    first: tokio::sync::Mutex<()>,
    tokens: Mutex<Vec<Arc<Tokens>>>,
}

#[derive(Debug, Clone, Default)]
enum Known {
    #[default]
    Nothing,
    /// It let somebody in who had nothing to show.
    Open,
    Basic,
    Bearer(Arc<Realm>, Option<Scope>),
}

#[derive(Debug)]
struct Tokens {
    realm: Arc<Realm>,
    scope: Scope,
    authorization: Authorization,
}

/// What one request is sent with.
#[derive(Debug, Clone)]
pub(super) struct AuthorizedRequest {
    pub(super) credential: Credential,
    shown: Shown,
}

#[derive(Debug, Clone)]
enum Shown {
    Nothing,
    Login,
    Token(Arc<Tokens>, Arc<Token>),
}

impl AuthorizedRequest {
    /// Whether this was a token, which is not used again.
    pub(super) async fn forget(&self) -> bool {
        if let Shown::Token(tokens, token) = &self.shown {
            tokens.authorization.forget(token).await;
            return true;
        }
        false
    }
}

/// One registry to enter, with the connection to do it over.
pub(super) struct Authenticator<'a> {
    pub(super) auth: &'a AuthState,
    pub(super) endpoint: &'a DistributionEndpoint,
    pub(super) http: &'a Client,
}

impl Authenticator<'_> {
    /// Sends something that needs this scope, and once more with what the registry asks for if it refuses what was shown.
    pub(super) async fn send<T, F>(&self, scope: &Scope, send: impl Fn(AuthorizedRequest) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut first = None;
        if matches!(self.auth.known(), Known::Nothing) {
            // Whoever comes second waits for what the first one finds, and goes on in any case.
            match self.auth.first.try_lock() {
                Ok(guard) => first = Some(guard),
                Err(_) => drop(self.auth.first.lock().await),
            }
            if !matches!(self.endpoint.login, Login::Anonymous) && matches!(self.auth.known(), Known::Nothing) {
                // A registry may show to anybody what is public, and say of the rest that it does not exist: a login that is there is used.
                self.probe().await?;
                first = None;
            }
        }
        let authorized = self.authorized(scope).await?;
        let refusal = match send(authorized.clone()).await {
            Err(Failure::Refused(refusal)) if refusal.by == Party::Registry && refusal.status == 401 => refusal,
            answer => {
                self.auth.open(&answer);
                return answer;
            }
        };
        let other = self.other(scope, &authorized, &refusal).await?;
        drop(first);
        let Some(other) = other else {
            return Err(Failure::Refused(refusal));
        };
        tracing::debug!(registry = self.endpoint.name, %refusal, "asking again with what it wants");
        match send(other.clone()).await {
            Err(Failure::Refused(mut refusal)) if refusal.by == Party::Registry && refusal.status == 401 => {
                if other.forget().await {
                    refusal.note("of a token that its token server had just given");
                }
                Err(Failure::Refused(refusal))
            }
            answer => answer,
        }
    }

    /// What to send now, by what is known.
    pub(super) async fn authorized(&self, scope: &Scope) -> Result<AuthorizedRequest, Error> {
        match self.auth.known() {
            Known::Nothing | Known::Open => Ok(self.nothing()),
            Known::Basic => self.login(),
            Known::Bearer(realm, decided) => {
                let tokens = self.auth.tokens(&realm, decided.as_ref().unwrap_or(scope));
                self.token(tokens, None).await
            }
        }
    }

    /// Asks the registry for nothing, to learn what it asks for.
    async fn probe(&self) -> Result<(), Failure> {
        match ping(self.http, &self.nothing().credential).await {
            // A registry may lead elsewhere; what is asked for there is not asked for by the registry.
            Err(Failure::Refused(refusal)) if refusal.by == Party::Storage => {}
            Err(Failure::Refused(refusal)) if refusal.status == 401 => match choose(&refusal.challenges) {
                Ok(Challenge::Basic) => self.auth.learn(Known::Basic),
                Ok(Challenge::Bearer(bearer)) => drop(self.learn(&bearer)?),
                // What it asks for then is told with the request that it refuses.
                Err(_) => {}
            },
            Err(Failure::Failed(error)) => return Err(error.into()),
            // This says nothing about who is let in.
            Err(Failure::Refused(refusal))
                if matches!(kind_of(&refusal), ErrorKind::Throttled | ErrorKind::Unavailable) =>
            {
                return Err(Failure::Refused(refusal));
            }
            answer => self.auth.open(&answer),
        }
        Ok(())
    }

    /// What to send instead of what was refused; none if there is nothing else.
    async fn other(
        &self,
        scope: &Scope,
        refused: &AuthorizedRequest,
        refusal: &Refusal,
    ) -> Result<Option<AuthorizedRequest>, Failure> {
        let bearer = match choose(&refusal.challenges) {
            Ok(Challenge::Bearer(bearer)) => bearer,
            Ok(Challenge::Basic) if matches!(refused.shown, Shown::Login) => return Ok(None),
            Ok(Challenge::Basic) => {
                self.auth.learn(Known::Basic);
                return self.login().map(Some).map_err(Into::into);
            }
            Err(schemes) => match &refused.shown {
                Shown::Token(tokens, _) => return Ok(Some(self.token(Arc::clone(tokens), Some(refused)).await?)),
                _ if schemes.is_empty() => return Ok(None),
                _ => {
                    let mut refusal = refusal.clone();
                    let schemes = sanitize_line(&schemes.join(", "));
                    refusal.note(&format!("the registry asks for {schemes}, and Transship knows Basic and Bearer"));
                    return Err(refusal.into());
                }
            },
        };
        let (realm, decided, asked) = self.learn(&bearer)?;
        // A registry may know the repository by another name.
        let tokens = match decided {
            Some(decided) => self.auth.tokens(&realm, &decided),
            None if scope.covers(&asked) => self.auth.tokens(&realm, scope),
            None => self.auth.wider_tokens(&realm, scope, asked),
        };
        self.token(tokens, Some(refused)).await.map(Some).map_err(Into::into)
    }

    /// Takes note of a token server: what it is, the one scope that decides if there is one, and what it was to be asked for.
    fn learn(&self, bearer: &Bearer) -> Result<(Arc<Realm>, Option<Scope>, Scope), Error> {
        let realm = Realm::of(self.origin(), bearer)?;
        let asked = bearer.scope.as_deref().map(Scope::parse).unwrap_or_default();
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
        let token = match refused.map(|authorized| &authorized.shown) {
            Some(Shown::Token(_, token)) => tokens.authorization.other(token, now, fetch).await,
            _ => tokens.authorization.token(now, fetch).await,
        };
        // Where no token is had for several things at once, one may be had for some of them.
        let token = token.inspect_err(|_| self.auth.forget(&tokens))?;
        Ok(AuthorizedRequest { credential: token.credential.clone(), shown: Shown::Token(tokens, token) })
    }

    fn login(&self) -> Result<AuthorizedRequest, Error> {
        let denied =
            |why: &str| self.denied(&format!("{why}. Give a user and a password with {}", self.endpoint.log_in()));
        match &self.endpoint.login {
            Login::Basic { user, password, .. } => Credential::new(self.origin().clone(), &basic(user, password))
                .map(|credential| AuthorizedRequest { credential, shown: Shown::Login })
                .ok_or_else(|| denied("the user and the password cannot be sent")),
            Login::Anonymous => Err(denied("the registry asks for a login, and none was found for it")),
            login @ Login::IdentityToken { .. } => {
                Err(denied(&format!("the registry asks for a user and a password, and {login} is neither")))
            }
        }
    }

    async fn fetch(&self, tokens: &Tokens) -> Result<Token, Error> {
        let Tokens { realm, scope, .. } = tokens;
        let failure = match realm.fetch(self.http, self.origin(), scope, &self.endpoint.login).await {
            Ok(token) => return Ok(token),
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Refused(refusal)) => refusal,
        };
        let (server, told, log_in) = (realm.shown(), failure.to_string(), self.endpoint.log_in());
        let kind = kind_of(&failure);
        Err(match (kind, &self.endpoint.login) {
            (ErrorKind::Denied, Login::Anonymous) => self.denied(&format!(
                "the token server {server} gives nobody a token for {scope} without a login: {told}. Give one with {log_in}"
            )),
            (ErrorKind::Denied, login) => self.denied(&format!(
                "the token server {server} does not accept {login} for {scope}: {told}. Log in again with {log_in}"
            )),
            (kind, _) => {
                let why = format!("the token server {server} gives no token for {scope}: {told}");
                let error = Error::new(Name::RegistryUnavailable, why).with_retry_after(failure.retry_after);
                if kind.named(self.endpoint.side).1 { error } else { error.permanent() }
            }
        })
    }

    fn denied(&self, why: &str) -> Error {
        Error::new(ErrorKind::Denied.named(self.endpoint.side).0, why)
    }

    fn nothing(&self) -> AuthorizedRequest {
        AuthorizedRequest { credential: Credential::none(self.origin().clone()), shown: Shown::Nothing }
    }

    fn origin(&self) -> &Origin {
        self.endpoint.address.origin()
    }
}

impl AuthState {
    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn learn_realm(&self, realm: Realm, decided: Option<Scope>) -> Arc<Realm> {
        match self.known() {
            Known::Bearer(known, scope) if *known == realm && scope == decided => known,
            _ => {
                let realm = Arc::new(realm);
                self.learn(Known::Bearer(Arc::clone(&realm), decided));
                realm
            }
        }
    }

    /// Takes note that the registry answered somebody who had nothing to show.
    fn open<T>(&self, answer: &Result<T, Failure>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!((&*known, answer), (Known::Nothing, Ok(_) | Err(Failure::Refused(_)))) {
            *known = Known::Open;
        }
    }

    /// The tokens for this scope, or for one that is wider.
    fn tokens(&self, realm: &Arc<Realm>, scope: &Scope) -> Arc<Tokens> {
        let mut all = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let here = || all.iter().filter(|tokens| tokens.realm == *realm);
        let known =
            here().find(|tokens| tokens.scope == *scope).or_else(|| here().find(|tokens| tokens.scope.covers(scope)));
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let realm = Arc::clone(realm);
        let tokens = Arc::new(Tokens { realm, scope: scope.clone(), authorization: Authorization::default() });
        all.push(Arc::clone(&tokens));
        tokens
    }

    /// The tokens for this scope and more, which are used for it from now on.
    fn wider_tokens(&self, realm: &Arc<Realm>, scope: &Scope, more: Scope) -> Arc<Tokens> {
        let mut all = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|tokens| tokens.realm != *realm || tokens.scope != *scope);
        drop(all);
        self.tokens(realm, &scope.clone().and(more))
    }

    fn forget(&self, forgotten: &Arc<Tokens>) {
        let mut all = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|tokens| !Arc::ptr_eq(tokens, forgotten));
    }
}
