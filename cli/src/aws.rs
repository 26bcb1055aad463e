//! Who this machine is to AWS: its configuration, read in time, and its credentials, found as the AWS CLI finds them.

mod credentials;
mod files;
mod processes;

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use promotion::{Error, RetryPolicy, Retrying};
use registry::{Identity, Network, aws_http_client};

use self::credentials::Chain;
use self::files::ConfigFiles;

/// The SDK gives credentials five seconds, too few to type a code or to unlock a store.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(60);

/// The AWS configuration of this machine, and who it stands for. A registry's region serves where none is configured.
pub(crate) async fn load(region: &str, network: &Network) -> Result<(SdkConfig, Identity), Error> {
    let files = ConfigFiles::read(|name| std::env::var_os(name)).await?;
    let http = aws_http_client(network)?;
    // Not the SDK's whole chain: it asks the instance metadata service, and where there is none waits for it.
    let profile = ProfileFileRegionProvider::builder().profile_files(files.profiles.clone()).build();
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(profile)
        .or_else(Region::new(region.to_owned()));
    let region = region.region().await;
    let chain = Chain::new(&files, region.clone(), &http);
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .profile_files(files.profiles)
        .region(region)
        .credentials_provider(chain)
        .identity_cache(IdentityCache::lazy().load_timeout(CREDENTIALS_TIMEOUT).build())
        .load()
        .await;
    let asking = Retrying::new(config.clone(), RetryPolicy::default());
    let identity = asking.ask(Identity::read).await?;
    Ok((config, identity))
}
