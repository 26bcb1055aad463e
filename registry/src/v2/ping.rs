use http::Method;

use crate::http::{AuthorizedClient, Failure, Party};

impl AuthorizedClient {
    /// Asks a registry only whether it is one (section "Determining Support" of the distribution specification).
    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        self.get(Method::GET, self.at("/v2/"), "asking", Party::Elsewhere, |request| request).await.map(drop)
    }
}
