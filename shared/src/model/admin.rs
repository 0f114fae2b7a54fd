//! A document of `admins`: a person who may act for an organization.

use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};

use super::{AdminId, Organization, OrganizationId, OrganizationStatus};
use crate::values::PasswordHash;

/// A document of `admins`. It also has counters that nothing reads: transactions increment them to lock the document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Admin {
    #[serde(rename = "_id")]
    pub(crate) id: AdminId,
    pub(crate) organization_id: OrganizationId,
    /// As typed.
    pub(crate) email: String,
    /// Unique; see [`EmailAddress::key`](crate::values::EmailAddress::key).
    pub(crate) email_key: String,
    pub(crate) password_hash: PasswordHash,
    pub(crate) role: Role,
    pub(crate) status: AdminStatus,
    /// Only sessions of the current epoch are alive. Revoking all sessions begins the next one. Epoch 0 is not stored.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) session_epoch: i64,
    pub(crate) created_at: DateTime,
    pub(crate) updated_at: DateTime,
}

impl Admin {
    pub fn id(&self) -> AdminId {
        self.id
    }

    /// As typed.
    pub fn email(&self) -> &str {
        &self.email
    }

    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether admin and organization are active, and the admin belongs to the organization.
    pub(crate) fn may_act_for(&self, organization: &Organization) -> bool {
        self.status == AdminStatus::Active
            && self.organization_id == organization.id
            && organization.status == OrganizationStatus::Active
    }
}

fn is_zero(epoch: &i64) -> bool {
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
