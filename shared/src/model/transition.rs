//! The transitions between the states of an organization.

use mongodb::bson::{DateTime, Document, doc, serialize_to_bson};

use super::Organization;
use super::organization_state::{DeletedBy, Deletion};

/// A change of an organization's state by the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// By an owner.
    Delete { purge_at: DateTime },
    /// By an owner.
    Restore,
    /// By the purge. One that was interrupted begins again.
    Purge,
}

impl Transition {
    /// The table of transitions, first half: the condition of each.
    pub fn is_allowed(self, organization: &Organization, now: DateTime) -> bool {
        let Organization { holds, deleted, .. } = organization;
        match (self, deleted) {
            (Self::Delete { .. }, None) => holds.is_empty(),
            (Self::Restore, Some(deletion)) => {
                deletion.by == DeletedBy::Owner
                    && deletion.purge_at > now
                    && deletion.purge_began_at.is_none()
            }
            (Self::Purge, Some(deletion)) => deletion.purge_at <= now && !holds.has_move(),
            (Self::Delete { .. }, Some(_)) | (Self::Restore | Self::Purge, None) => false,
        }
    }

    /// The table of transitions, second half: the change of each. A transition that closes an organization ends all its
    /// sessions.
    pub fn change(self, now: DateTime) -> Result<Document, mongodb::bson::error::Error> {
        Ok(match self {
            Self::Delete { purge_at } => {
                let deletion = Deletion {
                    by: DeletedBy::Owner,
                    at: now,
                    purge_at,
                    purge_began_at: None,
                };
                let deleted = serialize_to_bson(&deletion)?;
                doc! { "$set": { "deleted": deleted, "updated_at": now }, "$inc": { "epoch": 1_i64 } }
            }
            Self::Restore => doc! { "$set": { "deleted": null, "updated_at": now } },
            Self::Purge => doc! { "$set": { "deleted.purge_began_at": now } },
        })
    }
}
