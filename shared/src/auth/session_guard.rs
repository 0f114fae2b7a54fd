//! What an authenticated admin writes: the transaction begins by asking again whether the admin still may.
//!
//! A request can take seconds from the check of its token to its writes, for the hash of a password say.
//! Meanwhile its session may end, and the request that ended it has been answered.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;
use tokio::time::Instant;

use super::{Caller, Reauthenticated};
use crate::model::Admin;
use crate::mongo::{Scope, TransactionError, Writes};
use crate::problem::Problem;
use crate::store::{Databases, lock_admin};

impl Caller {
    /// Runs a transaction, if the session is alive when it is committed.
    pub(crate) async fn transaction<'env, T>(
        &'env self,
        databases: &'env Databases,
        deadline: Instant,
        run: impl for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, Problem>
        + Send
        + Sync
        + 'env,
    ) -> Result<T, Problem> {
        guarded(databases, self, false, deadline, run).await
    }
}

impl Reauthenticated<'_> {
    /// Runs a transaction, if the session is alive and the confirmed password the admin's when it is committed.
    pub(crate) async fn transaction<'env, T>(
        &'env self,
        databases: &'env Databases,
        deadline: Instant,
        run: impl for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, Problem>
        + Send
        + Sync
        + 'env,
    ) -> Result<T, Problem> {
        guarded(databases, self.caller(), true, deadline, run).await
    }
}

/// Runs a transaction that begins by asking again whether the caller still may.
async fn guarded<'env, T>(
    databases: &'env Databases,
    caller: &'env Caller,
    password_confirmed: bool,
    deadline: Instant,
    run: impl for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, Problem>
    + Send
    + Sync
    + 'env,
) -> Result<T, Problem> {
    databases
        .transaction(deadline, |session, _: Scope<'_, '_>| {
            Box::pin(async {
                let admin = still_active(databases, caller, session).await?;
                // Of all that begins an epoch, only a new password that is set in this very session leaves it alive.
                if password_confirmed && admin.session_epoch != caller.admin().session_epoch {
                    return Err(Problem::wrong_password().into());
                }
                run(session, Scope::new()).await
            })
        })
        .await
}

/// The admin as it is now. Refuses the transaction unless its session, it and its organization are active.
async fn still_active(
    databases: &Databases,
    caller: &Caller,
    session: &mut ClientSession,
) -> Result<Admin, TransactionError<Problem>> {
    let admin = active_admin(databases, caller, session).await?;
    Ok(admin.ok_or_else(Problem::not_active)?)
}

async fn active_admin(
    databases: &Databases,
    caller: &Caller,
    session: &mut ClientSession,
) -> Result<Option<Admin>, Error> {
    // Locked as the admin is: of this transaction and one that ends the session, one comes first.
    let written = doc! { "$inc": { "writes": 1_i64 } };
    let own_session = doc! { "_id": caller.session_id() };
    let own_session = databases.sessions.find_one_and_update(own_session, written);
    let own_session = own_session.session(&mut *session).await?;
    let admin = lock_admin(databases, caller.admin().id, session).await?;
    let organization = doc! { "_id": caller.organization().id };
    let organization = databases.organizations.find_one(organization);
    let organization = organization.session(session).await?;
    let (Some(admin), Some(organization), Some(own_session)) = (admin, organization, own_session)
    else {
        return Ok(None);
    };
    let active =
        admin.may_act_for(&organization) && own_session.is_alive(&admin, databases.clock.now());
    Ok(active.then_some(admin))
}
