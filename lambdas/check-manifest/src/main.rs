//! Pins the images of a release to digests, and looks in the source and in every target for what would fail later. It
//! writes nothing to any registry.

mod expiry;
mod handler;
mod stack;

#[tokio::main]
async fn main() -> Result<(), promotion::Error> {
    invocation::serve("check-manifest", handler::handle).await
}
