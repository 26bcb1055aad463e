use oci::Repository;
use promotion::{Error, Name};
use serde::Deserialize;

use super::Ecr;
use super::sdk::failure;
use crate::http::Failure;
use crate::operation::Endpoint as _;

/// A rule of a repository's lifecycle policy that may remove images without a tag, which is what staged images are
/// until all of them are tagged. A rule that moves images to the archive counts as well: they cannot be pulled from
/// there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntaggedExpiry {
    /// The priority of the rule, which identifies it within its policy.
    pub priority: u64,
    /// How many days after its push an image goes, where the rule counts days.
    pub after_days: Option<u64>,
    /// How many images stay, where the rule counts images.
    pub keeps: Option<u64>,
}

impl Ecr {
    /// The rules by which a repository may lose images that have no tag: empty where it has no lifecycle policy.
    ///
    /// # Errors
    /// As those of [`promotion::Target`]: the repository is missing, access is denied, the registry is unavailable.
    pub async fn untagged_expiry(&self, repository: &Repository) -> Result<Vec<UntaggedExpiry>, Error> {
        let operation =
            self.endpoint().operation("ecr:GetLifecyclePolicy", Some(repository), "reading the lifecycle policy");
        let request = self.api().await?.get_lifecycle_policy();
        let request = request.registry_id(&self.registry_id().account).repository_name(repository.as_str());
        let answer = match request.send().await.map_err(failure) {
            Ok(answer) => answer,
            Err(Failure::Refused(refusal)) if refusal.code == "LifecyclePolicyNotFoundException" => {
                return Ok(Vec::new());
            }
            Err(failure) => return Err(operation.failed(failure)),
        };
        let text = answer.lifecycle_policy_text().unwrap_or_default();
        rules(text)
            .map_err(|error| operation.error(Name::UnexpectedAnswer, &format!("the policy cannot be read: {error}")))
    }
}

/// The parts of a policy that matter here (User Guide, "Lifecycle policy properties").
#[derive(Deserialize)]
struct Policy {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    rule_priority: u64,
    selection: Selection,
    action: Option<Action>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selection {
    tag_status: String,
    count_type: String,
    count_number: u64,
}

#[derive(Deserialize)]
struct Action {
    #[serde(rename = "type")]
    kind: String,
}

fn rules(policy: &str) -> Result<Vec<UntaggedExpiry>, serde_json::Error> {
    let policy: Policy = serde_json::from_str(policy)?;
    let removes =
        |rule: &Rule| rule.action.as_ref().is_none_or(|action| action.kind == "expire" || action.kind == "transition");
    let concerned = |rule: &Rule| matches!(rule.selection.tag_status.as_str(), "untagged" | "any") && removes(rule);
    Ok(policy.rules.into_iter().filter(concerned).map(expiry).collect())
}

fn expiry(rule: Rule) -> UntaggedExpiry {
    let count = Some(rule.selection.count_number);
    let counts_images = rule.selection.count_type == "imageCountMoreThan";
    let (after_days, keeps) = if counts_images { (None, count) } else { (count, None) };
    UntaggedExpiry { priority: rule.rule_priority, after_days, keeps }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_rules_that_touch_untagged_images() {
        let policy = r#"{"rules":[
            {"rulePriority":1,"description":"d","selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":1},"action":{"type":"expire"}},
            {"rulePriority":2,"selection":{"tagStatus":"tagged","tagPrefixList":["v"],"countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}},
            {"rulePriority":3,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":100},"action":{"type":"expire"}}]}"#;
        let days = UntaggedExpiry { priority: 1, after_days: Some(1), keeps: None };
        let count = UntaggedExpiry { priority: 3, after_days: None, keeps: Some(100) };
        assert_eq!(rules(policy).unwrap(), [days, count]);
        assert!(rules(r#"{"rules":[]}"#).unwrap().is_empty());
        assert!(rules("").is_err());
    }
}
