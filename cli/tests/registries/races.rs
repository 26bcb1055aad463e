//! Several processes at once, on registries that know nothing of each other. No order is given to them: what is
//! asserted holds in any.

use docker_registry::skopeo;
use image_fixtures::{Fixture, image, nested_index, signed};
use proxy::{Fault, Rule};

use crate::setup::{Machine, Setup, object, plain};

/// Runs them all at once, and asserts that all succeed.
async fn promote_at_once(setup: &Setup, machines: &[&Machine]) {
    let promote = |machine: &&Machine| {
        let mut command =
            machine.between("promote", &plain(setup.source.host()), &[&plain(setup.target.host())], &["--json"]);
        async move { command.output().await.unwrap() }
    };
    for output in futures_util::future::join_all(machines.iter().map(promote)).await {
        assert!(output.status.success(), "{}", object(&output));
    }
}

#[tokio::test]
async fn the_same_release_by_three_processes() {
    let fixtures = [nested_index("team/app", "1.0"), signed(image("team/web", "1.0"))];
    let setup = Setup::with(&fixtures.each_ref()).await;
    promote_at_once(&setup, &[&setup.machine, &setup.machine, &setup.machine]).await;
    for fixture in &fixtures {
        skopeo::assert_holds(setup.target_host(), fixture, None).await;
    }
    // And nothing is left to do.
    setup.reset();
    setup.promote(&[]).await;
    setup.assert_only_read();
}

#[tokio::test]
async fn two_releases_that_share_layers_and_repositories() {
    let [one, two, both]: [Fixture; 3] =
        [image("team/app", "1.0"), nested_index("team/app", "2.0"), image("team/web", "1.0")];
    let setup = Setup::with(&[&one, &two, &both]).await;
    let machines = [[&one, &both], [&two, &both]].map(|release| {
        let machine = Machine::new();
        machine.release(&release);
        machine
    });
    promote_at_once(&setup, &machines.each_ref()).await;
    for fixture in [&one, &two, &both] {
        skopeo::assert_holds(setup.target_host(), fixture, None).await;
    }
}

/// One is stopped in the middle for good, and another brings the release meanwhile.
#[tokio::test]
async fn one_that_never_comes_to_its_end_keeps_nobody_from_it() {
    let fixture = nested_index("team/app", "1.0");
    for requests in [3, 8, 13] {
        let setup = Setup::with(&[&fixture]).await;
        setup.target.fail(Rule::after(requests, Fault::Hang));
        let mut stuck = setup.command("promote", &["--json"]).kill_on_drop(true).spawn().unwrap();
        setup.target.holding().await;
        setup.target.heal();
        setup.promote(&[]).await;
        skopeo::assert_holds(setup.target_host(), &fixture, None).await;
        assert!(stuck.try_wait().unwrap().is_none(), "it was not stuck");
        stuck.kill().await.unwrap();
    }
}
