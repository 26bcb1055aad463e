//! GetAuthorizationToken
//! (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>).

use serde::Deserialize;
use serde_json::{Value, json};

use super::wire;
use crate::call::Call;
use crate::names::{RegistryId, is_account};
use crate::refusal::Refusal;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    registry_ids: Option<Vec<String>>,
}

/// The token is the caller's, whichever registries are named; only the endpoint differs.
pub(super) fn token(call: &Call, input: Input) -> Result<Value, Refusal> {
    call.authorise("ecr:GetAuthorizationToken", None)?;
    let accounts = match input.registry_ids {
        Some(ids) => {
            wire::bounded("registryIds", &ids, 10)?;
            ids
        }
        None => vec![call.caller.account.clone()],
    };
    let world = &call.world;
    let expires = world.clock.seconds() + world.switches().token_lifetime_seconds;
    let mut data = Vec::new();
    for account in accounts {
        if !is_account(&account) {
            return Err(Refusal::parameter("registryIds", "must satisfy regular expression '[0-9]{12}'"));
        }
        let id = RegistryId::new(&account, &call.registry.region);
        data.push(json!({
            "authorizationToken": world.tokens.issue(&call.caller, &id.region, expires),
            "expiresAt": expires,
            "proxyEndpoint": format!("http://{}", world.reached(world.host(&id)?)),
        }));
    }
    Ok(json!({ "authorizationData": data }))
}
