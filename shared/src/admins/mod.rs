//! Admins: who may act for an organization, and how they prove it.

mod authentication;
mod email;
mod hasher;
mod password;
mod password_change;
mod password_hash;

use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

pub use authentication::{Credentials, log_in};
pub(crate) use authentication::{authenticate, confirm_password};
pub use email::EmailAddress;
pub use hasher::Hasher;
pub use password::{Password, PasswordPolicy};
pub use password_change::change_password;
pub use password_hash::PasswordHash;

/// A document of `admins`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Admin {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub organization_id: ObjectId,
    /// As typed.
    pub email: String,
    /// Unique; see [`EmailAddress::key`].
    pub email_key: String,
    pub password_hash: PasswordHash,
    pub role: Role,
    pub status: AdminStatus,
    /// Only sessions of this epoch are alive. The next one begins when all of them are to end; the first one
    /// is not written down.
    #[serde(default, skip_serializing_if = "is_first")]
    pub session_epoch: i64,
    pub created_at: DateTime,
    pub updated_at: DateTime,
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
