//! Pulls a release from its targets as those would who run it, to prove that they can.

mod consumer;
mod fault;
mod pull;

pub use consumer::Consumer;
pub use pull::{Pulled, pull};
