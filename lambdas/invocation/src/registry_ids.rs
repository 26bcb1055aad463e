use promotion::{Error, Name};
use registry::RegistryId;

use crate::Event;
use crate::settings::RolePurpose;
use crate::words::RoleName;

/// The accounts and regions of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    /// At least one, no two alike.
    pub registry_ids: Vec<RegistryId>,
    /// Whether they were given as a list: what is said of the images then holds for all of them, without a registry's
    /// name.
    pub is_list: bool,
}

impl Targets {
    /// The targets of an event: its list, or its one account and region, for which the own ones stand in.
    #[must_use]
    pub fn of(event: &Event, own: &RegistryId) -> Self {
        let registry_ids = event.targets.as_ref().map(|targets| {
            targets.iter().map(|target| RegistryId::new(target.account.as_str(), target.region.as_str())).collect()
        });
        match registry_ids {
            Some(registry_ids) => Self { registry_ids, is_list: true },
            None => {
                let account = event.target_account.clone().map_or_else(|| own.account.clone(), Into::into);
                let region = event.target_region.clone().map_or_else(|| own.region.clone(), Into::into);
                Self { registry_ids: vec![RegistryId { account, region }], is_list: false }
            }
        }
    }
}

/// The role to assume for a target, if any: always the one that is set; without one the own credentials do, in the own
/// account.
///
/// # Errors
/// `InvalidInput` for another account without a role.
pub(crate) fn role_for<'r>(
    registry_id: &RegistryId,
    own: &RegistryId,
    purpose: RolePurpose,
    role: Option<&'r RoleName>,
) -> Result<Option<&'r RoleName>, Error> {
    if role.is_some() || registry_id.account == own.account {
        return Ok(role);
    }
    let variable = purpose.variable();
    Err(Error::new(
        Name::InvalidInput,
        format!(
            "the target {registry_id} is in another account than this function ({}), and no role is set that it may assume there: set the environment \
             variable {variable}, or the field \"{}\" of the event, to the name of the role in the target account",
            own.account,
            variable.to_lowercase()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::tests::with;

    fn targets(fields: serde_json::Value) -> Targets {
        Targets::of(&Event::parse(&with(fields)).unwrap(), &RegistryId::new("111122223333", "eu-west-1"))
    }

    #[test]
    fn the_own_place_stands_in_for_what_is_left_out() {
        let one = |fields| targets(fields).registry_ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(one(json!({})), ["111122223333/eu-west-1"]);
        assert_eq!(one(json!({ "target_account": "444455556666" })), ["444455556666/eu-west-1"]);
        assert_eq!(one(json!({ "target_region": "us-east-1" })), ["111122223333/us-east-1"]);
    }

    #[test]
    fn a_list_of_one_is_a_list() {
        let found = targets(json!({ "targets": [{ "account": "444455556666", "region": "eu-west-2" }] }));
        assert_eq!(found, Targets { registry_ids: vec![RegistryId::new("444455556666", "eu-west-2")], is_list: true });
        assert!(!targets(json!({})).is_list);
    }

    #[test]
    fn another_account_needs_a_role() {
        let [own, other] = ["111122223333", "444455556666"].map(|account| RegistryId::new(account, "eu-west-1"));
        let role = RoleName::try_from("Promoter".to_owned()).unwrap();
        assert_eq!(role_for(&own, &own, RolePurpose::Promotion, None).unwrap(), None);
        assert_eq!(role_for(&own, &own, RolePurpose::Promotion, Some(&role)).unwrap(), Some(&role));
        assert_eq!(role_for(&other, &own, RolePurpose::Promotion, Some(&role)).unwrap(), Some(&role));
        let refusal = role_for(&other, &own, RolePurpose::Pull, None).unwrap_err();
        assert_eq!(refusal.name(), Name::InvalidInput);
        for word in ["PULL_ROLE_NAME", "pull_role_name", "444455556666/eu-west-1"] {
            assert!(refusal.to_string().contains(word), "{refusal}");
        }
    }
}
