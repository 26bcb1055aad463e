//! What is known so far of how a registry lets clients in, shared by all requests to it.

use std::sync::{Arc, Mutex, PoisonError};

use super::Login;
use super::scope::Scope;
use super::token::Realm;
use crate::http::{Authorization, Failure};

/// What a registry has asked for so far, and the tokens that were fetched for it.
#[derive(Debug, Default)]
pub(super) struct AuthState {
    known: Mutex<Known>,
    /// Held by the one request that finds out what the registry asks for, so that others need not be refused as well.
    pub(super) first: tokio::sync::Mutex<()>,
    tokens: Mutex<Vec<Arc<Tokens>>>,
}

/// What a registry asks for.
#[derive(Debug, Clone, Default)]
pub(super) enum Known {
    #[default]
    Nothing,
    /// It answered a request without a credential.
    Open,
    Basic,
    /// A token of this server; of this scope, whatever the request, if one is given.
    Bearer(Arc<Realm>, Option<Scope>),
}

/// Tokens of one scope, one after the other.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) realm: Arc<Realm>,
    pub(super) scope: Scope,
    /// With what they are asked for.
    pub(super) login: Login,
    pub(super) authorization: Authorization,
}

impl AuthState {
    pub(super) fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn learn(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    pub(super) fn learn_realm(&self, realm: Realm, decided: Option<Scope>) -> Arc<Realm> {
        match self.known() {
            Known::Bearer(known, scope) if *known == realm && scope == decided => known,
            _ => {
                let realm = Arc::new(realm);
                self.learn(Known::Bearer(Arc::clone(&realm), decided));
                realm
            }
        }
    }

    /// Takes note that the registry answered a request without a credential.
    pub(super) fn open<T>(&self, answer: &Result<T, Failure>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!((&*known, answer), (Known::Nothing, Ok(_) | Err(Failure::Refused(_)))) {
            *known = Known::Open;
        }
    }

    /// The tokens for this scope, or for one that is wider, that are had with this login.
    pub(super) fn tokens(&self, realm: &Arc<Realm>, scope: &Scope, login: &Login) -> Arc<Tokens> {
        let mut all = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let here = || all.iter().filter(|tokens| tokens.realm == *realm && tokens.login == *login);
        let known =
            here().find(|tokens| tokens.scope == *scope).or_else(|| here().find(|tokens| tokens.scope.covers(scope)));
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let realm = Arc::clone(realm);
        let tokens = Arc::new(Tokens {
            realm,
            scope: scope.clone(),
            login: login.clone(),
            authorization: Authorization::default(),
        });
        all.push(Arc::clone(&tokens));
        tokens
    }

    /// The tokens for this scope and more, which are used for it from now on.
    pub(super) fn wider_tokens(&self, realm: &Arc<Realm>, scope: &Scope, more: Scope, login: &Login) -> Arc<Tokens> {
        let mut all = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|tokens| tokens.realm != *realm || tokens.scope != *scope || tokens.login != *login);
        drop(all);
        self.tokens(realm, &scope.clone().and(more), login)
    }

    pub(super) fn forget(&self, forgotten: &Arc<Tokens>) {
        let mut all = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|tokens| !Arc::ptr_eq(tokens, forgotten));
    }
}
