//! A document of `memberships`: an account's place in an organization.

use mongodb::bson::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AccountId, MembershipId, OrganizationId};

/// A document of `memberships`. An account has at most one in an organization. It also has a counter that nothing
/// reads: transactions increment it to lock the document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Membership {
    /// A new one each time the account joins. Sessions name it, so none of an earlier membership revives.
    #[serde(rename = "_id")]
    pub(crate) id: MembershipId,
    pub(crate) organization_id: OrganizationId,
    pub(crate) account_id: AccountId,
    pub(crate) role: Role,
    /// Roles that a product defines.
    pub(crate) product_roles: Vec<String>,
    pub(crate) created_at: DateTime,
    pub(crate) updated_at: DateTime,
}

/// What a member may do in the organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Created the organization, or was made an owner. An organization has at least one.
    Owner,
    Admin,
    Member,
}

impl Membership {
    pub(crate) fn new(
        organization_id: OrganizationId,
        account_id: AccountId,
        role: Role,
        now: DateTime,
    ) -> Self {
        Self {
            id: MembershipId::generate(),
            organization_id,
            account_id,
            role,
            product_roles: Vec::new(),
            created_at: now,
            updated_at: now,
        }
    }
}
