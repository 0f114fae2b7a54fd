//! What a transaction locks. A lock is a write to the document: of two transactions that lock it, the second one to do so
//! fails and is retried, and then sees what the first one wrote.
//!
//! | transaction | locks, in this order |
//! |---|---|
//! | a write to an organization or its memberships | [`LockedOrganization`], then session, account and membership of the caller |
//! | gives an account a membership, ends one, or deletes the account | [`LockedMembership`]: the organizations by ascending id, then the account |
//! | an account's act on itself: password, sessions | the session, then [`LockedAccount`] |
//! | login, refresh | nothing: the session stores the epochs that were read, and with an earlier one it is dead |
//! | a product's transaction on its tenant's data | nothing: it reads session, account, membership and organization again |
//!
//! A write to an organization locks the account too: a logout everywhere and a new password change nothing else that the
//! write would notice.
//!
//! Documents of `organizations`, `admins` and `memberships` are changed only here. So a transaction that locked too little
//! has no value to call the change on.

mod account;
mod membership;
mod organization;
mod session;

pub(crate) use account::{LockedAccount, lock_account_if_exists};
pub(crate) use membership::LockedMembership;
pub(crate) use organization::LockedOrganization;
pub(crate) use session::lock_session;

use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::options::ReturnDocument;
use mongodb::{ClientSession, Collection};
use serde::de::DeserializeOwned;

/// Locks an organization.
fn next_sequence() -> Document {
    doc! { "$inc": { "sequence": 1_i64 } }
}

/// Locks a document that has no other counter.
fn lock() -> Document {
    doc! { "$inc": { "locks": 1_i64 } }
}

/// Changes the document that matches, and so locks it. Returns the changed document; None if no document matches.
async fn change<T: DeserializeOwned + Send + Sync>(
    collection: &Collection<T>,
    matching: Document,
    change: Document,
    transaction: &mut ClientSession,
) -> Result<Option<T>, Error> {
    collection
        .find_one_and_update(matching, change)
        .return_document(ReturnDocument::After)
        .session(transaction)
        .await
}
