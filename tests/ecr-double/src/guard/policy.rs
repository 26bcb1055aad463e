//! Whether a caller may act: identity policies and repository policies, weighed as IAM weighs them.
//!
//! A request within an account needs one of both to allow it, one from another account needs both, and a deny in either
//! outweighs all
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>).

use serde_json::Value;

use super::document::{Access, Document, Effect, Kind, Named};
use crate::names::RegistryId;
use crate::refusal::Refusal;

/// The actions that know no resources: a policy can allow them on `*` only (awsdocs/amazon-ecr-user-guide#19,
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html>).
const WITHOUT_RESOURCE: [&str; 3] = ["ecr:GetAuthorizationToken", "ecr:GetAccountSetting", "ecr:PutAccountSetting"];

/// What an action on a repository, or on all of them, is an action on.
pub(crate) fn resource(action: &str, registry: &RegistryId, repository: Option<&str>) -> String {
    if WITHOUT_RESOURCE.contains(&action) {
        return "*".to_owned();
    }
    registry.repository_arn(repository.unwrap_or("*"))
}

/// Judges one request by the caller's policies and by the repository's, if it exists and has one.
pub(crate) fn judge(
    access: &Access<'_>,
    identity: &[Document],
    repository_policy: Option<&str>,
) -> Result<(), Refusal> {
    let repository_policy = repository_policy.map(read).transpose().map_err(Refusal::server)?;
    let caller = access.caller;
    let by_identity = |effect: Effect| {
        let statements = identity.iter().flat_map(|document| &document.0);
        statements.into_iter().any(|statement| statement.effect == effect && statement.meets(access))
    };
    let by_repository = |effect: Effect| {
        let statements = repository_policy.iter().flat_map(|document| &document.0);
        let met = statements.filter(|statement| statement.effect == effect && statement.meets(access));
        met.filter_map(|statement| statement.names(caller)).max()
    };
    if by_identity(Effect::Deny) {
        return Err(denied(access, "with an explicit deny in an identity-based policy"));
    }
    if by_repository(Effect::Deny).is_some() {
        return Err(denied(access, "with an explicit deny in a resource-based policy"));
    }
    let no = |kind: &str| Err(denied(access, &format!("because no {kind} policy allows the {} action", access.action)));
    let allowed = (caller.arn == caller.account_arn() || by_identity(Effect::Allow), by_repository(Effect::Allow));
    // A token is the caller's own, whichever registry it asks about.
    let within = caller.account == access.registry.account || access.action == "ecr:GetAuthorizationToken";
    match allowed {
        (true, _) if within => Ok(()),
        // Within an account its name as principal leaves it to the identity policies.
        (false, Some(Named::Caller)) if within => Ok(()),
        (true, Some(_)) => Ok(()),
        (true, None) => no("resource-based"),
        // Said so also across accounts (aws-controllers-k8s/community#1641).
        (false, _) => no("identity-based"),
    }
}

/// The messages are IAM's (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>). From
/// ECR they were seen in everything2/everything2#2562 (no identity-based policy) and
/// aws-actions/amazon-ecr-login#232 (no resource-based one).
fn denied(access: &Access<'_>, because: &str) -> Refusal {
    let Access { caller, action, resource, .. } = access;
    let arn = &caller.arn;
    let message = format!("User: {arn} is not authorized to perform: {action} on resource: {resource} {because}");
    Refusal::new("AccessDeniedException", message)
}

/// Reads a policy for SetRepositoryPolicy.
pub(crate) fn check(text: &str) -> Result<(), Refusal> {
    let invalid = |why| Refusal::parameter("PolicyText", &format!("Invalid repository policy provided: {why}"));
    read(text).map(|_| ()).map_err(invalid)
}

