//! Conditions of policies: the operators and keys that templates and tests use. Others are refused when a document is
//! read.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use serde_json::Value;

use super::document::{Access, arn_matches, texts};
use crate::names::wildcard;

/// One key of a condition with the values that it may have.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    operator: Operator,
    key: Key,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum Operator {
    Equals,
    Like,
    Arn,
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
#[derive(Debug, Clone, Copy)]
enum Key {
    PrincipalAccount,
    PrincipalArn,
    RequestedRegion,
    ResourceAccount,
}

impl Condition {
    /// All of a statement's `Condition`, each of which has to hold.
    pub(super) fn read_all(condition: &Value) -> Result<Vec<Self>, String> {
        let operators = condition.as_object().ok_or("Condition is not an object")?;
        let mut read = Vec::new();
        for (name, keys) in operators {
            let operator = match name.as_str() {
                "StringEquals" => Operator::Equals,
                "StringLike" => Operator::Like,
                "ArnEquals" | "ArnLike" => Operator::Arn,
                _ => return Err(format!("the condition operator {name} is not known here")),
            };
            for (name, values) in keys.as_object().ok_or_else(|| format!("{name} is not an object"))? {
                let key = match name.to_ascii_lowercase().as_str() {
                    "aws:principalaccount" => Key::PrincipalAccount,
                    "aws:principalarn" => Key::PrincipalArn,
                    "aws:requestedregion" => Key::RequestedRegion,
                    "aws:resourceaccount" => Key::ResourceAccount,
                    _ => return Err(format!("the condition key {name} is not known here")),
                };
                let values = texts(Some(values), name)?;
                if let Some(variable) = values.iter().find(|value| value.contains("${")) {
                    return Err(format!("the policy variable in {variable} is not known here"));
                }
                read.push(Self { operator, key, values });
            }
        }
        Ok(read)
    }

    pub(super) fn holds(&self, access: &Access<'_>) -> bool {
        let actual = match self.key {
            Key::PrincipalAccount => access.caller.account.clone(),
            Key::PrincipalArn => access.caller.principal(),
            Key::RequestedRegion => access.registry.region.clone(),
            Key::ResourceAccount => access.registry.account.clone(),
        };
        self.values.iter().any(|value| match self.operator {
            Operator::Equals => *value == actual,
            Operator::Like => wildcard(value, &actual),
            Operator::Arn => arn_matches(value, &actual),
        })
    }
}
