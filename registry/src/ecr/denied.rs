//! Which policy lacks what, read from a denial of AWS: the identity policy, the repository policy of another account,
//! or an explicit deny.

use oci::Repository;

use super::identity::Identity;
use super::registry_id::RegistryId;
use super::statement;

const READING: &[&str] = &["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
const WRITING: &[&str] = &[
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
];
/// These are about a registry and not about a repository, and are allowed for `*` only.
const REGISTRY_WIDE: &[&str] = &["ecr:GetAuthorizationToken", "ecr:GetAccountSetting"];

/// Why AWS says no (IAM User Guide, "Troubleshoot access denied error messages").
#[derive(Debug, PartialEq, Eq)]
enum Reason<'a> {
    /// `with an explicit deny in a service control policy`
    Deny(&'a str),
    /// `because no resource-based policy allows the ecr:PutImage action`
    NoRepositoryPolicy,
    /// `because no identity-based policy allows the ecr:PutImage action`, or a policy of another sort that bounds it.
    Missing(&'a str),
    Unknown,
}

impl<'a> Reason<'a> {
    fn read(message: &'a str) -> Self {
        if let Some((_, deny)) = message.split_once("with an explicit deny in ") {
            return Self::Deny(deny.trim_end_matches('.'));
        }
        match message.split_once("because no ").and_then(|(_, rest)| rest.split_once(" allows")) {
            Some(("resource-based policy", _)) => Self::NoRepositoryPolicy,
            Some((policy, _)) => Self::Missing(policy),
            None => Self::Unknown,
        }
    }
}

/// A request that AWS denied.
pub(super) struct Denial<'a> {
    /// The action that the request needs.
    pub(super) action: &'a str,
    pub(super) repository: Option<&'a Repository>,
    pub(super) registry_id: &'a RegistryId,
    pub(super) caller: &'a Identity,
    /// What AWS says.
    pub(super) message: &'a str,
}

impl Denial<'_> {
    /// What would allow it, in the policies of the caller's account or of the registry's.
    pub(super) fn advice(&self) -> String {
        let account = &self.registry_id.account;
        let missing = action_in(self.message).unwrap_or(self.action);
        let alone = [missing];
        // A push needs it, and so does a role that only reads: such a role must not be advised to ask for more.
        let is_shared = missing == "ecr:BatchCheckLayerAvailability";
        // A caller that lacks one of these will need the others next.
        let group =
            [READING, WRITING].into_iter().find(|group| group.contains(&missing) && !is_shared).unwrap_or(&alone);
        let principal = self.caller.principal();
        let is_of_ecr = missing.starts_with("ecr:");
        let repository = self.repository.filter(|_| is_of_ecr && !REGISTRY_WIDE.contains(&missing));
        let resource = match repository {
            None if !is_of_ecr => resource_in(self.message).unwrap_or("*").to_owned(),
            Some(name) => {
                let (partition, region) = (self.caller.partition(), &self.registry_id.region);
                format!("arn:{partition}:ecr:{region}:{account}:repository/{name}")
            }
            None => "*".into(),
        };
        let own = || format!("Add to the identity policy of {principal}: {}", statement::identity(group, &resource));
        let theirs = |name: &str| {
            let statement = statement::repository(group, &principal);
            format!("Add to the policy of repository {name} in account {account}: {statement}")
        };
        let is_foreign = self.caller.account() != account;
        let advice = match (Reason::read(self.message), repository) {
            (Reason::Deny(policy), _) => format!(
                "This is an explicit deny in {policy}, which no other policy outweighs: narrow it for {missing} on \
                 {resource}"
            ),
            (Reason::Missing("identity-based policy"), _) => own(),
            (Reason::Missing(policy), _) => {
                format!("The {policy} has to allow {missing} on {resource} for {principal}")
            }
            (Reason::NoRepositoryPolicy, Some(name)) => theirs(name.as_str()),
            (Reason::Unknown, Some(name)) if is_foreign => format!("{}. {}", theirs(name.as_str()), own()),
            (Reason::NoRepositoryPolicy | Reason::Unknown, _) => own(),
        };
        format!(". {advice}")
    }
}

