//! The session of an assumed role: fetched when first needed, again before it ends, and once for all who wait for it.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use oci::Secrets;
use promotion::{Error, Name};
use tokio::sync::Mutex;

use super::identity::{Identity, sts};
use super::role::Role;
use super::sdk::failure;
use super::statement;
use crate::error_kind::ErrorKind;
use crate::http::{Client, Failure, Refusal};

/// A session that was assumed from another session, as that of a Lambda is, lasts one hour at most (STS API,
/// AssumeRole, DurationSeconds); and every role allows one hour.
const SESSION: Duration = Duration::from_secs(3600);
/// A session is replaced this long before its end: no request takes that long to be signed.
const AHEAD: Duration = Duration::from_secs(300);

/// A role that is assumed once, and again before its session ends.
#[derive(Debug)]
pub(super) struct Assumed {
    sts: aws_sdk_sts::Client,
    role: Role,
    caller: Identity,
    http: Client,
    session: Mutex<Option<Session>>,
}

#[derive(Debug)]
struct Session {
    credentials: Credentials,
    /// Those in the credentials, known as long as they are used.
    _secrets: Secrets,
}

impl Session {
    fn lasts_until(&self, time: SystemTime) -> bool {
        self.credentials.expiry().is_some_and(|end| end > time)
    }
}

impl Assumed {
    pub(super) fn new(config: &SdkConfig, role: Role, caller: Identity, http: Client) -> Self {
        Self { sts: sts(config, http.timeouts()), role, caller, http, session: Mutex::default() }
    }

    /// The credentials of the session. Callers who come while they are being fetched wait for the same ones.
    pub(super) async fn credentials(&self) -> Result<Credentials, Error> {
        let mut session = self.session.lock().await;
        let now = SystemTime::now();
        if let Some(session) = session.as_ref().filter(|session| session.lasts_until(now + AHEAD)) {
            return Ok(session.credentials.clone());
        }
        match self.assume().await {
            Ok(assumed) => Ok(session.insert(assumed).credentials.clone()),
            // An outage of STS need not stop work for which the session still lasts.
            Err(error) => match session.as_ref().filter(|session| error.is_temporary() && session.lasts_until(now)) {
                Some(session) => Ok(session.credentials.clone()),
                None => Err(error),
            },
        }
    }

    async fn assume(&self) -> Result<Session, Error> {
        let doing = format!("assuming {}", self.role.arn());
        self.http.count();
        let answer = self
            .sts
            .assume_role()
            .role_arn(self.role.arn())
            .role_session_name(self.role.session())
            .set_external_id(self.role.external_id().map(str::to_owned))
            .duration_seconds(i32::try_from(SESSION.as_secs()).unwrap_or(3600))
            .send()
            .await
            .map_err(|error| match failure(error) {
                Failure::Refused(refusal) => self.refused(&refusal),
                Failure::Failed(error) => error.context(&doing),
            })?;
        let session = answer.credentials().ok_or_else(|| {
            Error::new(Name::UnexpectedAnswer, format!("{doing}: STS answered without credentials")).temporary()
        })?;
        let secrets = Secrets::of([session.secret_access_key(), session.session_token()]);
        let expiry = SystemTime::try_from(*session.expiration()).unwrap_or_else(|_| SystemTime::now() + SESSION);
        let credentials = Credentials::new(
            session.access_key_id(),
            session.secret_access_key(),
            Some(session.session_token().to_owned()),
            Some(expiry),
            "TransshipAssumedRole",
        );
        Ok(Session { credentials, _secrets: secrets })
    }

    fn refused(&self, refusal: &Refusal) -> Error {
        let (role, principal) = (self.role.arn(), self.caller.principal());
        let tried = format!("{principal} tried to assume {role}: {}", refusal);
        let denied = |advice: String| Error::new(Name::AssumeRoleDenied, format!("{tried}. {advice}"));
        match ErrorKind::of(refusal) {
            kind if kind.is_outage() => {
                Error::new(Name::RegistryUnavailable, tried).with_retry_after(refusal.retry_after)
            }
            ErrorKind::Denied if refusal.message.contains("explicit deny") => {
                denied("An explicit deny outweighs every other policy: narrow it".into())
            }
            ErrorKind::Denied => denied(format!(
                "Check that the role exists and, if one is configured, that the external id is right. Its trust policy needs: {}. The \
                 identity policy of {principal} needs: {}",
                statement::trust(&principal, self.role.external_id().is_some()),
                statement::identity(&["sts:AssumeRole"], role)
            )),
            ErrorKind::InvalidCredentials => {
                denied("STS does not know the credentials of this process, or is not active in this region".into())
            }
            _ => denied("Check the name of the role, its account and the external id".into()),
        }
    }
}

