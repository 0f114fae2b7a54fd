//! An organization that a transaction has locked.

use mongodb::ClientSession;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::Error;

use super::{LockedMembership, change, lock, next_sequence};
use crate::model::{
    Account, AccountId, Event, Membership, Organization, OrganizationId, Transition,
};
use crate::store::Databases;

/// An organization that this transaction has locked, or inserted. No other transaction writes to it, to its memberships
/// or to its state until this one ends.
pub(crate) struct LockedOrganization<'t> {
    databases: &'t Databases,
    transaction: &'t mut ClientSession,
    organization: Organization,
}

impl<'t> LockedOrganization<'t> {
    /// Must be the first statement of the transaction. All statements see the database as it was at the first one, so a later
    /// lock fails if the organization has changed since. None if it does not exist.
    pub async fn lock(
        databases: &'t Databases,
        id: OrganizationId,
        transaction: &'t mut ClientSession,
    ) -> Result<Option<Self>, Error> {
        let own = doc! { "_id": id };
        let locking = change(&databases.organizations, own, next_sequence(), transaction);
        Ok(locking.await?.map(|organization| Self {
            databases,
            transaction,
            organization,
        }))
    }

    /// A new organization.
    pub async fn insert(
        databases: &'t Databases,
        organization: &Organization,
        transaction: &'t mut ClientSession,
    ) -> Result<Self, Error> {
        let inserting = databases.organizations.insert_one(organization);
        inserting.session(&mut *transaction).await?;
        Ok(Self {
            databases,
            transaction,
            organization: organization.clone(),
        })
    }

    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// For other statements of the transaction.
    pub fn transaction(&mut self) -> &mut ClientSession {
        self.transaction
    }

    pub async fn update(&mut self, update: Document) -> Result<(), Error> {
        let own = doc! { "_id": self.organization.id };
        let organizations = &self.databases.organizations;
        if let Some(updated) = change(organizations, own, update, self.transaction).await? {
            self.organization = updated;
        }
        Ok(())
    }

    /// Changes the organization's state. Returns false if the table of transitions does not allow it.
    pub async fn apply(&mut self, transition: Transition, now: DateTime) -> Result<bool, Error> {
        if !transition.is_allowed(&self.organization, now) {
            return Ok(false);
        }
        self.update(transition.change(now)?).await?;
        Ok(true)
    }

    /// The membership of the account, locked as well.
    pub async fn lock_membership(
        &mut self,
        account: AccountId,
    ) -> Result<Option<Membership>, Error> {
        let own = doc! { "organization_id": self.organization.id, "account_id": account };
        change(&self.databases.memberships, own, lock(), self.transaction).await
    }

    /// Inserts a new account, which can then get a membership.
    pub async fn insert_account(
        &mut self,
        account: &Account,
    ) -> Result<LockedMembership<'_>, Error> {
        let inserting = self.databases.accounts.insert_one(account);
        inserting.session(&mut *self.transaction).await?;
        let organizations = [self.organization.id].into();
        let (databases, transaction) = (self.databases, &mut *self.transaction);
        Ok(LockedMembership::new(
            databases,
            organizations,
            account.id,
            transaction,
        ))
    }

    /// Deletes the organization, and the memberships that are left of it. Returns how many those were.
    pub async fn delete(self) -> Result<u64, Error> {
        let (databases, id) = (self.databases, self.organization.id);
        let memberships = doc! { "organization_id": id };
        let deleting = databases.memberships.delete_many(memberships);
        let left = deleting.session(&mut *self.transaction).await?;
        let deleting = databases.organizations.delete_one(doc! { "_id": id });
        deleting.session(&mut *self.transaction).await?;
        Ok(left.deleted_count)
    }

    /// Appends an event to the organization's trail.
    pub async fn append(&mut self, event: Event) -> Result<(), Error> {
        let event = event
            .concerning(vec![self.organization.id])
            .with_sequence(self.organization.sequence);
        self.databases.append(&event, self.transaction).await
    }
}
