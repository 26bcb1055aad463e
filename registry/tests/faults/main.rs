//! The fault matrix: every kind of request that a promotion sends, with everything that can go wrong with it, once and
//! always. The outcome is success or one named error; after a success all is there byte for byte, after an error no tag
//! stands on what is not whole, and the next run finishes. `docs/faults.md` is what this saw;
//! `TRANSSHIP_WRITE_FAULTS=1` writes it anew.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod case;
mod distribution;
mod ecr;
mod fault_kinds;
mod foreign;
mod images;
#[path = "../support/sdk.rs"]
mod sdk;
mod setup;
mod table;

use std::path::Path;
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use tokio::runtime::Runtime;

use crate::distribution::Distributions;
use crate::ecr::Doubles;
use crate::fault_kinds::FAULT_KINDS;
use crate::foreign::Foreign;
use crate::setup::{RequestKind, Setups};
use crate::table::Table;

/// Cells at a time: of those that wait, and of those that work.
const WAITING: usize = 48;
const WORKING: usize = 12;

#[test]
fn every_request_meets_every_fault() {
    let begin = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let foreign = Foreign::start();
    let mut text = table::opening();
    text += &matrix("Between ECR registries", &Doubles::new(), &foreign, &runtime);
    let distributions = Distributions::start();
    text += &matrix("Between registries of the distribution specification", &distributions, &foreign, &runtime);
    println!("{:.0} seconds", begin.elapsed().as_secs_f64());
    foreign.assert_was_told_nothing();
    table::compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/faults.md"), &text);
}

/// Runs all cells of one kind of registry, and tells what came of them.
fn matrix(title: &str, setups: &impl Setups, foreign: &Foreign, runtime: &Runtime) -> String {
    let request_kinds = runtime.block_on(RequestKind::discover(setups));
    let pairs: Vec<_> = request_kinds
        .iter()
        .flat_map(|request_kind| FAULT_KINDS.iter().map(move |fault_kind| (request_kind, fault_kind)))
        .collect();
    let run = |waits: bool, at_once: usize| {
        let share = pairs.iter().filter(move |(_, fault_kind)| fault_kind.waits == waits);
        let running =
            stream::iter(share).map(|(request_kind, fault_kind)| case::pair(request_kind, fault_kind, setups, foreign));
        runtime.block_on(running.buffered(at_once).collect::<Vec<_>>())
    };
    let seen: Vec<_> = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| run(true, WAITING));
        let working = run(false, WORKING);
        waiting.join().unwrap().into_iter().chain(working).flatten().collect()
    });
    println!("{title}: {} kinds of request, {} cells", request_kinds.len(), seen.len());
    let wrong: Vec<_> = seen.iter().filter_map(|(_, outcome)| outcome.as_ref().err().map(String::as_str)).collect();
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
    let table: Table<'_> = seen.into_iter().filter_map(|(case, outcome)| Some((case, outcome.ok()?))).collect();
    format!("\n## {title}\n{}", table.text(&request_kinds))
}
