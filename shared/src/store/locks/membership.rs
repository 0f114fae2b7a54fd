//! Organizations and an account whose memberships a transaction changes.

use std::collections::BTreeSet;

use mongodb::ClientSession;
use mongodb::bson::{DateTime, doc};
use mongodb::error::Error;

use super::{lock_account_if_exists, next_sequence};
use crate::model::{AccountId, Membership, OrganizationId, Role};
use crate::store::Databases;

/// Organizations and an account that this transaction has locked, in this order. It may give the account a membership,
/// end one, or delete the account.
pub(crate) struct LockedMembership<'t> {
    databases: &'t Databases,
    transaction: &'t mut ClientSession,
    organizations: BTreeSet<OrganizationId>,
    account: AccountId,
}

impl<'t> LockedMembership<'t> {
    /// `organizations` and `account` are locked already.
    pub(super) fn new(
        databases: &'t Databases,
        organizations: BTreeSet<OrganizationId>,
        account: AccountId,
        transaction: &'t mut ClientSession,
    ) -> Self {
        Self {
            databases,
            transaction,
            organizations,
            account,
        }
    }

    /// Locks the organizations by ascending id, then the account. Those that do not exist are left out, because a purge
    /// repeats its steps.
    pub async fn lock(
        databases: &'t Databases,
        organizations: BTreeSet<OrganizationId>,
        account: AccountId,
        transaction: &'t mut ClientSession,
    ) -> Result<Self, Error> {
        for id in &organizations {
            let organizations = &databases.organizations;
            let locking = organizations.update_one(doc! { "_id": *id }, next_sequence());
            locking.session(&mut *transaction).await?;
        }
        lock_account_if_exists(databases, account, transaction).await?;
        Ok(Self::new(databases, organizations, account, transaction))
    }

    /// Gives the account a membership in each of the organizations.
    pub async fn insert(&mut self, role: Role, now: DateTime) -> Result<(), Error> {
        for id in &self.organizations {
            let membership = Membership::new(*id, self.account, role, now);
            let inserting = self.databases.memberships.insert_one(membership);
            inserting.session(&mut *self.transaction).await?;
        }
        Ok(())
    }

    /// Ends the account's memberships in the organizations. Returns how many it ended.
    pub async fn end(&mut self) -> Result<u64, Error> {
        let mut ended = 0;
        for id in &self.organizations {
            let own = doc! { "organization_id": *id, "account_id": self.account };
            let ending = self.databases.memberships.delete_one(own);
            let deleted = ending.session(&mut *self.transaction).await?;
            ended += deleted.deleted_count;
        }
        Ok(ended)
    }

    /// Whether the account has a membership in any organization, deleted and held ones included.
    pub async fn has_any(&mut self) -> Result<bool, Error> {
        let own = doc! { "account_id": self.account };
        let memberships = &self.databases.memberships;
        let counting = memberships.count_documents(own).limit(1);
        Ok(counting.session(&mut *self.transaction).await? > 0)
    }

    /// Deletes the account, its sessions and its one-time tokens. Returns false if there is no such account.
    pub async fn delete_account(&mut self) -> Result<bool, Error> {
        let Self {
            databases, account, ..
        } = *self;
        let deleting = databases
            .sessions
            .delete_many(doc! { "account_id": account });
        deleting.session(&mut *self.transaction).await?;
        let deleting = databases
            .one_time_tokens
            .delete_many(doc! { "account_id": account });
        deleting.session(&mut *self.transaction).await?;
        let deleting = databases.accounts.delete_one(doc! { "_id": account });
        let deleted = deleting.session(&mut *self.transaction).await?;
        Ok(deleted.deleted_count == 1)
    }
}
