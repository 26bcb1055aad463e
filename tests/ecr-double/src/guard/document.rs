//! Policy documents, as far as they are about ECR. What the double would not weigh as IAM does it refuses when a
//! document is given to it, so that no test passes because of a statement that counts for nothing here.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use serde_json::{Map, Value};

use super::callers::{Caller, without_path};
use super::condition::Condition;
use crate::names::{RegistryId, wildcard};

/// What policies are asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    pub(crate) caller: &'a Caller,
    /// `ecr:BatchGetImage`
    pub(crate) action: &'a str,
    /// An ARN, or `*` where the action knows no resources.
    pub(crate) resource: &'a str,
    pub(crate) registry: &'a RegistryId,
}

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Identity,
    Repository,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// Whom a statement of a repository policy names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    /// The caller's account, which may then allow it by policies of its own.
    Account,
    Caller,
}

/// A policy's statements about ECR.
#[derive(Debug, Clone)]
pub(crate) struct Document(pub(crate) Vec<Statement>);

#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    actions: Patterns,
    /// Those of an identity policy.
    resources: Option<Patterns>,
    /// Those of a repository policy.
    principals: Vec<String>,
    conditions: Vec<Condition>,
}

/// The values of `Action` or `NotAction`, of `Resource` or `NotResource`.
#[derive(Debug, Clone)]
struct Patterns {
    any_of: Vec<String>,
    inverted: bool,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it, or not known here.
    pub(crate) fn read(document: &Value, kind: Kind) -> Result<Self, String> {
        let statements = many(document.get("Statement"));
        if statements.is_empty() {
            return Err("no Statement".to_owned());
        }
        let read = statements.into_iter().filter_map(|statement| Statement::read(statement, kind).transpose());
        read.collect::<Result<_, _>>().map(Self)
    }
}

impl Statement {
    /// Reads a statement, unless it is about another service alone.
    fn read(statement: &Value, kind: Kind) -> Result<Option<Self>, String> {
        let members = statement.as_object().ok_or("a statement is not an object")?;
        let of_its_kind: &[&str] = match kind {
            Kind::Identity => &["Resource", "NotResource"],
            Kind::Repository => &["Principal"],
        };
        for name in members.keys() {
            let known = ["Sid", "Effect", "Action", "NotAction", "Condition"].contains(&name.as_str());
            if !known && !of_its_kind.contains(&name.as_str()) {
                return Err(format!("{name} is not known here"));
            }
        }
        let effect = match members.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err("Effect is neither Allow nor Deny".to_owned()),
        };
        let actions = Patterns::read(members, "Action", "NotAction")?;
        if !actions.may_name_ecr() {
            return Ok(None);
        }
        let (mut resources, mut principals) = (None, Vec::new());
        if kind == Kind::Identity {
            let read = Patterns::read(members, "Resource", "NotResource")?;
            if let Some(odd) = read.any_of.iter().find(|pattern| !is_resource(pattern)) {
                return Err(format!("the resource {odd} is neither * nor an ARN of six parts"));
            }
            resources = Some(read);
        } else {
            match members.get("Principal") {
                Some(Value::String(all)) if all == "*" => principals.push(all.clone()),
                // Services are never the caller here.
                Some(Value::Object(kinds)) if kinds.keys().all(|kind| kind == "Service") => return Ok(None),
                Some(Value::Object(kinds)) if kinds.keys().all(|kind| kind == "AWS" || kind == "Service") => {
                    principals = texts(kinds.get("AWS"), "Principal")?;
                }
                _ => return Err("a statement needs a Principal of AWS".to_owned()),
            }
        }
        let conditions = members.get("Condition").map(Condition::read_all).transpose()?.unwrap_or_default();
        Ok(Some(Self { effect, actions, resources, principals, conditions }))
    }

    /// Whether it is about this action, on this resource, under these circumstances.
    pub(crate) fn meets(&self, access: &Access<'_>) -> bool {
        let action = access.action.to_ascii_lowercase();
        self.actions.name(|pattern| wildcard(&pattern.to_ascii_lowercase(), &action))
            && self.resources.as_ref().is_none_or(|some| some.name(|pattern| arn_matches(pattern, access.resource)))
            && self.conditions.iter().all(|condition| condition.holds(access))
    }

    /// Whom of the caller it names: itself, its account, or neither.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
    pub(crate) fn names(&self, caller: &Caller) -> Option<Named> {
        let principal = caller.principal();
        let one = |name: &String| {
            if name == "*" || *name == caller.arn || without_path(name) == principal {
                Some(Named::Caller)
            } else if *name == caller.account || *name == caller.account_arn() {
                Some(Named::Account)
            } else {
                None
            }
        };
        self.principals.iter().filter_map(one).max()
    }
}

impl Patterns {
    fn read(members: &Map<String, Value>, name: &str, inverted: &str) -> Result<Self, String> {
        match (members.get(name), members.get(inverted)) {
            (Some(_), Some(_)) => Err(format!("a statement has both {name} and {inverted}")),
            (found, None) => Ok(Self { any_of: texts(found, name)?, inverted: false }),
            (None, found) => Ok(Self { any_of: texts(found, inverted)?, inverted: true }),
        }
    }

    fn name(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.any_of.iter().any(|pattern| matches(pattern)) != self.inverted
    }

    fn may_name_ecr(&self) -> bool {
        let service = |pattern: &String| pattern.split(':').next().unwrap_or_default().to_ascii_lowercase();
        self.inverted || self.any_of.iter().any(|pattern| wildcard(&service(pattern), "ecr"))
    }
}

fn is_resource(pattern: &str) -> bool {
    pattern == "*" || (pattern.starts_with("arn:") && pattern.matches(':').count() >= 5 && !pattern.contains("${"))
}

/// Whether an ARN matches a pattern, whose wildcards stay within the parts between the colons.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
pub(super) fn arn_matches(pattern: &str, arn: &str) -> bool {
    let parts = |text| str::splitn(text, 6, ':').collect::<Vec<_>>();
    let (patterns, found) = (parts(pattern), parts(arn));
    pattern == "*"
        || (patterns.len() == found.len() && patterns.iter().zip(found).all(|(pattern, part)| wildcard(pattern, part)))
}

/// One or several texts, as policies allow in most places.
pub(super) fn texts(value: Option<&Value>, name: &str) -> Result<Vec<String>, String> {
    let found = many(value);
    let read = found.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    read.filter(|read| !read.is_empty()).ok_or_else(|| format!("{name} is missing, or no text"))
}

fn many(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    }
}
