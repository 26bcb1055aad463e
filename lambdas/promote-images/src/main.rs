//! Copies the images of a release, by digest, to every target account and region, and tags them once all of them are there.

mod answer;
mod handler;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    invocation::serve("promote-images", handler::handle).await
}
