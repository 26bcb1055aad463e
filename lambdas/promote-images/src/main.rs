//! Copies the images of a release, by digest, to every target account and region, and tags them once all of them are
//! there.

mod handler;
mod output;

#[tokio::main]
async fn main() -> Result<(), promotion::Error> {
    invocation::serve("promote-images", handler::handle).await
}
