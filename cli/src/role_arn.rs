use std::str::FromStr;

use promotion::{Error, Name};
use registry::{Identity, Role};

/// The ARN of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleArn {
    partition: String,
    account: String,
    name: String,
}

impl RoleArn {
    /// The role, to be assumed with an external id if there is one.
    pub(crate) fn role(&self, external_id: Option<&str>) -> Role {
        Role::new(&self.partition, &self.account, &self.name, "transship-cli")
            .with_external_id(external_id.map(str::to_owned))
    }
}

impl FromStr for RoleArn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let role = Identity::from_arn(text).and_then(|identity| {
            let (_, name) = text.split_once(":role/").filter(|(_, name)| !name.is_empty())?;
            Some(Self {
                partition: identity.partition().to_owned(),
                account: identity.account().to_owned(),
                name: name.to_owned(),
            })
        });
        role.ok_or_else(|| {
            // What is no ARN at all may be a secret that was put in the wrong place.
            let quoted = if text.starts_with("arn:") { format!("\"{}\"", text.escape_debug()) } else { "this".into() };
            let why = format!("{quoted} is not the ARN of a role: expected arn:aws:iam::111122223333:role/NAME");
            Error::new(Name::InvalidInput, why)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_keep_partition_and_path() {
        let arn = "arn:aws-cn:iam::111122223333:role/ci/promoter";
        assert_eq!(arn.parse::<RoleArn>().unwrap().role(None).arn(), arn);
        for text in
            ["promoter", "arn:aws:iam::111122223333:user/x", "arn:aws:iam::1:role/x", "arn:aws:iam::111122223333:role/"]
        {
            assert!(text.parse::<RoleArn>().unwrap_err().to_string().contains("is not the ARN of a role"));
        }
    }
}
