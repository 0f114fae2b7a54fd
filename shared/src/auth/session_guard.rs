//! Transactions of a caller. They begin with a second check of the caller.
//!
//! Between the check of its token and its writes a request may take seconds, for example for a password hash. Meanwhile
//! another request may have ended the session, and its client may already have the response.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;

use super::{Caller, Reauthenticated};
use crate::model::Admin;
use crate::mongo::{Scope, TransactionError, Writes};
use crate::problem::Problem;
use crate::store::{lock_admin, lock_session};

impl Caller {
    /// Runs a transaction that commits only if the session is still alive.
    pub(crate) async fn transaction<'env, T>(
        &'env self,
        run: impl for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, Problem>
        + Send
        + Sync
        + 'env,
    ) -> Result<T, Problem> {
        guarded(self, Check::Session, run).await
    }
}

impl Reauthenticated<'_> {
    /// Runs a transaction that commits only if the session is still alive and the password is still the same.
    pub(crate) async fn transaction<'env, T>(
        &'env self,
        run: impl for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, Problem>
        + Send
        + Sync
        + 'env,
    ) -> Result<T, Problem> {
        guarded(self.caller(), Check::SessionAndPassword, run).await
    }
}

/// The extent of the second check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Session,
    SessionAndPassword,
}

async fn guarded<'env, T>(
    caller: &'env Caller,
    check: Check,
    run: impl for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, Problem>
    + Send
    + Sync
    + 'env,
) -> Result<T, Problem> {
    caller
        .request()
        .transaction(|transaction, _: Scope<'_, '_>| {
            Box::pin(async {
                let admin = check_again(caller, transaction).await?;
                // If the epoch changed and the session is still alive, the password was changed in this session. Then
                // the confirmed password is the old one.
                let is_same_epoch = admin.session_epoch == caller.admin().session_epoch;
                if check == Check::SessionAndPassword && !is_same_epoch {
                    return Err(Problem::wrong_password().into());
                }
                run(transaction, Scope::new()).await
            })
        })
        .await
}

/// The admin as it is now. Aborts the transaction unless session, admin and organization are active.
async fn check_again(
    caller: &Caller,
    transaction: &mut ClientSession,
) -> Result<Admin, TransactionError<Problem>> {
    let admin = active_admin(caller, transaction).await?;
    Ok(admin.ok_or_else(Problem::not_active)?)
}

async fn active_admin(
    caller: &Caller,
    transaction: &mut ClientSession,
) -> Result<Option<Admin>, Error> {
    let databases = caller.databases();
    // Locked: this transaction and one that ends the session run one after the other.
    let own_session = lock_session(databases, caller.session_id(), transaction).await?;
    let admin = lock_admin(databases, caller.admin().id, transaction).await?;
    let organization = doc! { "_id": caller.organization().id };
    let organization = databases.organizations.find_one(organization);
    let organization = organization.session(transaction).await?;
    let (Some(admin), Some(organization), Some(own_session)) = (admin, organization, own_session)
    else {
        return Ok(None);
    };
    let is_alive = own_session.is_alive(&admin, databases.clock.now());
    Ok((is_alive && admin.may_act_for(&organization)).then_some(admin))
}
