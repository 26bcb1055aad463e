//! Holds `docs/semantics.md` to the code: every example in it is run, and every section has one or says why it cannot.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod content;
mod document;
mod expect;
mod links;
#[path = "../memory/mod.rs"]
mod memory;
mod scenario;
mod world;

use bytes::Bytes;
use document::{Block, sections};
use oci::Manifest;
use promotion::{Name, Release};

const SEMANTICS: &str = include_str!("../../../docs/semantics.md");
const REFERENCE: &str = include_str!("../../../docs/reference.md");

/// Runs the examples of a document. What does not hold, each with its line.
async fn check(document: &str) -> Vec<String> {
    let sections = sections(document);
    let mut problems = Vec::new();
    for (at, section) in sections.iter().enumerate() {
        let is_parent = sections.get(at + 1).is_some_and(|next| next.level > section.level);
        if section.blocks.is_empty() && section.table().is_empty() && !is_parent && !section.is_excused() {
            problems.push(format!("line {}: \"{}\" has no example", section.line, section.title));
        }
        let mut blocks = section.blocks.iter().peekable();
        while let Some(block) = blocks.next() {
            let held = match block.kind.as_str() {
                "scenario" => scenario::run(block).await,
                "json deploy-manifest" => {
                    let read = Release::parse(block.text.as_bytes()).map(drop);
                    let read = read.map_err(|error| (error.name().to_string(), error.to_string()));
                    compare(read, blocks.next_if(|next| next.kind == "text InvalidManifest"))
                }
                "json image-manifest" => {
                    let read = Manifest::parse(Bytes::from(block.text.clone()), None).map(drop);
                    let read = read.map_err(|error| ("refusal".to_owned(), error.to_string()));
                    compare(read, blocks.next_if(|next| next.kind == "text refusal"))
                }
                kind => Err(format!("nothing knows how to run a block of the kind {kind:?}")),
            };
            problems.extend(held.err().map(|why| format!("line {}: {why}", block.line)));
        }
    }
    problems
}

/// Reading the first block must end as the second says, or well if there is none.
fn compare(read: Result<(), (String, String)>, expected: Option<&Block>) -> Result<(), String> {
    let expected = expected.map_or(Ok(()), |block| {
        let name = block.kind.split(' ').next_back().unwrap_or_default();
        Err((name.to_owned(), block.text.trim_end().to_owned()))
    });
    if read == expected { Ok(()) } else { Err(format!("expected {expected:?}, got {read:?}")) }
}

#[tokio::test(start_paused = true)]
async fn every_example_holds() {
    let problems = check(SEMANTICS).await;
    assert!(problems.is_empty(), "docs/semantics.md:\n{}", problems.join("\n"));
}

#[test]
fn the_tables_of_error_names_are_that_of_the_code() {
    let table = |document: &str, title: &str| -> Vec<[String; 3]> {
        let sections = sections(document);
        let table = sections.iter().find(|section| section.title == title).unwrap().table();
        let cell =
            |row: &[&str], at: usize| row.get(at).map(|cell| cell.trim_matches('`').to_owned()).unwrap_or_default();
        table.iter().map(|row| [0, 1, 2].map(|at| cell(row, at))).collect()
    };
    let explained: Vec<_> = table(SEMANTICS, "Error names").into_iter().map(|[name, when, _]| (name, when)).collect();
    assert_eq!(explained, Name::ALL.map(|name| (name.to_string(), name.explain().to_owned())));
    let advice = table(REFERENCE, "Errors");
    assert_eq!(advice.iter().map(|[name, ..]| name).collect::<Vec<_>>(), Name::ALL.map(Name::as_str));
    assert!(advice.iter().all(|[_, again, what]| !again.is_empty() && !what.is_empty()));
}

#[test]
fn the_releases_in_the_reference_are_accepted() {
    let sections = sections(REFERENCE);
    let blocks =
        sections.iter().flat_map(|section| &section.blocks).filter(|block| block.kind == "json deploy-manifest");
    let read: Vec<_> = blocks.map(|block| Release::parse(block.text.as_bytes())).collect();
    assert!(!read.is_empty() && read.iter().all(Result::is_ok), "{read:?}");
}

#[test]
fn links_lead_somewhere() {
    let documents = links::documents();
    assert!(documents.len() > 10, "{documents:?}");
    let broken: Vec<_> = documents.iter().flat_map(|document| links::broken(document)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The runner itself: what is not so has to be noticed.
#[tokio::test(start_paused = true)]
async fn an_example_that_is_false_is_noticed() {
    let world = "source api:1 = image(base)\ntarget one api\n";
    let scenario = |lines: &str| format!("## A\n```scenario\n{world}{lines}\n```\n");
    let holds = scenario("promote api:1\nsucceeds\none has api:1\none calls put_blob 2\nreport one blobs_copied 2");
    assert_eq!(check(&holds).await, Vec::<String>::new());
    for (document, noticed) in [
        ("## A\nProse alone.".to_owned(), "has no example"),
        ("## A\n```python\n```".to_owned(), "nothing knows how to run"),
        ("## A\n```json deploy-manifest\n{}\n```".to_owned(), "missing field `images`"),
        ("## A\n```json image-manifest\n{}\n```".to_owned(), "it is not a manifest"),
        (scenario("promote api:1\nfails TagConflict\n  …"), "it succeeded"),
        (scenario("promote api:2\nsucceeds"), "SourceImageNotFound"),
        (scenario("promote api:2\nfails TagConflict\n  …"), "SourceImageNotFound"),
        (scenario("promote api:2\nfails SourceImageNotFound\n  api:2 is here…"), "api:2 is not in source"),
        (scenario("promote api:2\nfails SourceImageNotFound"), "the message is left out"),
        (scenario("promote api:1\nsucceeds\none has nothing"), "its tags are"),
        (scenario("promote api:1\nsucceeds\none has api:1=image(other)"), "its tags are"),
        (scenario("stage api:1\nsucceeds\none has api:1"), "its tags are"),
        (scenario("promote api:1\nsucceeds\none calls put_blob 3"), "2 calls"),
        (scenario("promote api:1\nsucceeds\none calls tag before put_blob"), "comes after"),
        (scenario("promote api:1\nsucceeds\nreport one blobs_copied 1"), "it is 2"),
        (scenario("promote api:1\npromote api:1\nsucceeds"), "how did the one before end"),
        (scenario("promote api:1"), "how did it end"),
        (scenario("promote api:1\nsucceeds\none calls sing 0"), "no kind of call"),
        (scenario("one sings"), "no such line"),
    ] {
        let problems = check(&document).await;
        assert!(problems.len() == 1 && problems[0].contains(noticed), "{document}\n{noticed}\n{problems:?}");
    }
}
