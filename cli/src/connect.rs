use futures_util::{StreamExt, TryStreamExt, stream};
use promotion::{Error, Name, RetryPolicy, Retrying};
use registry::{AnyRegistry, Connector, Distributions, Ecr, EcrHost, Keyring, Location, Network, Role, Side};
use tokio::sync::{Mutex, OnceCell};

use crate::arguments::Between;
use crate::aws;
use crate::failure::Failure;

/// How many targets are connected to at a time.
const AT_ONCE: usize = 8;

/// A source and its targets, connected.
#[derive(Debug)]
pub(crate) struct Registries {
    pub(crate) source: AnyRegistry,
    pub(crate) targets: Vec<AnyRegistry>,
}

impl Registries {
    /// Connects to the registries that the command line names. Roles are assumed here; nothing else is sent yet.
    pub(crate) async fn connect(between: &Between, side: Side) -> Result<Self, Error> {
        let network = between.reaching.network().await?;
        let connections = Connections {
            distributions: Distributions::new(&network)?,
            network,
            keyring: Mutex::new(Keyring::new(|name| std::env::var_os(name))),
            aws: OnceCell::new(),
        };
        let source_role = between.source_role.as_ref().map(|arn| arn.role(None));
        let target_role = between.target_role.as_ref().map(|arn| arn.role(between.external_id.as_deref()));
        let source = connections.open(&between.source, Side::Source, source_role.as_ref()).await?;
        let connecting = between.targets.iter().map(|target| connections.open(target, side, target_role.as_ref()));
        let targets = stream::iter(connecting).buffered(AT_ONCE).try_collect().await?;
        Ok(Self { source, targets })
    }
}

/// Refuses what cannot be meant.
pub(crate) fn check(between: &Between) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::usage(Error::new(Name::InvalidInput, what)));
    for (at, target) in between.targets.iter().enumerate() {
        if target.identity() == between.source.identity() {
            return wrong(format!(
                "the source {} and the target {target} are the same registry: name another target",
                between.source
            ));
        }
        let earlier = between.targets.iter().take(at).find(|earlier| earlier.identity() == target.identity());
        if let Some(earlier) = earlier {
            return wrong(format!("the targets {earlier} and {target} are the same registry: name it once"));
        }
    }
    if between.target_role.is_some() && !between.targets.iter().any(Location::is_ecr) {
        return wrong("--target-role: no target is an ECR registry: leave it out".into());
    }
    if between.source_role.is_some() && !between.source.is_ecr() {
        return wrong("--source-role: the source is no ECR registry: leave it out".into());
    }
    Ok(())
}

struct Connections {
    distributions: Distributions,
    network: Network,
    /// Asked for one login at a time: a credential helper may have to ask the user to unlock a store.
    keyring: Mutex<Keyring>,
    /// Made when the first ECR registry is connected to.
    aws: OnceCell<Retrying<Connector>>,
}

impl Connections {
    async fn open(&self, location: &Location, side: Side, role: Option<&Role>) -> Result<AnyRegistry, Error> {
        match location {
            Location::Ecr(ecr) => self.open_ecr(ecr, side, role).await.map(AnyRegistry::Ecr),
            Location::Distribution(address) => {
                let mut keyring = self.keyring.lock().await;
                let logins = keyring.logins(address.registry().as_str(), address.is_plain()).await?;
                Ok(AnyRegistry::Distribution(self.distributions.connect(address.clone(), logins, side)))
            }
        }
    }

    async fn open_ecr(&self, ecr: &EcrHost, side: Side, role: Option<&Role>) -> Result<Ecr, Error> {
        let connect = || async {
            let (config, identity) = aws::load(&ecr.registry_id.region, &self.network).await?;
            let connector = Connector::with_network(&config, identity, &self.network)?;
            Ok::<_, Error>(Retrying::new(connector, RetryPolicy::default()))
        };
        let connector = self.aws.get_or_try_init(connect).await?;
        connector.ask(|connector| connector.connect_to(ecr, side, role)).await
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command, Work};

    fn refusal(arguments: &str) -> Option<String> {
        let words = format!("transship promote m.json {arguments}");
        let Command::Work(Work::Promote(promote)) = Arguments::try_parse_from(words.split(' ')).unwrap().command else {
            panic!("it is promote that is asked for")
        };
        check(&promote.between).err().map(|failure| failure.error.to_string())
    }

    #[test]
    fn nobody_promotes_a_registry_onto_itself_or_twice() {
        let ecr = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
        let role = "arn:aws:iam::111122223333:role/promoter";
        for (arguments, expected) in [
            (
                "--source a.example --target https://a.example:443".to_owned(),
                "the source a.example and the target a.example",
            ),
            (
                "--source a.example --target b.example --target b.example:443".into(),
                "the targets b.example and b.example:443 are",
            ),
            (
                format!("--source a.example --target b.example --target-role {role}"),
                "--target-role: no target is an ECR",
            ),
            (format!("--source a.example --target {ecr} --source-role {role}"), "--source-role: the source is no ECR"),
        ] {
            let refusal = refusal(&arguments).unwrap();
            assert!(refusal.starts_with(expected), "{refusal}");
        }
        for arguments in [
            "--source a.example --target b.example --target c.example".to_owned(),
            format!("--source a.example --target {ecr} --target b.example --target-role {role} --external-id x"),
            format!("--source {ecr} --target a.example --source-role {role}"),
        ] {
            assert_eq!(refusal(&arguments), None, "{arguments}");
        }
    }
}
