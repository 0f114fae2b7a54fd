//! The state of an organization.
//!
//! An organization is open while it has no hold and is not deleted. Holds and deletion are independent of each other:
//! lifting a hold restores nothing that was deleted, and restoring lifts no hold. Only operators hold organizations, in
//! the database.

use mongodb::bson::{DateTime, Document};
use serde::{Deserialize, Serialize};

/// Why an organization is closed for a time: `operator` (suspended), `move` (its data is being moved) or `erasure`. Each
/// has a reason, an actor and a time. A hold of any other kind, or with other content, closes the organization as well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Holds(Document);

impl Holds {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the tenant's data is being moved.
    pub fn has_move(&self) -> bool {
        self.0.contains_key("move")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deletion {
    pub by: DeletedBy,
    pub at: DateTime,
    /// It can be restored until then. Afterwards it is purged.
    pub purge_at: DateTime,
    /// When its purge began. From then on it cannot be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_began_at: Option<DateTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeletedBy {
    Owner,
    Operator,
}
