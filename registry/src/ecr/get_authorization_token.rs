//! ECR's credentials for `/v2`: one token for each registry, for twelve hours or as long as the role's session.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use oci::{Registry, Secrets};
use promotion::{Error, Name};

use super::api::Api;
use super::endpoint::EcrEndpoint;
use super::sdk::failure;
use crate::http::{Authorization, AuthorizedClient, Credential, Failure, Party, Refusal, Token};
use crate::operation::Endpoint as _;
use crate::v2::{Authenticate, Permission, Sending, token_refused};

/// How long a token lasts by the User Guide ("Private registry authentication"), should ECR not say.
const LIFE: Duration = Duration::from_secs(12 * 3600);

/// Opens `/v2` with the token that the API gives, which is good for every repository.
#[derive(Debug)]
pub(super) struct TokenAuthenticator {
    pub(super) api: Arc<Api>,
    authorization: Authorization,
}

impl TokenAuthenticator {
    pub(super) fn new(api: Arc<Api>) -> Self {
        Self { api, authorization: Authorization::default() }
    }

    /// The registry as the user wrote it, or as ECR names it, in whatever partition or domain it is.
    pub(super) async fn registry(&self) -> Result<Registry, Error> {
        let token = self.token().await?;
        let name = self.api.host.name(token.credential.origin());
        name.parse()
            .map_err(|invalid| Error::new(Name::UnexpectedAnswer, format!("{}: {invalid}", self.api.endpoint.name)))
    }

    async fn token(&self) -> Result<Arc<Token>, Error> {
        self.authorization.token(SystemTime::now(), || self.fetch_token()).await
    }

    /// A client that shows this token.
    fn client(&self, token: &Token) -> AuthorizedClient {
        AuthorizedClient::new(self.api.http.clone(), token.credential.clone())
    }

    async fn fetch_token(&self) -> Result<Token, Error> {
        let operation = self.api.endpoint.operation("ecr:GetAuthorizationToken", None, "asking for a token");
        let fetched = SystemTime::now();
        // `registryIds` is deprecated, as one token opens every registry that the caller may see, but it decides whose
        // address comes with it.
        #[allow(deprecated)]
        let request =
            self.api.sdk().await?.get_authorization_token().registry_ids(&self.api.endpoint.registry_id.account);
        let answer = request.send().await.map_err(|error| operation.failed(failure(error)))?;
        let unreadable = |what: &str| operation.error(Name::UnexpectedAnswer, what).temporary();
        let data = answer.authorization_data().first().ok_or_else(|| unreadable("ECR answered without one"))?;
        let (Some(token), Some(endpoint)) = (data.authorization_token(), data.proxy_endpoint()) else {
            return Err(unreadable("ECR answered without a token or without an address"));
        };
        // The token is the user name and the password as Basic authentication wants them.
        let header = format!("Basic {token}");
        let _secrets = Secrets::of_header(&header);
        let origin = self.api.host.origin(endpoint).map_err(|error| error.context(&operation))?;
        let credential = Credential::new(origin, &header).ok_or_else(|| unreadable("ECR's token is no token"))?;
        let expires = data.expires_at().and_then(|time| SystemTime::try_from(*time).ok()).unwrap_or(fetched + LIFE);
        Ok(Token::new(credential, fetched, self.session_end().await?.map_or(expires, |end| end.min(expires))))
    }

    /// When the session of the role ends, if there is one: tokens have been refused after that, long before their own
    /// end (GoogleContainerTools/kaniko#3199).
    async fn session_end(&self) -> Result<Option<SystemTime>, Error> {
        match &self.api.assumed {
            Some(assumed) => Ok(assumed.credentials().await?.expiry()),
            None => Ok(None),
        }
    }
}

impl Authenticate for TokenAuthenticator {
    type Endpoint = EcrEndpoint;

    fn endpoint(&self) -> &EcrEndpoint {
        &self.api.endpoint
    }

    fn send<'a, T, F>(
        &'a self,
        _: Permission<'a>,
        send: impl Fn(AuthorizedClient) -> F + Send + Sync + 'a,
    ) -> Sending<'a, T>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, Failure>> + Send + 'a,
    {
        async move {
            let token = self.token().await?;
            let refusal = match send(self.client(&token)).await {
                Err(Failure::Refused(refusal)) if is_about_token(&refusal) => refusal,
                answer => return Ok(answer),
            };
            tracing::debug!(registry = self.api.endpoint.name, %refusal, "another token is needed");
            let other = self.authorization.other(&token, SystemTime::now(), || self.fetch_token()).await?;
            Ok(send(self.client(&other)).await)
        }
        .boxed()
    }

    fn send_once<'a, T, F>(
        &'a self,
        _: Permission<'a>,
        send: impl FnOnce(AuthorizedClient) -> F + Send + 'a,
    ) -> Sending<'a, T>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, Failure>> + Send + 'a,
    {
        async move {
            let token = self.token().await?;
            Ok(match send(self.client(&token)).await {
                Err(Failure::Refused(refusal)) if is_about_token(&refusal) => {
                    self.authorization.forget(&token).await;
                    Err(token_refused(&refusal))
                }
                answer => answer,
            })
        }
        .boxed()
    }

    fn refuses_every_request(refusal: &Refusal) -> bool {
        is_about_token(refusal)
    }
}

/// Whether a registry refused the token and not what was asked with it, so that a new token may help.
///
/// ECR answers 403 DENIED "Your authorization token has expired. Reauthenticate and try again." and has been seen to
/// answer 403 with plain text. So everything counts that is not plainly a denial by policy, which names the action.
fn is_about_token(refusal: &Refusal) -> bool {
    refusal.by == Party::Registry
        && match refusal.status {
            401 => true,
            403 => !refusal.message.contains("not authorized to perform"),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_token_is_no_denial() {
        let expired = "Your authorization token has expired. Reauthenticate and try again.";
        let denied = "User: arn:aws:iam::111122223333:user/x is not authorized to perform: ecr:PutImage on resource: y";
        for (by, status, message, expected) in [
            (Party::Registry, 401, "", true),
            (Party::Registry, 403, expired, true),
            (Party::Registry, 403, "no basic auth credentials", true),
            (Party::Registry, 403, denied, false),
            (Party::Storage, 403, expired, false),
            (Party::Registry, 404, expired, false),
        ] {
            let refusal = Refusal { by, status, code: "DENIED".into(), message: message.into(), ..Refusal::default() };
            assert_eq!(is_about_token(&refusal), expected, "{status} {message}");
        }
    }
}
