//! Whether a caller may act on a repository: repository policies, and denies that a test sets.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::callers::Caller;
use crate::names::{RegistryId, wildcard};
use crate::refusal::Refusal;

/// A deny a test sets, standing for the caller's identity policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deny {
    /// Whom it meets: an ARN, account, role name or access key id, with wildcards.
    pub caller: String,
    /// The action, with wildcards: `ecr:PutImage`.
    pub action: String,
    /// The repository, with wildcards.
    pub repository: String,
    /// The account whose repository it is, with wildcards.
    pub account: String,
    /// An explicit deny, or merely no statement that allows.
    pub explicit: bool,
}

impl Default for Deny {
    fn default() -> Self {
        let any = || "*".to_owned();
        Self { caller: any(), action: any(), repository: any(), account: any(), explicit: false }
    }
}

/// Judges one action. `policy` is the repository's, if the repository exists and has one.
/// The messages are those of IAM
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>).
pub(crate) fn judge(
    caller: &Caller,
    action: &str,
    registry: &RegistryId,
    repository: Option<&str>,
    policy: Option<&str>,
    denies: &[Deny],
) -> Result<(), Refusal> {
    let name = repository.unwrap_or("*");
    let resource = if action == "ecr:GetAuthorizationToken" { "*".to_owned() } else { registry.repository_arn(name) };
    let deny = |because: &str| {
        let arn = &caller.arn;
        let message = format!("User: {arn} is not authorized to perform: {action} on resource: {resource} {because}");
        Err(Refusal::new("AccessDeniedException", message))
    };
    let set = denies.iter().find(|deny| {
        caller.is(&deny.caller)
            && wildcard(&deny.action, action)
            && wildcard(&deny.repository, name)
            && wildcard(&deny.account, &registry.account)
    });
    match set {
        Some(Deny { explicit: true, .. }) => {
            return deny("with an explicit deny in an identity-based policy");
        }
        Some(_) => {
            return deny(&format!("because no identity-based policy allows the {action} action"));
        }
        None => {}
    }
    let statements = policy.map(statements).unwrap_or_default();
    let applies = |effect: &str| statements.iter().any(|statement| statement.applies(effect, caller, action));
    if applies("Deny") {
        return deny("with an explicit deny in a resource-based policy");
    }
    if caller.account == registry.account || action == "ecr:GetAuthorizationToken" || applies("Allow") {
        return Ok(());
    }
    deny(&format!("because no resource-based policy allows the {action} action"))
}

/// Reads a policy for SetRepositoryPolicy: what the double would not understand it refuses, so that no test relies on
/// it.
pub(crate) fn check(text: &str) -> Result<(), Refusal> {
    let invalid = |why: &str| Refusal::parameter("PolicyText", &format!("Invalid repository policy provided: {why}"));
    let document: Value = serde_json::from_str(text).map_err(|_| invalid("not JSON"))?;
    let statements = many(document.get("Statement"));
    if statements.is_empty() {
        return Err(invalid("no Statement"));
    }
    for statement in statements {
        let members = statement.as_object().ok_or_else(|| invalid("a statement is not an object"))?;
        for name in members.keys() {
            if !matches!(name.as_str(), "Sid" | "Effect" | "Principal" | "Action" | "Condition") {
                return Err(invalid(&format!("{name} is not known here (repository policies have no Resource)")));
            }
        }
        let complete = ["Effect", "Principal", "Action"].iter().all(|name| members.contains_key(*name));
        if !complete {
            return Err(invalid("a statement needs Effect, Principal and Action"));
        }
    }
    Ok(())
}

struct Statement(Value);

fn statements(text: &str) -> Vec<Statement> {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    many(document.get("Statement")).into_iter().cloned().map(Statement).collect()
}

impl Statement {
    fn applies(&self, effect: &str, caller: &Caller, action: &str) -> bool {
        let Self(statement) = self;
        let text = |name: &str| statement.get(name).and_then(Value::as_str);
        let action = action.to_ascii_lowercase();
        let wanted = |pattern: &str| wildcard(&pattern.to_ascii_lowercase(), &action);
        text("Effect") == Some(effect)
            && many(statement.get("Action")).iter().any(|one| one.as_str().is_some_and(wanted))
            && names(statement.get("Principal"), caller)
            && holds(statement.get("Condition"), caller)
    }
}

fn names(principal: Option<&Value>, caller: &Caller) -> bool {
    match principal {
        Some(Value::String(all)) => all == "*",
        Some(Value::Object(kinds)) => many(kinds.get("AWS")).iter().any(|one| {
            one.as_str().is_some_and(|name| {
                let root = format!("arn:aws:iam::{}:root", caller.account);
                let role = format!("arn:aws:iam::{}:role/{}", caller.account, caller.name());
                name == "*" || name == caller.account || name == root || name == caller.arn || name == role
            })
        }),
        _ => false,
    }
}

/// Conditions on the principal are weighed; any other counts as not met.
fn holds(condition: Option<&Value>, caller: &Caller) -> bool {
    let Some(Value::Object(operators)) = condition else {
        return condition.is_none();
    };
    operators.iter().all(|(operator, keys)| {
        let like = matches!(operator.as_str(), "StringLike" | "ArnLike" | "StringEquals" | "ArnEquals");
        let Value::Object(keys) = keys else {
            return false;
        };
        like && keys.iter().all(|(key, values)| {
            let actual = match key.to_ascii_lowercase().as_str() {
                "aws:principalaccount" => caller.account.clone(),
                "aws:principalarn" => {
                    format!("arn:aws:iam::{}:role/{}", caller.account, caller.name())
                }
                _ => return false,
            };
            many(Some(values)).iter().any(|value| value.as_str().is_some_and(|pattern| wildcard(pattern, &actual)))
        })
    })
}

/// One or several, as policies allow in most places.
fn many(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(caller: &Caller, policy: &str) -> Result<(), String> {
        let registry = RegistryId::new("111122223333", "eu-west-1");
        judge(caller, "ecr:BatchGetImage", &registry, Some("app"), Some(policy), &[]).map_err(|refusal| refusal.message)
    }

    #[test]
    fn other_accounts_need_a_statement() {
        let other = Caller::named("AKIA1", "444455556666", "puller");
        let none = judged(&other, r#"{"Statement":[]}"#).unwrap_err();
        assert_eq!(
            none,
            "User: arn:aws:sts::444455556666:assumed-role/puller/session is not authorized to perform: \
             ecr:BatchGetImage on resource: arn:aws:ecr:eu-west-1:111122223333:repository/app because no \
             resource-based policy allows the ecr:BatchGetImage action"
        );
        for principal in ["444455556666", "arn:aws:iam::444455556666:root", "arn:aws:iam::444455556666:role/puller"] {
            let policy = format!(
                r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":["{principal}"]}},"Action":"ecr:Batch*"}}}}"#
            );
            assert_eq!(judged(&other, &policy), Ok(()), "{principal}");
        }
        let wrong = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":["ecr:PutImage"]}]}"#;
        assert!(judged(&other, wrong).is_err());
    }

    #[test]
    fn a_deny_meets_the_owner_too() {
        let deny = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*"}]}"#;
        assert!(judged(&Caller::root("111122223333"), deny).unwrap_err().contains("explicit deny in a resource-based"));
    }
}
