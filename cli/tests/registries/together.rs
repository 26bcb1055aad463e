//! Several targets get a release together, also when it is interrupted: where one has a tag, all have all of it.

use docker_registry::{Auth, Server, skopeo};
use image_fixtures::{Fixture, nested_index};
use proxy::{Fault, Proxy, Rule};
use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::setup::{Setup, object, plain};

/// Interrupts a promotion to two targets at each of the requests to the second one, until it ends by itself.
#[tokio::test]
async fn no_target_has_a_tag_before_all_have_all_of_it() {
    let fixture = nested_index("team/app", "1.0");
    let mut setup = Setup::with(&[&fixture]).await;
    let (mut moments, mut half) = (0, 0);
    loop {
        let other = Server::start(Auth::None);
        let slow = Proxy::start(other.host()).await;
        slow.fail(Rule::after(moments, Fault::Hang));
        let Some(tagged) = interrupted(&setup, &fixture, &slow, &other).await else { break };
        half += usize::from(tagged);
        setup.clear().await;
        moments += 1;
    }
    println!("{moments} moments, {half} of them with a tag in one target");
    assert!(moments > 10 && half > 0);
}

/// Answers whether the first target had the tag already; none if the promotion came to its end.
async fn interrupted(setup: &Setup, fixture: &Fixture, slow: &Proxy, other: &Server) -> Option<bool> {
    let targets = [plain(setup.target.host()), plain(slow.host())];
    let targets = targets.each_ref().map(String::as_str);
    let promote = || setup.machine.between("promote", &plain(setup.source.host()), &targets, &["--json"]);
    let child = promote().spawn().unwrap();
    let process = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    let mut ended = Box::pin(child.wait_with_output());
    tokio::select! {
        output = &mut ended => {
            assert!(output.as_ref().unwrap().status.success(), "{output:?}");
            return None;
        }
        () = slow.holding() => kill_process(process, Signal::INT).unwrap(),
    }
    let output = ended.await.unwrap();
    let answer = object(&output);
    assert_eq!((output.status.code(), &answer["error"]["name"]), (Some(130), &json!("OutOfTime")), "{answer}");
    let hosts = [setup.target_host(), other.host()];
    let tagged = [has(hosts[0], &fixture.tag).await, has(hosts[1], &fixture.tag).await];
    if tagged.contains(&true) {
        for host in hosts {
            for manifest in &fixture.manifests {
                assert!(has(host, &manifest.digest).await, "{tagged:?}: {host} lacks {}", manifest.digest);
            }
        }
    }
    slow.heal();
    let output = promote().output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    for host in hosts {
        assert!(has(host, &fixture.tag).await, "{host}");
        if tagged.contains(&true) {
            skopeo::assert_holds(host, fixture, None).await;
        }
    }
    Some(tagged[0])
}

/// Whether there is such a manifest.
async fn has(host: &str, reference: &str) -> bool {
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.head(format!("http://{host}/v2/team/app/manifests/{reference}"));
    let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
    request.header("accept", accept).send().await.unwrap().status().is_success()
}