fn read(text: &str) -> Result<Document, String> {
    let document: Value = serde_json::from_str(text).map_err(|_| "not JSON".to_owned())?;
    Document::read(&document, Kind::Repository)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // helpers of tests
mod tests {
    use serde_json::json;

    use super::*;
    use crate::guard::callers::Caller;

    const OWN: &str = "111122223333";
    const OTHER: &str = "444455556666";
    const APP: &str = "arn:aws:ecr:eu-west-1:111122223333:repository/team/app";
    const READ: &str = "ecr:BatchGetImage";

    fn role(account: &str) -> Caller {
        Caller::named("ASIA1", account, "puller")
    }

    /// Asks for `action` on `team/app` of the account OWN.
    fn judged(caller: &Caller, action: &str, identity: &Value, repository: Option<&Value>) -> Result<(), String> {
        let registry = RegistryId::new(OWN, "eu-west-1");
        let identity = [Document::read(&json!({ "Statement": identity }), Kind::Identity).unwrap()];
        let policy = repository.map(|statement| json!({ "Statement": statement }).to_string());
        let resource = resource(action, &registry, Some("team/app"));
        let access = Access { caller, action, resource: &resource, registry: &registry };
        judge(&access, &identity, policy.as_deref()).map_err(|refusal| refusal.message)
    }

    fn allow(actions: &Value, resources: &Value) -> Value {
        json!({ "Effect": "Allow", "Action": actions, "Resource": resources })
    }

    fn granted(effect: &str, principal: &str) -> Value {
        json!({ "Effect": effect, "Principal": { "AWS": principal }, "Action": "ecr:*" })
    }

    #[test]
    fn an_identity_policy_allows_by_action_and_resource() {
        for (allows, actions, resources) in [
            (true, json!("*"), json!("*")),
            (true, json!("ECR:batchgetimage"), json!(APP)),
            (true, json!(["ecr:PutImage", "ecr:Batch*"]), json!(["arn:aws:s3:::x", "arn:*:ecr:*:*:repository/team/*"])),
            (true, json!("ecr:BatchGetImag?"), json!("arn:aws:ecr:eu-west-?:*:repository/*")),
            (false, json!("ecr:BatchGetImages"), json!("*")),
            (false, json!("ecr:BatchGet"), json!("*")),
            (false, json!("ecr-public:*"), json!("*")),
            (false, json!("ecr:*"), json!("arn:aws:ecr:eu-west-1:111122223333:repository/team")),
            (false, json!("ecr:*"), json!("arn:aws:ecr:us-east-1:111122223333:repository/*")),
            (false, json!("ecr:*"), json!("arn:aws:ecr:eu-west-1:444455556666:repository/*")),
            (false, json!("ecr:*"), json!("arn:aws-cn:ecr:*:*:repository/*")),
            // No wildcard reaches over a colon.
            (false, json!("ecr:*"), json!("arn:aws:ecr:*:repository/team/app:*")),
        ] {
            let read = judged(&role(OWN), READ, &allow(&actions, &resources), None);
            assert_eq!(read.is_ok(), allows, "{actions} {resources} {read:?}");
        }
        let all_but = |action: &str| json!({ "Effect": "Allow", "NotAction": action, "Resource": "*" });
        assert!(judged(&role(OWN), READ, &all_but("ecr:Put*"), None).is_ok());
        assert!(judged(&role(OWN), READ, &all_but("ecr:Batch*"), None).is_err());
        let elsewhere = |resource: &str| json!({ "Effect": "Allow", "Action": "*", "NotResource": resource });
        assert!(judged(&role(OWN), READ, &elsewhere("arn:aws:ecr:*:*:repository/other"), None).is_ok());
        assert!(judged(&role(OWN), READ, &elsewhere("arn:aws:ecr:*:*:repository/team/*"), None).is_err());
    }

    #[test]
    fn some_actions_are_allowed_on_everything_only() {
        for action in WITHOUT_RESOURCE {
            let refused = judged(&role(OWN), action, &allow(&json!("ecr:*"), &json!(APP)), None).unwrap_err();
            assert!(refused.contains("on resource: * because no identity-based policy allows"), "{refused}");
            assert_eq!(judged(&role(OWN), action, &allow(&json!(action), &json!("*")), None), Ok(()));
        }
        let token = allow(&json!("ecr:GetAuthorizationToken"), &json!("*"));
        assert_eq!(judged(&role(OTHER), "ecr:GetAuthorizationToken", &token, None), Ok(()), "it is the caller's own");
    }

    #[test]
    fn a_deny_outweighs_every_allow() {
        let all = allow(&json!("*"), &json!("*"));
        let deny = json!({ "Effect": "Deny", "Action": "ecr:Batch*", "Resource": APP });
        let refused = judged(&role(OWN), READ, &json!([all, deny]), Some(&granted("Allow", "*"))).unwrap_err();
        assert!(refused.ends_with("with an explicit deny in an identity-based policy"), "{refused}");
        assert_eq!(judged(&role(OWN), "ecr:PutImage", &json!([all, deny]), None), Ok(()));
        // awsdocs/amazon-ecr-user-guide#13: it meets the owner too.
        for caller in [role(OWN), Caller::root(OWN)] {
            let refused = judged(&caller, READ, &all, Some(&granted("Deny", OWN))).unwrap_err();
            assert!(refused.ends_with("with an explicit deny in a resource-based policy"), "{refused}");
        }
    }

    #[test]
    fn conditions_narrow_a_statement() {
        let only = |condition: Value| {
            let allow = json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition });
            judged(&role(OWN), READ, &allow, None).is_ok()
        };
        for (holds, condition) in [
            (
                true,
                json!({ "StringEquals": { "aws:ResourceAccount": OWN, "AWS:requestedregion": ["x", "eu-west-1"] } }),
            ),
            (false, json!({ "StringEquals": { "aws:ResourceAccount": OWN, "aws:RequestedRegion": "us-east-1" } })),
            (false, json!({ "StringEquals": { "aws:ResourceAccount": OTHER } })),
            (false, json!({ "StringEquals": { "aws:ResourceAccount": "1111*" } })),
            (true, json!({ "StringLike": { "aws:PrincipalAccount": "1111*" } })),
            (true, json!({ "ArnLike": { "aws:PrincipalArn": "arn:*:iam::*:role/pull*" } })),
            (false, json!({ "ArnEquals": { "aws:PrincipalArn": "arn:aws:iam::*" } })),
        ] {
            assert_eq!(only(condition.clone()), holds, "{condition}");
        }
    }

    #[test]
    fn within_an_account_either_policy_allows() {
        let nothing = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" });
        let role_arn = "arn:aws:iam::111122223333:role/path/puller";
        for (allows, principal) in
            [(true, "*"), (true, role_arn), (false, OWN), (false, "arn:aws:iam::111122223333:root")]
        {
            let read = judged(&role(OWN), READ, &nothing, Some(&granted("Allow", principal)));
            assert_eq!(read.is_ok(), allows, "{principal}");
        }
        assert_eq!(
            judged(&role(OWN), READ, &nothing, None).unwrap_err(),
            format!(
                "User: arn:aws:sts::{OWN}:assumed-role/puller/session is not authorized to perform: {READ} on resource: \
                 {APP} because no identity-based policy allows the {READ} action"
            )
        );
        assert_eq!(judged(&Caller::root(OWN), READ, &nothing, None), Ok(()));
    }

    #[test]
    fn across_accounts_both_have_to_allow() {
        let (all, nothing) = (allow(&json!("ecr:*"), &json!(APP)), allow(&json!("s3:*"), &json!("*")));
        let no = |kind: &str| format!("because no {kind} policy allows the {READ} action");
        for principal in [OTHER, "arn:aws:iam::444455556666:root", "arn:aws:iam::444455556666:role/puller"] {
            let policy = granted("Allow", principal);
            assert_eq!(judged(&role(OTHER), READ, &all, Some(&policy)), Ok(()), "{principal}");
            // aws-controllers-k8s/community#1641.
            let refused = judged(&role(OTHER), READ, &nothing, Some(&policy)).unwrap_err();
            assert!(refused.ends_with(&no("identity-based")), "{refused}");
        }
        let elsewhere = granted("Allow", "arn:aws:iam::444455556666:role/other");
        for policy in [None, Some(&elsewhere)] {
            for caller in [role(OTHER), Caller::root(OTHER)] {
                let refused = judged(&caller, READ, &all, policy).unwrap_err();
                assert!(refused.ends_with(&no("resource-based")), "{refused}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_an_error_and_never_an_answer() {
        let conditional =
            |condition: Value| json!({ "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition });
        for (why, statement) in [
            (
                "aws:PrincipalOrgID is not known",
                conditional(json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } })),
            ),
            ("StringNotLike is not known", conditional(json!({ "StringNotLike": { "aws:ResourceAccount": OWN } }))),
            (
                "${aws:PrincipalAccount}",
                conditional(json!({ "StringLike": { "aws:ResourceAccount": "${aws:PrincipalAccount}" } })),
            ),
            ("Condition is not", conditional(json!("x"))),
            ("Effect", json!({ "Effect": "allow", "Action": "*", "Resource": "*" })),
            ("Action is missing", json!({ "Effect": "Allow", "Resource": "*" })),
            (
                "both Action and NotAction",
                json!({ "Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*" }),
            ),
            ("Resource is missing", json!({ "Effect": "Allow", "Action": "ecr:*" })),
            ("Principal is not known", json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*" })),
            ("neither * nor an ARN", allow(&json!("*"), &json!("repository/app"))),
            ("neither * nor an ARN", allow(&json!("*"), &json!("arn:aws:ecr:*"))),
            ("neither * nor an ARN", allow(&json!("*"), &json!("arn:aws:ecr:*:*:repository/${aws:username}"))),
            ("no Statement", json!([])),
        ] {
            let error = Document::read(&json!({ "Statement": statement }), Kind::Identity).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        // Of another service it does not matter.
        let assume = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/x",
            "Condition": { "StringEquals": { "aws:ResourceOrgID": "o-1" } } });
        assert!(Document::read(&json!({ "Statement": assume }), Kind::Identity).unwrap().0.is_empty());
        // A repository policy that was put there past SetRepositoryPolicy.
        let odd =
            json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Condition": { "Bool": { "a": "true" } } });
        let refused = judged(&role(OWN), READ, &allow(&json!("*"), &json!("*")), Some(&odd)).unwrap_err();
        assert!(refused.contains("Bool is not known"), "{refused}");
    }
}
