//! What logins cost.

use docker_registry::{Auth, PASSWORD, Server, USER, push, skopeo};
use image_fixtures::{Fixture, buildx_index};
use proxy::Proxy;
use serde_json::json;

use crate::setup::{Machine, answer, plain};

/// Promotes between two registries that ask like this, through proxies. Answers how many requests each of them saw, and
/// the scopes of the tokens that each of them gave.
async fn promoted(fixture: &Fixture, auth: Auth) -> ([usize; 2], [Vec<String>; 2]) {
    let [seed, from, to] = [Auth::None, auth, auth].map(Server::start);
    push(fixture, seed.host(), None).await;
    let (source, target) = (Proxy::start(from.host()).await, Proxy::start(to.host()).await);
    let machine = Machine::new();
    machine.release(&[fixture]);
    let login = json!({ "username": USER, "password": PASSWORD });
    if auth != Auth::None {
        let auths = json!({ from.host(): login, source.host(): login, target.host(): login });
        machine.write(".docker/config.json", &json!({ "auths": auths }).to_string());
    }
    let asked = |server: &Server| match auth {
        Auth::Bearer => server.tokens().asked().iter().map(|asked| asked.scopes.join(" ")).collect(),
        _ => vec![],
    };
    // Tests push without a token: what is to be read is brought there first.
    let between =
        |from: &str, to: &str| machine.between("promote", &plain(from), &[&plain(to)], &["--json", "--no-referrers"]);
    assert_eq!(answer(&mut between(seed.host(), from.host())).await.0, Some(0));
    let before = asked(&from).len();
    let (code, done) = answer(&mut between(source.host(), target.host())).await;
    assert_eq!(code, Some(0), "{done}");
    let scopes = [asked(&from).split_off(before), asked(&to)];
    skopeo::assert_holds(to.host(), fixture, (auth != Auth::None).then_some((USER, PASSWORD))).await;
    ([source.requests().len(), target.requests().len()], scopes)
}

/// Each registry is asked once what it wants, and refuses nothing after that.
#[tokio::test]
async fn a_login_costs_one_request_and_tokens_one_for_each_repository() {
    let fixture = buildx_index("team/app", "1.0");
    let (open, _) = promoted(&fixture, Auth::None).await;
    for auth in [Auth::Basic, Auth::Bearer] {
        let (guarded, scopes) = promoted(&fixture, auth).await;
        println!("{auth:?}: {guarded:?} requests, {open:?} without a login");
        assert_eq!(guarded, open.map(|requests| requests + 1), "{auth:?}");
        if auth == Auth::Bearer {
            assert_eq!(scopes, [["repository:team/app:pull"], ["repository:team/app:pull,push"]]);
        }
    }
}
