//! Who acts, and where: an account, as a member of an organization.

use super::{Account, AccountStatus, Membership, Organization, Role};

/// An account and one of its organizations, as they were read from the database.
#[derive(Clone, Debug)]
pub struct Principal {
    pub(crate) account: Account,
    pub(crate) membership: Membership,
    pub(crate) organization: Organization,
}

impl Principal {
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// The account's role in the organization.
    pub fn role(&self) -> Role {
        self.membership.role
    }

    /// Whether the account is active, the organization open, and the membership that of both.
    pub(crate) fn can_act(&self) -> bool {
        self.account.status == AccountStatus::Active
            && self.membership.account_id == self.account.id
            && self.membership.organization_id == self.organization.id
            && self.organization.is_open()
    }
}
