//! GetAuthorizationToken
//! (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::wire;
use crate::call::Call;
use crate::names::{RegistryId, is_account};
use crate::refusal::Refusal;
use crate::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    registry_ids: Option<Vec<String>>,
}

/// The registry's own address, unless the switch says another one.
fn proxy_endpoint(world: &Arc<World>, id: &RegistryId) -> Result<String, Refusal> {
    let host = world.host(id)?;
    let Some(form) = world.switches().proxy_endpoint else {
        return Ok(format!("http://{}", world.reached(host)));
    };
    let port = host.rsplit(':').next().unwrap_or_default();
    Ok(form.replace("{account}", &id.account).replace("{region}", &id.region).replace("{port}", port))
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
            "proxyEndpoint": proxy_endpoint(world, &id)?,
        }));
    }
    Ok(json!({ "authorizationData": data }))
}
