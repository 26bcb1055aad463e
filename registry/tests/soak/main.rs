//! Large releases to many targets, one after the other in one process, while requests fail at random: everything
//! arrives, and nothing stays behind in the process.
//!
//! The client is a process of its own, this same program again, so that what it holds is its own; the double of ECR is
//! in this one. Run with `full` it promotes 1,000 images to 10 targets (`make soak`), without it some to a few.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod client;
#[path = "../support/sdk.rs"]
mod sdk;
mod stage;

use stage::Stage;

/// How large a soak is.
#[derive(Clone, Copy)]
struct Size {
    images: usize,
    targets: usize,
}

const SOME: Size = Size { images: 60, targets: 3 };
const FULL: Size = Size { images: 1_000, targets: 10 };

/// What may be left of the memory of one release when the next has ended, beside what the second one left: room for
/// what an allocator keeps here and there, far below what a single release takes when it is not given back. It is the
/// second that counts, because the allocator settles with the first two: of nine releases of 400 images to 10 targets
/// the first left 52 MiB, the second 57 and the last 59.
const SLACK: u64 = 8 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["client", endpoint, targets @ ..] => client::run(endpoint, targets),
        words => soak(if words.contains(&"full") { FULL } else { SOME }),
    }
}

fn soak(size: Size) {
    let stage = Stage::set(size);
    let rounds = stage.promote();
    for round in &rounds {
        println!(
            "{} images to {} targets: {} requests, {} of them failed; {} MiB at the end, {} MiB at most, {} tasks and {} descriptors",
            size.images,
            size.targets,
            round.requests,
            round.failed,
            round.memory >> 20,
            round.peak >> 20,
            round.tasks,
            round.descriptors
        );
    }
    stage.assert_everything_arrived();
    let [first, second, later @ ..] = rounds.as_slice() else { panic!("{} rounds", rounds.len()) };
    for round in &rounds {
        assert!(round.failed > 0, "no request failed");
        assert_eq!(round.tasks, 0, "tasks are left");
        assert_eq!(round.descriptors, first.descriptors, "descriptors are left");
    }
    for round in later {
        assert!(
            round.memory <= second.memory + SLACK,
            "{} and {} bytes of memory are left",
            second.memory,
            round.memory
        );
        assert!(round.peak <= second.peak + SLACK, "{} and {} bytes of memory were taken", second.peak, round.peak);
    }
}
