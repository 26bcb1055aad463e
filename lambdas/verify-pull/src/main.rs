//! Proves that a release can be pulled from every target, with a role that may only read.

mod handler;

#[tokio::main]
async fn main() -> Result<(), promotion::Error> {
    invocation::serve("verify-pull", handler::handle).await
}
