//! What the program says: to people, to programs, and by its exit code.

use docker_registry::{push, skopeo};
use image_fixtures::{buildx_index, image};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::setup::{Machine, Setup, assert_refused, object, plain};

#[tokio::test]
async fn people_read_what_will_be_and_was_done() {
    let fixture = buildx_index("team/app", "1.0");
    let setup = Setup::with(&[&fixture]).await;
    let image = format!("team/app:1.0 {}", fixture.digest);
    for (more, words) in [
        (
            &["--dry-run"][..],
            ["to be promoted", "12 blobs to copy", "5 manifests and 1 tag to write", "nothing was written"],
        ),
        (&[], ["promoted", "12 blobs copied", "5 manifests and 1 tag written", "requests in"]),
        (
            &["--quiet"],
            ["already there", "nothing was copied or written", "every target had every image", "requests in"],
        ),
    ] {
        let output = setup.command("promote", more).output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        for word in words.iter().chain(&[image.as_str(), setup.target.host()]) {
            assert!(said.contains(word), "no \"{word}\" in: {said}");
        }
        // Progress goes elsewhere.
        assert_eq!(output.stderr.is_empty(), more == ["--quiet"], "{:?}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn check_and_verify_write_nothing() {
    let fixture = image("team/app", "1.0");
    let setup = Setup::with(&[&fixture]).await;
    let (code, answer) = setup.json("check", &[]).await;
    assert_eq!((code, &answer["images"][0]["targets"][0]["outcome"]), (Some(0), &json!("planned")), "{answer}");
    assert_refused(&mut setup.command("verify", &[]), 1, "PullFailed", &["team/app", setup.target.host()]).await;
    setup.assert_only_read();
    setup.promote(&[]).await;
    setup.reset();
    for (command, outcome) in [("check", "present"), ("verify", "verified")] {
        let (code, answer) = setup.json(command, &[]).await;
        assert_eq!((code, &answer["images"][0]["targets"][0]["outcome"]), (Some(0), &json!(outcome)), "{answer}");
    }
    setup.assert_only_read();
}

#[tokio::test]
async fn a_tag_that_moves_is_told_before_and_after() {
    let setup = Setup::with(&[]).await;
    let (old, new) = (image("team/app", "1.0"), buildx_index("team/app", "1.0"));
    push(&old, setup.target_host(), None).await;
    push(&new, setup.source_host(), None).await;
    setup.machine.release(&[&new]);
    let moves = format!("to be promoted: the tag moves from {}", old.digest);
    let moved = format!("promoted: the tag moved from {}", old.digest);
    for (command, more, words) in [
        ("check", None, [moves.as_str(), "no problem found; permission to push cannot be checked\n"]),
        ("promote", Some("--dry-run"), [&moves, "nothing was written"]),
        ("promote", None, [&moved, "1 tag written"]),
    ] {
        for is_json in [true, false] {
            // What is promoted for the one is to be promoted anew for the other.
            push(&old, setup.target_host(), None).await;
            let more: Vec<_> = more.into_iter().chain(is_json.then_some("--json")).collect();
            let output = setup.command(command, &more).output().await.unwrap();
            assert!(output.status.success(), "{output:?}");
            if is_json {
                let target = json!({ "registry": setup.target.host(), "outcome": "moved", "previous": old.digest });
                assert_eq!(object(&output)["images"][0]["targets"][0], target);
            } else {
                let said = String::from_utf8(output.stdout).unwrap();
                for word in words {
                    assert!(said.contains(word), "no \"{word}\" in: {said}");
                }
            }
        }
    }
    skopeo::assert_holds(setup.target_host(), &new, None).await;
}

#[tokio::test]
async fn exit_codes_tell_wrong_usage_from_failure() {
    let setup = Setup::with(&[&image("team/app", "1.0")]).await;
    let (source, target) = (plain(setup.source.host()), plain(setup.target.host()));
    let between = ["--source", &source, "--target", &target];
    setup.machine.write("broken.json", r#"{ "images": [ { "repository": "team/app", "tagg": "1.0" } ] }"#);
    setup.machine.write("absent.json", r#"{ "images": [ { "repository": "team/app", "tag": "2.0" } ] }"#);
    for (arguments, code, word) in [
        (
            &["promote", "broken.json"][..],
            1,
            "broken.json: 2 problems:\nline 1, image 1: missing field `tag`\nline 1, image 1, field \"tagg\": unknown field `tagg`",
        ),
        (&["promote", "absent.json"], 1, "team/app:2.0 is not in"),
        (&["promote", "nowhere.json"], 1, "nowhere.json: there is no such file"),
        (&["promote", "deploy-manifest.json", "--target", &source], 2, "are the same registry"),
        (&["promote", "deploy-manifest.json", "--target", &target], 2, "name it once"),
        (&["promote", "deploy-manifest.json", "--target", "ftp://a"], 2, "ftp"),
        (&["promote", "deploy-manifest.json", "--no-such-option"], 2, "--no-such-option"),
        (&["promote"], 2, "MANIFEST"),
        (&["demote", "deploy-manifest.json"], 2, "demote"),
    ] {
        let output = setup.machine.transship(&[arguments, &between].concat()).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(code) && said.contains(word), "{arguments:?} {:?}: {said}", output.status);
        assert!(output.stdout.is_empty());
    }
    setup.assert_only_read();
    for (arguments, word) in [
        (&["--help"][..], "promote"),
        (&["help", "promote"], "--require-referrers"),
        (&["completions", "bash"], "--no-referrers"),
        (&["man"], ".TH"),
    ] {
        let output = Machine::new().transship(arguments).output().await.unwrap();
        assert!(output.status.success() && String::from_utf8(output.stdout).unwrap().contains(word), "{arguments:?}");
    }
}

/// A script would take an answer that never arrived for one without images.
#[tokio::test]
async fn an_answer_that_cannot_be_written_is_told() {
    let setup = Setup::with(&[&image("team/app", "1.0")]).await;
    for mut command in [
        setup.command("check", &[]),
        setup.machine.transship(&["man"]),
        setup.machine.transship(&["promote", "--help"]),
        setup.machine.transship(&["--version"]),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        for (stdout, why) in [(std::process::Stdio::from(writer), "Broken pipe"), (full.into(), "No space left")] {
            let output = command.stdout(stdout).spawn().unwrap().wait_with_output().await.unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains(&format!("error: stdout cannot be written: {why}")), "{said}");
            assert_eq!(output.status.code(), Some(1));
        }
    }
}

#[tokio::test]
async fn a_release_comes_from_standard_input_too() {
    let fixture = image("team/app", "1.0");
    let setup = Setup::with(&[&fixture]).await;
    let (source, target) = (plain(setup.source.host()), plain(setup.target.host()));
    let mut command = setup.machine.transship(&["promote", "-", "--source", &source, "--target", &target]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let release = json!({ "images": [fixture.entry()] }).to_string();
    child.stdin.take().unwrap().write_all(release.as_bytes()).await.unwrap();
    assert!(child.wait().await.unwrap().success());
    skopeo::assert_holds(setup.target_host(), &fixture, None).await;
}

/// A helper that waits for somebody to unlock something is ended with all that it started.
#[tokio::test]
async fn what_waits_for_a_credential_helper_can_be_stopped() {
    for (signal, name, code) in [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 143)] {
        let setup = Setup::with(&[&image("team/app", "1.0")]).await;
        setup.machine.write(".docker/config.json", r#"{ "credsStore": "tests" }"#);
        let pipe = setup.machine.home().join("pipe");
        let made = tokio::process::Command::new("mkfifo").arg(&pipe).status().await.unwrap();
        assert!(made.success());
        let mut command = setup.command("promote", &["--json"]);
        setup.machine.helper(&mut command, r#"exec 3>"$HOME/pipe"; echo waiting >&3; sleep 1000 & wait"#);
        let child = command.spawn().unwrap();
        let process = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        let mut helper = File::open(&pipe).await.unwrap();
        assert_eq!(helper.read_u8().await.unwrap(), b'w');
        kill_process(process, signal).unwrap();
        let output = child.wait_with_output().await.unwrap();
        let message = object(&output)["error"]["message"].clone();
        assert_eq!(
            (output.status.code(), message),
            (Some(code), json!(format!("stopped by {name}: nothing was written")))
        );
        // The end of the pipe is the end of all who could write to it.
        helper.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(setup.requests(), []);
    }
}
