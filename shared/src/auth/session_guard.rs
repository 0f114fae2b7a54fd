//! What an authenticated admin writes: the transaction begins by asking again whether the admin still may.
//!
//! A request can take seconds from the check of its token to its writes, for the hash of a password say.
//! Meanwhile its session may end, and whoever ended it was told that it has.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;
use tokio::time::Instant;

use super::{AuthenticatedAdmin, PasswordConfirmed};
use crate::model::Admin;
use crate::mongo::{Transaction, TransactionError, run_transaction};
use crate::problem::Problem;
use crate::store::{Databases, lock_admin};

impl AuthenticatedAdmin {
    /// Runs `transaction`, if the session is alive when it is committed.
    pub(crate) async fn write<T: Transaction>(
        &self,
        databases: &Databases,
        deadline: Instant,
        transaction: &T,
    ) -> Result<T::Output, TransactionError> {
        let authorized = Authorized {
            databases,
            caller: self,
            password_confirmed: false,
            transaction,
        };
        run_transaction(&databases.client, deadline, &authorized).await
    }
}

impl PasswordConfirmed<'_> {
    /// Runs `transaction`, if the session is alive and the confirmed password the admin's when it is committed.
    pub(crate) async fn write<T: Transaction>(
        &self,
        databases: &Databases,
        deadline: Instant,
        transaction: &T,
    ) -> Result<T::Output, TransactionError> {
        let authorized = Authorized {
            databases,
            caller: self.caller(),
            password_confirmed: true,
            transaction,
        };
        run_transaction(&databases.client, deadline, &authorized).await
    }
}

struct Authorized<'a, T> {
    databases: &'a Databases,
    caller: &'a AuthenticatedAdmin,
    password_confirmed: bool,
    transaction: &'a T,
}

impl<T: Transaction> Transaction for Authorized<'_, T> {
    type Output = T::Output;

    async fn run(&self, session: &mut ClientSession) -> Result<T::Output, Error> {
        let admin = self.still_active(session).await?;
        let admin = admin.ok_or_else(|| Error::custom(Problem::not_active()))?;
        // Of all that begins an epoch, only a new password that is set in this very session leaves it alive.
        let same_epoch = admin.session_epoch == self.caller.admin().session_epoch;
        if self.password_confirmed && !same_epoch {
            return Err(Error::custom(Problem::wrong_password()));
        }
        self.transaction.run(session).await
    }
}

impl<T> Authorized<'_, T> {
    /// The admin as it is now, if its session, it and its organization are active.
    async fn still_active(&self, session: &mut ClientSession) -> Result<Option<Admin>, Error> {
        let databases = self.databases;
        // Locked as the admin is: of this transaction and one that ends the session, one comes first.
        let written = doc! { "$inc": { "writes": 1_i64 } };
        let caller_session = doc! { "_id": self.caller.session_id() };
        let caller_session = databases
            .sessions
            .find_one_and_update(caller_session, written);
        let caller_session = caller_session.session(&mut *session).await?;
        let admin = lock_admin(databases, self.caller.admin().id, session).await?;
        let organization = doc! { "_id": self.caller.organization().id };
        let organization = databases.organizations.find_one(organization);
        let organization = organization.session(session).await?;
        let (Some(admin), Some(organization), Some(caller_session)) =
            (admin, organization, caller_session)
        else {
            return Ok(None);
        };
        let active = admin.may_act_for(&organization)
            && caller_session.is_alive(&admin, databases.clock.now());
        Ok(active.then_some(admin))
    }
}
