//! Whole promotions through each profile, as source and as target.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

/// A test for each of these profiles, which calls the `promote` that is there.
macro_rules! each_profile {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                promote(profiles::$name()).await;
            }
        )*
    };
}

mod as_source;
mod as_target;
mod content;
mod ecr;
mod images;
mod odd;
mod pulls;
mod setup;
