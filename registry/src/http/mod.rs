//! The HTTP of the OCI distribution specification, without a word of ECR.

use promotion::Error;

/// The bytes of a blob as they arrive.
#[derive(Debug)]
pub struct Blob;
impl futures_util::Stream for Blob {
    type Item = Result<bytes::Bytes, Error>;
    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        todo!()
    }
}
