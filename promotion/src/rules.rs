//! The rules: each a function of a survey, without I/O, that returns all it finds.

mod blob_sizes;
mod immutable_tags;
mod platforms;
mod referrer_lists;

use crate::Survey;
use crate::findings::Finding;

/// What breaks a rule, in the order in which it is reported.
pub(crate) fn judge(survey: &Survey) -> Vec<Finding> {
    [immutable_tags::judge, referrer_lists::judge, platforms::judge, blob_sizes::judge]
        .into_iter()
        .flat_map(|judge| judge(survey))
        .collect()
}
