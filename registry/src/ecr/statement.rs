use serde::Serialize;

/// A statement of an IAM policy, in the order in which people write them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement<'a> {
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<Principal<'a>>,
    action: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition<'a>>,
}

#[derive(Serialize)]
struct Principal<'a> {
    #[serde(rename = "AWS")]
    aws: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Condition<'a> {
    string_equals: ExternalId<'a>,
}

#[derive(Serialize)]
struct ExternalId<'a> {
    #[serde(rename = "sts:ExternalId")]
    external_id: &'a str,
}

/// Lets whoever has it do this: for the policy of a role or user.
pub(super) fn identity(actions: &[&str], resource: &str) -> String {
    write(&Statement { effect: "Allow", principal: None, action: actions, resource: Some(resource), condition: None })
}

/// Lets a principal of another account do this: for the policy of a repository, which names no resource but is one.
pub(super) fn repository(actions: &[&str], principal: &str) -> String {
    let principal = Some(Principal { aws: principal });
    write(&Statement { effect: "Allow", principal, action: actions, resource: None, condition: None })
}

/// Lets a principal assume a role: for the trust policy of that role.
pub(super) fn trust(principal: &str, with_external_id: bool) -> String {
    let principal = Some(Principal { aws: principal });
    let condition = with_external_id.then_some(Condition {
        string_equals: ExternalId { external_id: "THE EXTERNAL ID THAT TRANSSHIP IS CONFIGURED WITH" },
    });
    write(&Statement { effect: "Allow", principal, action: &["sts:AssumeRole"], resource: None, condition })
}

fn write(statement: &Statement<'_>) -> String {
    serde_json::to_string(statement).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_read_as_people_write_them() {
        assert_eq!(
            identity(&["ecr:PutImage"], "arn:aws:ecr:eu-west-1:111122223333:repository/myapp/api"),
            r#"{"Effect":"Allow","Action":["ecr:PutImage"],"Resource":"arn:aws:ecr:eu-west-1:111122223333:repository/myapp/api"}"#
        );
        assert_eq!(
            repository(&["ecr:BatchGetImage"], "arn:aws:iam::111122223333:role/r"),
            r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/r"},"Action":["ecr:BatchGetImage"]}"#
        );
        assert_eq!(
            trust("arn:aws:iam::111122223333:role/r", false),
            r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/r"},"Action":["sts:AssumeRole"]}"#
        );
        assert!(trust("p", true).contains(r#""Condition":{"StringEquals":{"sts:ExternalId":"#));
    }
}
