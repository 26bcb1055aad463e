//! Whole promotions through each profile, as source and as target.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod as_source;
mod as_target;
mod content;
mod ecr;
mod images;
mod odd;
mod pulls;
mod setup;