/// The action that AWS names, which need not be one that was asked for: a pull-through cache needs
/// `ecr:BatchImportUpstreamImage`, an encrypted repository `kms:Decrypt`.
fn action_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("perform: ")?;
    let named = rest.split_whitespace().next()?;
    let (service, action) = named.split_once(':')?;
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_word(service) && is_word(action)).then_some(named)
}

/// What AWS says the action was denied on.
fn resource_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("on resource: ")?;
    rest.split_whitespace().next().filter(|resource| resource.starts_with("arn:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: &str = "arn:aws:sts::111122223333:assumed-role/promoter/run";

    fn advised(account: &str, action: &str, repository: Option<&Repository>, message: &str) -> String {
        let (registry_id, caller) = (&RegistryId::new(account, "eu-west-1"), &Identity::from_arn(CALLER).unwrap());
        Denial { action, repository, registry_id, caller, message }.advice()
    }

    fn put_image(account: &str, because: &str) -> String {
        let message = format!("User: {CALLER} is not authorized to perform: ecr:PutImage on resource: r {because}");
        advised(account, "ecr:PutImage", Some(&"myapp/api".parse().unwrap()), &message)
    }

    #[test]
    fn the_statement_fits_the_reason() {
        let identity =
            r#"the identity policy of arn:aws:iam::111122223333:role/promoter: {"Effect":"Allow","Action":["ecr:Batch"#;
        let resource = r#""Resource":"arn:aws:ecr:eu-west-1:111122223333:repository/myapp/api"}"#;
        let own = put_image("111122223333", "because no identity-based policy allows the ecr:PutImage action");
        assert!(own.contains(identity) && own.contains(resource), "{own}");

        let theirs = put_image("444455556666", "because no resource-based policy allows the ecr:PutImage action");
        assert!(theirs.contains("policy of repository myapp/api in account 444455556666: {"), "{theirs}");
        assert!(theirs.contains(r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/promoter"}"#), "{theirs}");
        assert!(!theirs.contains("identity policy"), "{theirs}");

        let both = put_image("444455556666", "");
        assert!(both.contains("policy of repository") && both.contains("identity policy"), "{both}");

        let deny = put_image("111122223333", "with an explicit deny in a service control policy");
        assert!(deny.contains("explicit deny in a service control policy") && !deny.contains("Allow"), "{deny}");

        let bound = put_image("111122223333", "because no VPC endpoint policy allows the ecr:PutImage action");
        assert!(bound.contains("The VPC endpoint policy has to allow ecr:PutImage"), "{bound}");
    }

    #[test]
    fn whatever_action_aws_names_is_what_is_missing() {
        let repository = "myapp/api".parse().unwrap();
        let key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        for (action, resource, expected) in [
            ("ecr:BatchImportUpstreamImage", "r", "arn:aws:ecr:eu-west-1:111122223333:repository/myapp/api"),
            ("ecr:CreateRepository", "r", "arn:aws:ecr:eu-west-1:111122223333:repository/myapp/api"),
            ("kms:Decrypt", key, key),
        ] {
            let message = format!("User: {CALLER} is not authorized to perform: {action} on resource: {resource}");
            let text = advised("111122223333", "ecr:BatchGetImage", Some(&repository), &message);
            let statement = format!(r#"{{"Effect":"Allow","Action":["{action}"],"Resource":"{expected}"}}"#);
            assert!(text.ends_with(&statement), "{text}");
        }
    }

    #[test]
    fn a_role_that_reads_is_not_advised_to_write() {
        let message = "because no identity-based policy allows it";
        let repository = "myapp/api".parse().unwrap();
        let text = advised("111122223333", "ecr:BatchCheckLayerAvailability", Some(&repository), message);
        assert!(text.contains(r#""Action":["ecr:BatchCheckLayerAvailability"]"#), "{text}");
    }

    #[test]
    fn a_token_is_for_everything() {
        let text = advised("444455556666", "ecr:GetAuthorizationToken", None, "");
        assert!(
            text.ends_with(r#"{"Effect":"Allow","Action":["ecr:GetAuthorizationToken"],"Resource":"*"}"#),
            "{text}"
        );
    }
}
