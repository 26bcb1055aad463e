//! Holds a real ECR registry to what the double is held to. Off unless asked for: it needs an account, and costs a few
//! requests.
//!
//! `TRANSSHIP_TEST_ECR_REPOSITORY` and `TRANSSHIP_TEST_ECR_SIBLING` name two repositories of the account and region
//! that the AWS SDK finds in its usual places; what is pushed to them stays there. A repository
//! `transship-test/missing` must not exist.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use registry::{Connector, Identity, RegistryId, Side};

const VARIABLES: [&str; 2] = ["TRANSSHIP_TEST_ECR_REPOSITORY", "TRANSSHIP_TEST_ECR_SIBLING"];

fn main() {
    let Ok(names) = VARIABLES.into_iter().map(std::env::var).collect::<Result<Vec<_>, _>>() else {
        println!("real ECR: skipped; set {} to run it", VARIABLES.join(" and "));
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = aws_config::load_from_env().await;
        let identity = Identity::read(&config).await.unwrap();
        let region = config.region().expect("a region: set AWS_REGION").to_string();
        let place = RegistryId::new(identity.account(), region);
        println!("real ECR: {place}, repositories {}", names.join(" and "));
        let ecr = Connector::new(&config, identity).unwrap().connect(place, Side::Target, None).await.unwrap();
        let [repository, sibling, missing] =
            [&names[0], &names[1], "transship-test/missing"].map(|name| name.parse().unwrap());
        promotion::conformance::all(&ecr, &repository, &sibling, Some(&missing)).await;
    });
}
