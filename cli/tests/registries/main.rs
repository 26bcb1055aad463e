//! The program between registries of the distribution specification that share no code with it, judged by skopeo.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod bad_input;
mod budgets;
mod copies;
mod interrupt;
mod lies;
mod login_costs;
mod logins;
mod output;
mod races;
mod referrers;
mod repeated;
mod setup;
mod telling;
mod together;
