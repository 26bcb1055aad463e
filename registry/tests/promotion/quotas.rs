//! A release that is larger than what ECR's default quotas let through in a moment.

use std::time::Instant;

use ecr_double::Config;
use promotion::{Limits, Promotion, RetryPolicy, Until};
use registry::{Rates, Side};

use crate::world::*;

/// ECR's default quota of PutImage per account and region, in calls per second (Amazon ECR User Guide, "Service
/// quotas").
const PUT_IMAGE: f64 = 10.0;
/// The second's worth that may go at once.
const BURST: f64 = 10.0;

const REPOSITORIES: usize = 4;
const IMAGES: usize = 200;

#[tokio::test]
async fn two_hundred_images_arrive_within_the_quotas_of_ecr_and_no_throttled_call_is_told() {
    let names: Vec<String> = (0..REPOSITORIES).map(|number| format!("team/app-{number}")).collect();
    let world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut images = Vec::new();
    for number in 0..IMAGES {
        let (repository, tag) = (&names[number % REPOSITORIES], format!("1.{number}"));
        let image = Image::new().layer(bytes((number % 40) as u8, 3_000)).layer(format!("layer {number}"));
        world.at(SOURCE).put(repository, &image.build().tagged(&tag));
        images.push(format!("{repository}:{tag}"));
    }
    world.double.quotas(Config::default().ecr_quotas().quotas);
    let source = world.paced_client(SOURCE, SOURCE, Side::Source, Rates::default()).await;
    let mut targets = Vec::new();
    for target in TARGETS {
        targets.push(world.paced_client(target, target, Side::Target, Rates::default()).await);
    }
    let promotion = Promotion::new(source, targets, RetryPolicy::default(), Limits::default());
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let begin = Instant::now();
    let report = promotion.run(release(&images), Until::Tagged, None).await.unwrap();
    let took = begin.elapsed().as_secs_f64();
    assert_eq!(report.images.len(), IMAGES);
    for target in TARGETS {
        names.iter().for_each(|repository| world.assert_same(repository, target));
        let puts: Vec<_> =
            world.double.requests_of("PutImage").into_iter().filter(|request| request.account == target).collect();
        let throttled = puts.iter().filter(|request| request.status != 200).count();
        let needed = 2 * IMAGES;
        assert_eq!(puts.len() - throttled, needed, "each image is put once to stage it and once to tag it");
        let allowed = (needed as f64 - BURST) / PUT_IMAGE;
        println!(
            "{target}: {needed} calls of PutImage, {throttled} more throttled, {took:.1} s where the quota allows {allowed:.1} s"
        );
        assert!(took > allowed, "nobody is faster than the quota");
        assert!(throttled * 20 <= needed, "{throttled} of {} calls were throttled", puts.len());
    }
}
