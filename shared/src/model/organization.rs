//! A document of `organizations`: a tenant.

use mongodb::bson::{Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};

use super::OrganizationId;
use crate::values::CollectionName;

/// A document of `organizations`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Organization {
    #[serde(rename = "_id")]
    pub id: OrganizationId,
    /// As typed, see [`OrganizationName`](crate::values::OrganizationName).
    pub name: String,
    /// Unique; see [`OrganizationName::key`](crate::values::OrganizationName::key).
    pub name_key: String,
    /// Unique, and never changed.
    pub collection_name: CollectionName,
    pub status: OrganizationStatus,
    pub created_at: DateTime,
    pub updated_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime>,
    /// A deleted organization can be restored until then. Afterwards it is purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_at: Option<DateTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationStatus {
    Active,
    /// By an operator.
    Suspended,
    /// By its admin, who can restore it until `purge_at`.
    Deleted,
    /// Its data is being removed.
    Purging,
}

impl OrganizationStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
            Self::Purging => "purging",
        }
    }
}

impl From<OrganizationStatus> for Bson {
    fn from(status: OrganizationStatus) -> Self {
        Self::String(status.as_str().to_owned())
    }
}

/// A change of an organization's status by the service. Only operators suspend organizations, in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    Delete,
    Restore,
    Purge,
}

impl Transition {
    /// The table of transitions: the statuses that it can begin from, and the one that it leads to.
    const fn row(self) -> (&'static [OrganizationStatus], OrganizationStatus) {
        use OrganizationStatus::{Active, Deleted, Purging};
        match self {
            Self::Delete => (&[Active], Deleted),
            Self::Restore => (&[Deleted], Active),
            // A purge that was interrupted starts again.
            Self::Purge => (&[Deleted, Purging], Purging),
        }
    }

    /// The condition on `status` under which the transition can begin.
    pub fn from(self) -> Document {
        let from = self.row().0.iter().copied().map(Bson::from);
        doc! { "$in": from.collect::<Vec<_>>() }
    }

    /// The status afterwards.
    pub const fn to(self) -> OrganizationStatus {
        self.row().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_stored_as_it_is_read() {
        use OrganizationStatus::{Active, Deleted, Purging, Suspended};
        for status in [Active, Suspended, Deleted, Purging] {
            let stored = mongodb::bson::serialize_to_bson(&status).unwrap();
            assert_eq!(stored, Bson::from(status));
        }
    }

    #[test]
    fn a_transition_begins_from_the_statuses_of_its_row() {
        assert_eq!(Transition::Delete.from(), doc! { "$in": ["active"] });
        assert_eq!(Transition::Restore.from(), doc! { "$in": ["deleted"] });
        assert_eq!(
            Transition::Purge.from(),
            doc! { "$in": ["deleted", "purging"] }
        );
        assert_eq!(Transition::Purge.to(), OrganizationStatus::Purging);
    }
}
