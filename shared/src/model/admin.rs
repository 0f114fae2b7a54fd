//! A document of `admins`: who may act for an organization.

use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

use super::{Organization, OrganizationStatus};
use crate::values::PasswordHash;

/// A document of `admins`. It also has numbers that nobody reads: transactions count them up to lock it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Admin {
    #[serde(rename = "_id")]
    pub(crate) id: ObjectId,
    pub(crate) organization_id: ObjectId,
    /// As typed.
    pub(crate) email: String,
    /// Unique; see [`EmailAddress::key`].
    pub(crate) email_key: String,
    pub(crate) password_hash: PasswordHash,
    pub(crate) role: Role,
    pub(crate) status: AdminStatus,
    /// Only sessions of this epoch are alive. The next one begins when all of them are to end; the first one
    /// is not written down.
    #[serde(default, skip_serializing_if = "is_first")]
    pub(crate) session_epoch: i64,
    pub(crate) created_at: DateTime,
    pub(crate) updated_at: DateTime,
}

impl Admin {
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// As typed.
    pub fn email(&self) -> &str {
        &self.email
    }

    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether both are active, and it is the admin's organization.
    pub(crate) fn may_act_for(&self, organization: &Organization) -> bool {
        self.status == AdminStatus::Active
            && self.organization_id == organization.id
            && organization.status == OrganizationStatus::Active
    }
}

fn is_first(epoch: &i64) -> bool {
    *epoch == 0
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Admin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminStatus {
    Active,
    Disabled,
}
