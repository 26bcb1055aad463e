use aws_sdk_ssm::Client;
use promotion::{Error, Name, ReferrerPolicy};
use registry::RegistryId;

use crate::Event;
use crate::aws_failure::{AwsFailure, NARROW_THE_DENY};
use crate::words::{ExternalId, RoleName};

/// Where settings are found that are neither in the event nor in the environment.
pub trait Parameters: Sync {
    /// The value of a parameter; none if there is no such parameter.
    fn parameter(&self, name: &str) -> impl Future<Output = Result<Option<String>, Error>> + Send;
}

/// What a role is needed for in a target account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolePurpose {
    /// To write.
    Promotion,
    /// Only to read.
    Pull,
}

impl RolePurpose {
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Promotion => "EXECUTION_ROLE_NAME",
            Self::Pull => "PULL_ROLE_NAME",
        }
    }
}

/// The settings of an invocation. First found wins: field of the event, environment variable, SSM parameter, default.
///
/// An empty environment variable counts as none, because a template cannot leave one out.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    pub(crate) event: &'a Event,
    pub(crate) environment: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

impl Settings<'_> {
    /// Where the images are: in the own account and region unless something else is set.
    ///
    /// # Errors
    /// `InvalidInput` if a setting is wrong or may not be read.
    pub async fn source(&self, own: &RegistryId, parameters: &impl Parameters) -> Result<RegistryId, Error> {
        let (account, region) = (&self.event.source_ecr_account, &self.event.source_ecr_region);
        let account = self.find(account.clone(), "SOURCE_ECR_ACCOUNT", Some(("source-ecr-account", parameters)));
        let region = self.find(region.clone(), "SOURCE_ECR_REGION", Some(("source-ecr-region", parameters)));
        let (account, region) = tokio::try_join!(account, region)?;
        Ok(RegistryId {
            account: account.map_or_else(|| own.account.clone(), crate::words::Account::into),
            region: region.map_or_else(|| own.region.clone(), crate::words::Region::into),
        })
    }

    /// The role to assume in a target account, if one is set. There is no default: the roles that every account has are
    /// those of administrators.
    ///
    /// # Errors
    /// `InvalidInput` if the setting is wrong.
    pub fn role(&self, purpose: RolePurpose) -> Result<Option<RoleName>, Error> {
        let field = match purpose {
            RolePurpose::Promotion => &self.event.execution_role_name,
            RolePurpose::Pull => &self.event.pull_role_name,
        };
        if field.is_some() {
            return Ok(field.clone());
        }
        self.variable(purpose.variable())
    }

    /// What the roles ask for, if it is set.
    ///
    /// # Errors
    /// `InvalidInput` if the setting is wrong.
    pub fn external_id(&self) -> Result<Option<ExternalId>, Error> {
        if self.event.external_id.is_some() {
            return Ok(self.event.external_id.clone());
        }
        self.variable("EXTERNAL_ID")
    }

    /// What becomes of signatures, SBOMs and the like: they travel with the images unless something else is set.
    ///
    /// # Errors
    /// `InvalidInput` if the setting is wrong.
    pub fn referrer_policy(&self) -> Result<ReferrerPolicy, Error> {
        match self.event.referrers {
            Some(referrer_policy) => Ok(referrer_policy),
            None => Ok(self.variable("REFERRERS")?.unwrap_or_default()),
        }
    }

    async fn find<T, P>(
        &self,
        field: Option<T>,
        variable: &str,
        parameter: Option<(&str, &P)>,
    ) -> Result<Option<T>, Error>
    where
        T: TryFrom<String, Error: std::fmt::Display>,
        P: Parameters,
    {
        let found = match field {
            Some(field) => Some(field),
            None => self.variable(variable)?,
        };
        match (found, parameter) {
            (None, Some((parameter, parameters))) => {
                let name = format!("/{}/aws-deployer/{parameter}", self.event.env);
                let value = parameters.parameter(&name).await?;
                value.map(|value| parse(&format!("the SSM parameter {name}"), value)).transpose()
            }
            (found, _) => Ok(found),
        }
    }

    fn variable<T: TryFrom<String, Error: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, Error> {
        let value = (self.environment)(name).filter(|value| !value.is_empty());
        value.map(|value| parse(&format!("the environment variable {name}"), value)).transpose()
    }
}

fn parse<T: TryFrom<String, Error: std::fmt::Display>>(setting: &str, value: String) -> Result<T, Error> {
    T::try_from(value).map_err(|why| Error::new(Name::InvalidInput, format!("{setting}: {why}")))
}

impl std::fmt::Debug for Settings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Settings(..)")
    }
}

/// The parameters of SSM.
#[derive(Debug, Clone, Copy)]
pub struct Ssm<'a> {
    pub(crate) client: &'a Client,
    pub(crate) partition: &'a str,
}