/// How the SDK comes by the credentials.
#[derive(Debug, Clone)]
pub(super) struct Provider(pub(super) std::sync::Arc<Assumed>);

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.0.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::loopback::Loopback;

    fn refused(status: u16, code: &str, message: &str) -> Error {
        let config = SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build();
        let role = Role::new("aws", "444455556666", "promoter", "run").with_external_id(Some("hush".into()));
        let caller = Identity::from_arn("arn:aws:sts::111122223333:assumed-role/deployer/x").unwrap();
        let assumed = Assumed::new(&config, role, caller, Client::for_tests());
        let (code, message) = (code.into(), message.into());
        assumed.refused(&Refusal { status, code, message, ..Refusal::default() })
    }

    #[test]
    fn a_denial_is_no_outage() {
        let denied =
            refused(403, "AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on resource: y");
        assert_eq!((denied.name(), denied.is_temporary()), (Name::AssumeRoleDenied, false));
        let text = denied.to_string();
        assert!(
            text.contains(
                r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/deployer"},"Action":["sts:AssumeRole"]"#
            ),
            "{text}"
        );
        assert!(text.contains(r#""Resource":"arn:aws:iam::444455556666:role/promoter""#), "{text}");
        assert!(!text.contains("hush"), "{text}");

        for (status, code) in [(503, "ServiceUnavailable"), (400, "Throttling")] {
            let outage = refused(status, code, "");
            assert_eq!((outage.name(), outage.is_temporary()), (Name::RegistryUnavailable, true), "{code}");
        }
    }

    /// By the names of the SDK, and by those that STS answers with.
    #[test]
    fn every_modelled_error_of_sts_has_a_name() {
        let sdk = sdk_errors::Sdk::of("aws-sdk-sts");
        let modelled = [
            ("ExpiredTokenException", "ExpiredTokenException"),
            ("MalformedPolicyDocumentException", "MalformedPolicyDocument"),
            ("PackedPolicyTooLargeException", "PackedPolicyTooLarge"),
            ("RegionDisabledException", "RegionDisabledException"),
        ];
        assert_eq!(sdk.errors("assume_role"), modelled.map(|(name, _)| name));
        for (_, code) in modelled {
            assert_eq!(refused(400, code, "").name(), Name::AssumeRoleDenied, "{code}");
        }
        assert!(sdk.errors("get_caller_identity").is_empty());
    }

    fn sts_at(server: &Loopback) -> Assumed {
        let config = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-west-1"))
            .endpoint_url(&server.address)
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(Credentials::new(
                "AKIAIOSFODNN7EXAMPLE",
                "secret",
                None,
                None,
                "test",
            )))
            .build();
        let role = Role::new("aws", "444455556666", "promoter", "run").with_external_id(Some("id-1".into()));
        let caller = Identity::from_arn("arn:aws:sts::111122223333:assumed-role/deployer/x").unwrap();
        Assumed::new(&config, role, caller, Client::for_tests())
    }

    fn session(key: &str, expiry: &str) -> String {
        format!(
            "200 OK\ncontent-type: text/xml\n\n<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
             <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
             <Expiration>{expiry}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
    }

    #[tokio::test]
    async fn a_role_is_assumed_once_and_again_before_its_end() {
        let (soon, late) = (session("ONE", "2001-01-01T00:00:00Z"), session("TWO", "2999-01-01T00:00:00Z"));
        let server = Loopback::answering([soon.as_str(), late.as_str()]);
        let assumed = sts_at(&server);
        for key in ["ONE", "TWO", "TWO", "TWO"] {
            assert_eq!(assumed.credentials().await.unwrap().access_key_id(), key);
        }
        let requests = server.requests();
        assert_eq!((requests.len(), assumed.http.requests()), (2, 2));
        for part in ["RoleSessionName=run", "ExternalId=id-1", "DurationSeconds=3600", "role%2Fpromoter"] {
            assert!(requests[0].contains(part), "{requests:?}");
        }
    }

    #[tokio::test]
    async fn a_denial_and_an_outage_of_sts() {
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: x is not authorized to perform: \
                   sts:AssumeRole on resource: y</Message></Error></ErrorResponse>";
        let denied = format!("403 Forbidden\ncontent-type: text/xml\n\n{xml}");
        let server = Loopback::answering([denied.as_str(), "503 Service Unavailable"]);
        let assumed = sts_at(&server);
        let error = assumed.credentials().await.unwrap_err();
        assert_eq!(error.name(), Name::AssumeRoleDenied, "{error}");
        for _ in 0..2 {
            // The second time no server listens.
            let error = assumed.credentials().await.unwrap_err();
            assert_eq!((error.name(), error.is_temporary()), (Name::RegistryUnavailable, true), "{error}");
        }
    }
}
