use oci::text::excerpt;
use promotion::pull::{By, Mode};
use promotion::{Error, Name, ReferrerPolicy};
use serde::Deserialize;
use serde_json::Value;

use crate::words::{Account, Env, ExternalId, Region, RoleName, TemplateName, Text};
use crate::{Pinned, ReleaseFolder};

/// What a Lambda is invoked with. All three take the same, and each reads what concerns it.
///
/// Fields that are not listed here are left alone: a state machine passes on its whole state.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// The environment that is deployed to.
    pub env: Env,
    /// The repository that is deployed, `{base_repo}:{template_name}` for a further stack of it.
    pub repo: Text,
    /// The sort key of the build record: which build this is.
    pub sk: Text,
    /// The artifact bucket.
    pub s3_bucket: Text,
    /// Where the release lies.
    #[serde(rename = "s3_key")]
    pub folder: ReleaseFolder,
    /// The name of a further stack of the same release.
    pub template_name: Option<TemplateName>,
    /// The repository without the name of the stack.
    pub base_repo: Option<Text>,
    /// The one account to promote to; the own one if it is left out.
    pub target_account: Option<Account>,
    /// The one region to promote to; the own one if it is left out.
    pub target_region: Option<Region>,
    /// All accounts and regions to promote to, in multi-account mode.
    pub targets: Option<Vec<TargetField>>,
    /// Images that check-manifest pinned before.
    pub pinned: Option<Pinned>,
    /// How far promote-images goes.
    #[serde(default)]
    pub phase: Phase,
    /// How thoroughly verify-pull looks.
    #[serde(default)]
    pub mode: Mode,
    /// By which name verify-pull pulls.
    #[serde(default)]
    pub by: By,
    /// What becomes of the referrers of the images (signatures, SBOMs, attestations).
    pub referrers: Option<ReferrerPolicy>,
    /// Where the images are.
    pub source_ecr_account: Option<Account>,
    /// Where the images are.
    pub source_ecr_region: Option<Region>,
    /// The role that writes in a target account.
    pub execution_role_name: Option<RoleName>,
    /// The role that reads in a target account.
    pub pull_role_name: Option<RoleName>,
    /// What the roles may ask for.
    pub external_id: Option<ExternalId>,
}

/// One entry of `targets`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TargetField {
    /// The account.
    pub account: Account,
    /// The region.
    pub region: Region,
}

/// How far promote-images goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Everything is brought, nothing is tagged.
    Stage,
    /// What was staged is tagged.
    Tag,
    /// One after the other.
    #[default]
    Both,
}

impl Phase {
    /// The word in events and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Tag => "tag",
            Self::Both => "both",
        }
    }
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// `InvalidInput`, with the field and what was expected there.
    pub fn parse(event: &Value) -> Result<Self, Error> {
        let _secrets = ExternalId::secrets(event.get("external_id").unwrap_or(&Value::Null));
        let event: Self = serde_path_to_error::deserialize(event).map_err(|error| {
            let field = match error.path().to_string() {
                path if path == "." => String::new(),
                path => format!(", field \"{path}\""),
            };
            invalid(format!("the event{field}: {}", excerpt(&error.inner().to_string())))
        })?;
        event.check()?;
        Ok(event)
    }

    /// The repository that the release was built from, without the name of a stack.
    fn built_from(&self) -> &str {
        let repo = self.repo.as_str();
        self.base_repo.as_ref().map_or_else(|| repo.split(':').next().unwrap_or(repo), Text::as_str)
    }

    fn check(&self) -> Result<(), Error> {
        if self.built_from() != self.folder.repo() {
            return Err(invalid(format!(
                "the event, field \"s3_key\": the release {} is of the repository {}, and the event is about {}",
                self.folder.path(),
                self.folder.repo(),
                self.built_from()
            )));
        }
        let Some(targets) = &self.targets else { return Ok(()) };
        if self.target_account.is_some() || self.target_region.is_some() {
            return Err(invalid(
                "the event, field \"targets\": give either \"targets\" or \"target_account\" and \"target_region\", not both".into(),
            ));
        }
        if targets.is_empty() {
            return Err(invalid(
                "the event, field \"targets\": the list is empty: name at least one account and region, or leave it out for the own ones"
                    .into(),
            ));
        }
        for (at, target) in targets.iter().enumerate() {
            if targets.iter().take(at).any(|earlier| earlier == target) {
                return Err(invalid(format!(
                    "the event, field \"targets[{at}]\": {}/{} is a duplicate",
                    target.account, target.region
                )));
            }
        }
        Ok(())
    }
}

