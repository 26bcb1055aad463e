//! The registry in memory, on which the engine is tested, is held to the same rules as a real one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod memory;

use memory::Memory;
use promotion::Mounting;

#[tokio::test]
async fn memory_conforms() {
    for mounting in [Mounting::Never, Mounting::Referenced, Mounting::Any] {
        let memory = Memory::new("memory", &["app", "sibling"]);
        memory.state().mounting = mounting;
        let [app, sibling, missing] = ["app", "sibling", "missing"].map(|name| name.parse().unwrap());
        promotion::conformance::all(&memory, &app, &sibling, Some(&missing)).await;
    }
}
