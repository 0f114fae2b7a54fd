//! Admins: who may act for an organization, and how they prove it.

mod email;
mod hasher;
mod login;
mod password;
mod password_hash;

use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

pub use email::EmailAddress;
pub use hasher::Hasher;
pub use login::{Credentials, log_in};
pub use password::{Password, PasswordPolicy};
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
    pub created_at: DateTime,
    pub updated_at: DateTime,
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
