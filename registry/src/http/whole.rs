use bytes::Bytes;
use promotion::Error;
use reqwest::Response;

use super::client::{Client, within};
use super::request_url::RequestUrl;
use super::transport::{timed_out, transport};

impl Client {
    /// The whole body of an answer, or how much there was of it when it turned out longer than it may be.
    pub(crate) async fn read_whole(
        &self,
        mut response: Response,
        doing: &str,
        url: &RequestUrl,
        most: usize,
    ) -> Result<Result<Bytes, usize>, Error> {
        let reading = async {
            let mut raw = Vec::new();
            while let Some(piece) = response.chunk().await.map_err(|error| transport(error, doing, url))? {
                raw.extend_from_slice(&piece);
                if raw.len() > most {
                    return Ok(Err(raw.len()));
                }
            }
            Ok(Ok(Bytes::from(raw)))
        };
        within(self.timeouts().answer, reading).await.unwrap_or_else(|timeout| Err(timed_out(timeout, doing, url)))
    }
}