fn invalid(what: String) -> Error {
    Error::new(Name::InvalidInput, what)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// The least that a Lambda is invoked with.
    pub(crate) fn least() -> Value {
        json!({
            "env": "dev", "repo": "myapp", "sk": "2026-11-21T07:08:52Z#42",
            "s3_bucket": "artifacts", "s3_key": "myapp/main/42.0a1b2c3/cloudformation-params.json",
        })
    }

    pub(crate) fn with(fields: Value) -> Value {
        let mut event = least();
        for (field, value) in fields.as_object().unwrap() {
            event[field] = value.clone();
        }
        event
    }

    #[test]
    fn reads_the_least_with_unknown_and_null_fields() {
        let event = Event::parse(&with(json!({ "taskToken": { "a": [1] }, "template_name": null }))).unwrap();
        assert_eq!((event.phase, event.mode, event.by), (Phase::Both, Mode::Reach, By::Digest));
        assert!(event.targets.is_none() && event.pinned.is_none() && event.template_name.is_none());
        assert_eq!(event.folder.path(), "myapp/main/42.0a1b2c3");
    }

    #[test]
    fn reads_all_fields() {
        let event = Event::parse(&with(json!({
            "repo": "myapp:worker", "template_name": "worker", "base_repo": "myapp", "phase": "stage", "mode": "full", "by": "tag",
            "targets": [{ "account": "111122223333", "region": "eu-west-1", "more": 1 }],
            "execution_role_name": "Promoter", "pull_role_name": "/ci/Puller", "external_id": "x1",
            "source_ecr_account": "444455556666", "source_ecr_region": "us-east-1",
        })))
        .unwrap();
        assert_eq!((event.phase.as_str(), event.mode.as_str(), event.by.as_str()), ("stage", "full", "tag"));
        assert_eq!(event.targets.unwrap()[0].account.as_str(), "111122223333");
    }

    #[test]
    fn names_the_field_and_what_was_expected() {
        for (fields, expected) in [
            (json!({ "env": 1 }), "the event, field \"env\": invalid type: integer `1`, expected a string"),
            (json!({ "env": "a/b" }), "the event, field \"env\": \"a/b\" is not an environment: expected"),
            (json!({ "env": null }), "the event, field \"env\": invalid type: null"),
            (json!({ "sk": "" }), "the event, field \"sk\": \"\" is not a usable text: expected"),
            (
                json!({ "s3_key": "x" }),
                "the event, field \"s3_key\": \"x\" is not the key of a release: expected {repo}",
            ),
            (json!({ "s3_key": "other/main/1.a/" }), "the event, field \"s3_key\": the release other/main/1.a is of"),
            (
                json!({ "target_account": 111_122_223_333_u64 }),
                "the event, field \"target_account\": invalid type: integer",
            ),
            (json!({ "target_account": "1" }), "the event, field \"target_account\": \"1\" is not an AWS account"),
            (json!({ "target_region": "" }), "the event, field \"target_region\": \"\" is not an AWS region"),
            (json!({ "targets": [] }), "the event, field \"targets\": the list is empty"),
            (json!({ "targets": {} }), "the event, field \"targets\": invalid type: map, expected a sequence"),
            (
                json!({ "targets": [{ "account": "111122223333" }] }),
                "the event, field \"targets[0]\": missing field `region`",
            ),
            (
                json!({ "phase": "stages" }),
                "the event, field \"phase\": unknown variant `stages`, expected one of `stage`",
            ),
            (
                json!({ "mode": "deep" }),
                "the event, field \"mode\": unknown variant `deep`, expected `reach` or `full`",
            ),
            (json!({ "by": "name" }), "the event, field \"by\": unknown variant `name`"),
            (json!({ "external_id": "a b" }), "the event, field \"external_id\": not an external id"),
            (
                json!({ "external_id": 123_456_789 }),
                "the event, field \"external_id\": invalid type: integer `[...]`, expected",
            ),
            (json!({ "phase": "a\nb" }), "the event, field \"phase\": unknown variant `a\u{fffd}b`"),
            (json!({ "pull_role_name": "arn:aws:iam::1:role/x" }), "the event, field \"pull_role_name\": \"arn:aws"),
        ] {
            let error = Event::parse(&with(fields.clone())).unwrap_err();
            assert_eq!(error.name(), Name::InvalidInput);
            assert!(error.to_string().starts_with(expected), "{fields}\n{error}");
        }
        let error = Event::parse(&json!({ "env": "dev" })).unwrap_err();
        assert_eq!(error.to_string(), "the event: missing field `repo`");
        assert!(Event::parse(&json!([])).is_err());
    }

    #[test]
    fn targets_are_given_in_one_way_and_once() {
        let registry_id = json!({ "account": "111122223333", "region": "eu-west-1" });
        for fields in [
            json!({ "targets": [registry_id], "target_region": "eu-west-1" }),
            json!({ "targets": [registry_id, { "account": "111122223333", "region": "eu-west-2" }, registry_id] }),
        ] {
            assert!(Event::parse(&with(fields)).is_err());
        }
    }
}
