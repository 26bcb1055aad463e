use ecr_double::SameDigest;
use registry::Side;

use crate::world::{TARGETS, World};

#[tokio::test]
async fn ecr_conforms_in_all_the_ways_it_has_been_seen_to_behave() {
    for way in 0..4 {
        let world = World::new(&["app", "sibling"]).await;
        world.at(TARGETS[0]).blob_mounting(way == 1);
        world.double.switch(|switches| {
            switches.relative_locations = way == 1;
            switches.early_refusals = way == 2;
            switches.immutable_same_digest =
                [SameDigest::ImageAlreadyExists, SameDigest::ImageTagAlreadyExists][way % 2];
        });
        let ecr = world.client(TARGETS[0], TARGETS[0], Side::Target).await;
        let [app, sibling, missing] = ["app", "sibling", "missing"].map(|name| name.parse().unwrap());
        promotion::conformance::all(&ecr, &app, &sibling, Some(&missing)).await;
    }
}
