//! Who is let in: passwords, and tokens as Docker's token authentication specification has them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::form_urlencoded;

use crate::answer::Answer;
use crate::handle::{PASSWORD, REFRESH_TOKEN, USER};
use crate::profile::{Auth, Bearer, Insufficient, Profile, Scope};
use crate::request::{Request, Route};
use crate::seen::Surface;
use crate::server::Hosts;

/// The tokens that were given, and what each is good for.
#[derive(Debug, Default)]
pub(crate) struct Tokens(BTreeMap<String, Grant>);

#[derive(Debug, Clone, Default)]
struct Grant {
    /// What may be done to everything.
    global: BTreeSet<String>,
    repositories: BTreeMap<String, BTreeSet<String>>,
}

impl Grant {
    fn covers(&self, repository: &str, action: &str) -> bool {
        self.global.contains(action)
            || self.repositories.get(repository).is_some_and(|actions| actions.contains(action))
    }
}

/// Whether this is a question for the token server.
pub(crate) fn is_for_token_server(profile: &Profile, request: &Request) -> bool {
    let Auth::Bearer(bearer) = &profile.auth else { return false };
    let surface = if bearer.is_elsewhere { Surface::Tokens } else { Surface::Registry };
    request.surface == surface && request.path() == bearer.path
}

impl Tokens {
    /// What the token server answers.
    pub(crate) fn give(&mut self, profile: &Profile, request: &Request) -> Answer {
        let Auth::Bearer(bearer) = &profile.auth else { return Answer::new(404) };
        let form: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let (service, scopes, is_user) = match request.method.as_str() {
            "GET" => {
                let is_user = match request.header("authorization") {
                    None => false,
                    Some(basic) if basic == password() => true,
                    Some(_) => return Answer::error(401, "UNAUTHORIZED", "incorrect username or password"),
                };
                (request.parameter("service"), request.parameters("scope"), is_user)
            }
            "POST" if field("refresh_token").as_deref() == Some(REFRESH_TOKEN) => {
                (field("service"), field("scope").into_iter().collect(), true)
            }
            _ => return Answer::error(401, "UNAUTHORIZED", "authentication required"),
        };
        if service.as_deref() != Some(bearer.service) {
            return Answer::error(400, "UNSUPPORTED", "unknown service");
        }
        if !is_user && !bearer.is_public {
            return Answer::error(401, "UNAUTHORIZED", "authentication required");
        }
        let token = format!("token-{}", self.0.len() + 1);
        self.0.insert(token.clone(), grant(bearer, &scopes, is_user));
        let mut answer = json!({ bearer.field: token });
        if let (Some(seconds), Some(fields)) = (bearer.expires_in, answer.as_object_mut()) {
            fields.insert("expires_in".into(), seconds.into());
        }
        Answer::json(200, &answer)
    }

    /// Whether a request is let in; what it is answered with if not.
    pub(crate) fn admit(
        &self,
        profile: &Profile,
        hosts: &Hosts,
        request: &Request,
        repository: Option<&str>,
    ) -> Result<(), Answer> {
        let shown = request.header("authorization");
        let bearer = match &profile.auth {
            Auth::Open => return Ok(()),
            Auth::Basic { realm } if shown != Some(password().as_str()) => {
                return Err(challenged(&format!("Basic realm=\"{realm}\"")));
            }
            Auth::Basic { .. } => return Ok(()),
            Auth::Bearer(bearer) => bearer,
        };
        if bearer.insufficient == Insufficient::Basic && shown == Some(password().as_str()) {
            return Ok(());
        }
        let grant = shown.and_then(|shown| shown.strip_prefix("Bearer ")).map(|token| self.0.get(token));
        let from = request.parameter("from").filter(|_| matches!(request.route(), Some(Route::NewUpload(_))));
        let action = if request.is_write() { "push" } else { "pull" };
        let wanted =
            repository.map(|name| (name, action)).into_iter().chain(from.as_deref().map(|name| (name, "pull")));
        let wanted: Vec<_> = wanted.collect();
        match grant {
            Some(Some(grant)) if wanted.iter().all(|(name, action)| grant.covers(name, action)) => Ok(()),
            Some(_) if bearer.insufficient == Insufficient::Basic => Err(challenged("Basic realm=\"harbor\"")),
            _ => Err(challenged(&challenge(bearer, hosts, &wanted))),
        }
    }
}

/// What a token is good for that was asked for with these scopes.
fn grant(bearer: &Bearer, scopes: &[String], is_user: bool) -> Grant {
    let is_granted = |action: &&str| is_user || *action == "pull";
    if let Scope::Global(word) = bearer.scope {
        let is_asked = scopes.iter().any(|scope| scope == word);
        let global = ["pull", "push"].into_iter().filter(is_granted).filter(|_| is_asked);
        return Grant { global: global.map(str::to_owned).collect(), ..Grant::default() };
    }
    let mut grant = Grant::default();
    let scopes = scopes.iter().flat_map(|scope| scope.split(' '));
    for scope in scopes.take(if bearer.is_narrow { 1 } else { usize::MAX }) {
        let parts = scope.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':'));
        let Some((name, actions)) = parts else { continue };
        let actions = actions.split(',').filter(is_granted).map(str::to_owned);
        grant.repositories.entry(name.to_owned()).or_default().extend(actions);
    }
    grant
}

fn challenge(bearer: &Bearer, hosts: &Hosts, wanted: &[(&str, &str)]) -> String {
    let host = if bearer.is_elsewhere { hosts.tokens() } else { hosts.registry() };
    let asked: Vec<_> = wanted
        .iter()
        .map(|(name, action)| format!("repository:{name}:{}", if *action == "push" { "pull,push" } else { action }))
        .collect();
    let scope = match bearer.scope {
        Scope::Global(word) => format!(",scope=\"{word}\""),
        Scope::Repository if asked.is_empty() => String::new(),
        Scope::Repository => format!(",scope=\"{}\"", asked.join(" ")),
    };
    format!("Bearer realm=\"{host}{}\",service=\"{}\"{scope}", bearer.path, bearer.service)
}

fn challenged(challenge: &str) -> Answer {
    Answer::error(401, "UNAUTHORIZED", "authentication required").with("www-authenticate", challenge)
}

fn password() -> String {
    format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")))
}
