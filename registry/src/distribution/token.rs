use std::time::{Duration, SystemTime};

use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue};
use oci::Secrets;
use promotion::{Error, Name};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::Login;
use super::challenge::Bearer;
use super::login::basic;
use super::scope::Scope;
use crate::http::{Client, Credential, Failure, Origin, Party, Refusal, RequestUrl, Token};

/// How long a token lasts that does not say so (Docker's token authentication specification, `expires_in`).
const LIFE: Duration = Duration::from_secs(60);
/// No longer is believed; a token that ends earlier than it said is replaced when it is refused.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// No token is longer than this.
const ANSWER_BYTES: usize = 64 << 10;

/// A token server: where it is, and which registry it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Realm {
    pub(super) url: RequestUrl,
    service: Option<String>,
}

impl Realm {
    /// The token server that a registry names, if credentials may be sent there: by the rules of redirects, as a
    /// registry leads us there.
    pub(super) fn of(client: &Client, registry: &Origin, bearer: &Bearer) -> Result<Self, Error> {
        let url = client
            .leading(registry.at("/v2/"))
            .follow(&bearer.realm)
            .map_err(|error| error.context("the registry names a token server that is not accepted"))?;
        Ok(Self { url, service: bearer.service.clone() })
    }

    /// Asks for a token: with GET, and with the login if there is one; with POST if the login is an identity token
    /// (Docker's token authentication specification, and its OAuth2 variant).
    pub(super) async fn fetch(
        &self,
        client: &Client,
        registry: &Origin,
        scope: &Scope,
        login: &Login,
    ) -> Result<Token, Failure> {
        let fetched = SystemTime::now();
        let request = match login {
            Login::IdentityToken { token, .. } => {
                let mut form = Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token").append_pair("client_id", "transship");
                form.append_pair("refresh_token", token).append_pair("scope", &scope.to_string());
                form.extend_pairs(self.service.iter().map(|service| ("service", service)));
                let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
                client.request(Method::POST, &self.url, None).header(CONTENT_TYPE, kind).body(form.finish())
            }
            Login::Basic { user, password, .. } => {
                let own = Credential::new(Origin::of(&self.url), &basic(user, password));
                client.request(Method::GET, &self.query(scope), own.as_ref())
            }
            Login::Anonymous => client.request(Method::GET, &self.query(scope), None),
        };
        let response = client.send(request, "asking for a token at", &self.url).await?;
        let status = response.status();
        if status.is_redirection() {
            return Err(self.unusable("it sends us elsewhere, which a login does not follow").into());
        }
        if !status.is_success() {
            return Err(Refusal::read(client, response, Party::Registry).await.into());
        }
        let body = client.read_whole(response, "asking for a token at", &self.url, ANSWER_BYTES).await?;
        let body = body.map_err(|_| self.unusable(&format!("its answer is longer than {ANSWER_BYTES} bytes")))?;
        let answer =
            serde_json::from_slice(&body).map_err(|_| self.unusable("its answer is not the JSON of a token"))?;
        self.token(registry, answer, fetched).map_err(Into::into)
    }

    fn query(&self, scope: &Scope) -> RequestUrl {
        let service = self.service.iter().map(|service| ("service", service.clone()));
        let scope = scope.resources().map(|resource| ("scope", resource));
        self.url.clone().with_query(service.chain(scope))
    }

    fn token(&self, registry: &Origin, answer: TokenResponse, fetched: SystemTime) -> Result<Token, Error> {
        // The token is known as what it opens; the others are only here.
        let others = [answer.access_token.as_deref(), answer.refresh_token.as_ref().and_then(Value::as_str)];
        let _secrets = Secrets::of(others.into_iter().flatten());
        let text = [answer.token, answer.access_token].into_iter().flatten().find(|token| !token.is_empty());
        let text = text.ok_or_else(|| self.unusable("its answer holds no token"))?;
        let credential = Credential::new(registry.clone(), &format!("Bearer {text}"))
            .ok_or_else(|| self.unusable("its token holds characters that no token has"))?;
        let life = match answer.expires_in.and_then(|life| life.as_f64()) {
            // Some write 0 for what they do not know, and none lasts for less than a minute, so that old clients, which
            // do not read this, get along (distribution/distribution#979).
            None | Some(0.0) => LIFE,
            Some(seconds) if seconds > 0.0 => Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())),
            Some(seconds) => {
                return Err(self.unusable(&format!("its token ends before it begins (expires_in {seconds})")));
            }
        };
        Ok(Token::new(credential, fetched, fetched + life))
    }

    /// Nothing that it says can be used; asking again would not change that.
    fn unusable(&self, what: &str) -> Error {
        let why = format!("the token server {} that the registry names cannot be used: {what}", self.url);
        Error::new(Name::UnexpectedAnswer, why)
    }
}

/// Docker's token authentication specification, "Token Response Fields".
#[derive(Deserialize)]
struct TokenResponse {
    token: Option<String>,
    access_token: Option<String>,
    /// Not used, and so whatever it is.
    refresh_token: Option<Value>,
    expires_in: Option<serde_json::Number>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_may_be_elsewhere_but_not_without_tls_or_inside() {
        let registry = Origin::parse("https://registry.example").unwrap();
        for (realm, accepted) in [
            ("https://auth.example/token", true),
            ("https://registry.example/v2/token?x=1", true),
            ("http://auth.example/token", false),
            ("http://127.0.0.1/token", false),
            ("https://10.0.0.1/token", false),
        ] {
            let bearer = Bearer { realm: realm.into(), service: None, scope: None };
            assert_eq!(Realm::of(&Client::for_tests(), &registry, &bearer).is_ok(), accepted, "{realm}");
        }
    }
}
