use std::sync::Arc;

use promotion::{ProgressSnapshot, Promotion};
use registry::AnyRegistry;

/// What a command is doing.
#[derive(Debug, Clone, Default)]
pub(crate) enum Doing {
    /// Nothing that takes long.
    #[default]
    Connecting,
    /// Looking only.
    Surveying,
    /// Pulling what was promoted.
    Pulling,
    /// Promoting.
    Promoting(Arc<Promotion<AnyRegistry, AnyRegistry>>),
}

impl Doing {
    /// Where the promotion stands, if there is one.
    pub(crate) fn moment(&self) -> Option<ProgressSnapshot> {
        match self {
            Self::Promoting(promotion) => Some(promotion.progress().now()),
            Self::Connecting | Self::Surveying | Self::Pulling => None,
        }
    }
}
