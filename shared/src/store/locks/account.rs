//! An account that a transaction has locked.

use mongodb::ClientSession;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::Error;

use super::{change, lock};
use crate::model::{Account, AccountId, Event, MailContent, OutboxMessage};
use crate::store::Databases;

/// Locks the account. Returns whether it exists.
pub(crate) async fn lock_account_if_exists(
    databases: &Databases,
    id: AccountId,
    transaction: &mut ClientSession,
) -> Result<bool, Error> {
    let locking = databases.accounts.update_one(doc! { "_id": id }, lock());
    Ok(locking.session(transaction).await?.matched_count == 1)
}

/// An account that this transaction has locked. Its password, its epoch and the set of its memberships do not change until
/// the transaction ends.
pub(crate) struct LockedAccount<'t> {
    databases: &'t Databases,
    transaction: &'t mut ClientSession,
    account: Account,
}

impl<'t> LockedAccount<'t> {
    /// None if it does not exist.
    pub async fn lock(
        databases: &'t Databases,
        id: AccountId,
        transaction: &'t mut ClientSession,
    ) -> Result<Option<Self>, Error> {
        let own = doc! { "_id": id };
        let account = change(&databases.accounts, own, lock(), transaction).await?;
        Ok(account.map(|account| Self {
            databases,
            transaction,
            account,
        }))
    }

    pub fn account(&self) -> &Account {
        &self.account
    }

    pub fn into_account(self) -> Account {
        self.account
    }

    /// For other statements of the transaction.
    pub fn transaction(&mut self) -> &mut ClientSession {
        self.transaction
    }

    pub async fn update(&mut self, update: Document) -> Result<(), Error> {
        let own = doc! { "_id": self.account.id };
        let accounts = &self.databases.accounts;
        if let Some(updated) = change(accounts, own, update, self.transaction).await? {
            self.account = updated;
        }
        Ok(())
    }

    /// Writes a notice to the account's verified address into the outbox. Without one it writes nothing.
    pub async fn notify(&mut self, content: MailContent, now: DateTime) -> Result<(), Error> {
        match OutboxMessage::notice(&self.account, content, now) {
            Some(notice) => self.databases.enqueue(&notice, self.transaction).await,
            None => Ok(()),
        }
    }

    /// Appends an event to the trails of all organizations of the account.
    pub async fn append(&mut self, event: Event) -> Result<(), Error> {
        let id = self.account.id;
        let organizations = self
            .databases
            .organizations_of(id, self.transaction)
            .await?;
        let event = event.concerning(organizations);
        self.databases.append(&event, self.transaction).await
    }
}