impl Parameters for Ssm<'_> {
    async fn parameter(&self, name: &str) -> Result<Option<String>, Error> {
        let error = match self.client.get_parameter().name(name).send().await {
            Ok(answer) => return Ok(answer.parameter.and_then(|parameter| parameter.value)),
            Err(error) => error,
        };
        if error.as_service_error().is_some_and(|error| error.is_parameter_not_found()) {
            return Ok(None);
        }
        let failed = AwsFailure::of(&error);
        let what = format!("reading the SSM parameter {name}: {}", failed.what);
        Err(match failed {
            failed if failed.is_outage() => Error::new(Name::RegistryUnavailable, what),
            failed if failed.is_explicit_deny() => Error::new(Name::InvalidInput, what + NARROW_THE_DENY),
            failed if failed.is_denied() => Error::new(
                Name::InvalidInput,
                format!(
                    "{what}. Set the environment variable of this setting, or allow the function's role: \
                     {{\"Effect\":\"Allow\",\"Action\":\"ssm:GetParameter\",\"Resource\":\"arn:{}:ssm:*:*:parameter{}/*\"}}",
                    self.partition,
                    name.rsplit_once('/').map_or(name, |(folder, _)| folder)
                ),
            ),
            _ => Error::new(Name::InvalidInput, what),
        }
        .with_source(error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;
    use crate::event::tests::with;

    /// Answers with the account or region it was made with, and remembers what it was asked.
    struct Fake(Option<&'static str>, Mutex<Vec<String>>);

    impl Parameters for Fake {
        async fn parameter(&self, name: &str) -> Result<Option<String>, Error> {
            self.1.lock().unwrap().push(name.to_owned());
            Ok(self.0.filter(|_| name.ends_with("account")).map(ToOwned::to_owned))
        }
    }

    async fn source(
        fields: serde_json::Value,
        environment: &[(&str, &str)],
        parameter: Option<&'static str>,
    ) -> (Result<String, String>, Vec<String>) {
        let event = Event::parse(&with(fields)).unwrap();
        let lookup = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let fake = Fake(parameter, Mutex::default());
        let settings = Settings { event: &event, environment: &lookup };
        let registry_id = settings.source(&RegistryId::new("000000000000", "eu-west-1"), &fake).await;
        (
            registry_id.map(|registry_id| registry_id.to_string()).map_err(|error| error.to_string()),
            fake.1.into_inner().unwrap(),
        )
    }

    #[tokio::test]
    async fn first_found_wins_and_nobody_further_is_asked() {
        let field = json!({ "source_ecr_account": "111111111111", "source_ecr_region": "us-east-1" });
        let variables = [("SOURCE_ECR_ACCOUNT", "222222222222"), ("SOURCE_ECR_REGION", "us-east-2")];
        let (registry_id, asked) = source(field, &variables, Some("333333333333")).await;
        assert_eq!((registry_id.unwrap().as_str(), asked.len()), ("111111111111/us-east-1", 0));
        let (registry_id, asked) = source(json!({}), &variables, Some("333333333333")).await;
        assert_eq!((registry_id.unwrap().as_str(), asked.len()), ("222222222222/us-east-2", 0));
        let empty = [("SOURCE_ECR_ACCOUNT", ""), ("SOURCE_ECR_REGION", "")];
        let (registry_id, asked) = source(json!({}), &empty, Some("333333333333")).await;
        assert_eq!(registry_id.unwrap(), "333333333333/eu-west-1");
        assert_eq!(asked, ["/dev/aws-deployer/source-ecr-account", "/dev/aws-deployer/source-ecr-region"]);
        let (registry_id, _) = source(json!({}), &[], None).await;
        assert_eq!(registry_id.unwrap(), "000000000000/eu-west-1");
    }

    #[tokio::test]
    async fn a_wrong_value_says_where_it_stands() {
        let (registry_id, _) = source(json!({}), &[("SOURCE_ECR_ACCOUNT", "me")], None).await;
        let refusal = registry_id.unwrap_err();
        assert!(refusal.starts_with("the environment variable SOURCE_ECR_ACCOUNT: \"me\" is not an AWS"), "{refusal}");
        let (registry_id, _) = source(json!({}), &[], Some("me")).await;
        let refusal = registry_id.unwrap_err();
        assert!(refusal.starts_with("the SSM parameter /dev/aws-deployer/source-ecr-account: \"me\" is"), "{refusal}");
    }

    #[test]
    fn referrers_are_carried_unless_the_event_or_the_environment_says_otherwise() {
        let settings = |fields, variable: &'static str| {
            let event = Event::parse(&with(fields)).unwrap();
            Settings { event: &event, environment: &|_| Some(variable.to_owned()) }.referrer_policy()
        };
        assert_eq!(settings(json!({}), "").unwrap(), ReferrerPolicy::Carry);
        assert_eq!(settings(json!({}), "leave").unwrap(), ReferrerPolicy::Leave);
        assert_eq!(settings(json!({ "referrers": "require" }), "leave").unwrap(), ReferrerPolicy::Require);
        let error = settings(json!({}), "no").unwrap_err().to_string();
        assert_eq!(error, r#"the environment variable REFERRERS: "no" is not one of "carry", "leave" and "require""#);
    }

    #[test]
    fn roles_have_no_default() {
        let event = Event::parse(&with(json!({ "pull_role_name": "Puller" }))).unwrap();
        let none = Settings { event: &event, environment: &|_| None };
        assert_eq!(none.role(RolePurpose::Promotion).unwrap(), None);
        assert_eq!(none.role(RolePurpose::Pull).unwrap().unwrap().as_str(), "Puller");
        let some = Settings { event: &event, environment: &|name| Some(name.to_owned()) };
        assert_eq!(some.role(RolePurpose::Promotion).unwrap().unwrap().as_str(), "EXECUTION_ROLE_NAME");
        assert_eq!(some.role(RolePurpose::Pull).unwrap().unwrap().as_str(), "Puller");
        assert_eq!(some.external_id().unwrap().unwrap().as_str(), "EXTERNAL_ID");
    }
}
