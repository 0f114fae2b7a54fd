//! A document of `jobs`: how far a job over all organizations has come.

use serde::{Deserialize, Serialize};

use super::OrganizationId;

/// A document of `jobs`. It exists while a run has not reached the last organization.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JobPosition {
    #[serde(rename = "_id")]
    pub job: String,
    /// The last organization that was visited.
    pub after: OrganizationId,
}
