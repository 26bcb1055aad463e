use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use oci::Registry;
use promotion::{Error, Name};

use super::Ecr;
use super::endpoint::Operation;
use super::sdk::failure;
use crate::error_kind::is_about_token;
use crate::http::{Credential, Failure, Origin, Token};
use crate::operation::Endpoint as _;

/// How long a token lasts by the User Guide ("Private registry authentication"), should ECR not tell.
const LIFE: Duration = Duration::from_secs(12 * 3600);

impl Ecr {
    /// The registry as ECR names it, in whatever partition or domain it is.
    pub(super) async fn host(&self) -> Result<Registry, Error> {
        let token = self.token().await?;
        let authority = token.credential.origin().authority();
        authority.parse().map_err(|invalid| {
            Error::new(Name::RegistryUnavailable, format!("{}: {invalid}", self.endpoint().name)).permanent()
        })
    }

    /// A token for `/v2`.
    pub(super) async fn token(&self) -> Result<Arc<Token>, Error> {
        self.0.authorization.token(SystemTime::now(), || self.fetch_token()).await
    }

    /// Sends something to `/v2`, and once more with another token if it was the token that was refused.
    pub(super) async fn with_token<T, F>(
        &self,
        operation: &Operation<'_>,
        send: impl Fn(Arc<Token>) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let token = self.token().await?;
        let failed = match send(Arc::clone(&token)).await {
            Err(Failure::Refused(refusal)) if is_about_token(&refusal) => {
                tracing::debug!(registry = self.endpoint().name, %refusal, "another token is needed");
                let other = self.0.authorization.other(&token, SystemTime::now(), || self.fetch_token()).await?;
                send(other).await
            }
            answer => answer,
        };
        failed.map_err(|failure| operation.failed(failure))
    }

    async fn fetch_token(&self) -> Result<Token, Error> {
        let operation = self.endpoint().operation("ecr:GetAuthorizationToken", None, "asking for a token");
        let fetched = SystemTime::now();
        // `registryIds` is deprecated, as one token opens every registry that the caller may see, but it decides whose address comes with it.
        #[allow(deprecated)]
        let request = self.api().await?.get_authorization_token().registry_ids(&self.registry_id().account);
        let answer = request.send().await.map_err(|error| operation.failed(failure(error)))?;
        let unreadable = |what: &str| operation.error(Name::RegistryUnavailable, what);
        let data = answer.authorization_data().first().ok_or_else(|| unreadable("ECR answered without one"))?;
        let (Some(token), Some(endpoint)) = (data.authorization_token(), data.proxy_endpoint()) else {
            return Err(unreadable("ECR answered without a token or without an address"));
        };
        let origin = Origin::parse(endpoint).map_err(|error| error.context(&operation))?;
        // The token is the user name and the password as Basic authentication wants them.
        let credential =
            Credential::new(origin, &format!("Basic {token}")).ok_or_else(|| unreadable("ECR's token is no token"))?;
        let told = data.expires_at().and_then(|time| SystemTime::try_from(*time).ok()).unwrap_or(fetched + LIFE);
        Ok(Token::new(credential, fetched, self.session_end().await?.map_or(told, |end| end.min(told))))
    }

    /// When the session of the role ends, if there is one: tokens have been refused after that, long before their own end
    /// (GoogleContainerTools/kaniko#3199).
    async fn session_end(&self) -> Result<Option<SystemTime>, Error> {
        match &self.0.assumed {
            Some(assumed) => Ok(assumed.credentials().await?.expiry()),
            None => Ok(None),
        }
    }
}
