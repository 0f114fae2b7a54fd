//! Transactions of a caller. They begin with a second check of the caller.
//!
//! Between the check of its token and its writes a request may take seconds, for example for a password hash. Meanwhile
//! another request may have ended the session, and its client may already have the response. So each transaction checks
//! again, and locks what [`locks`](crate::store::locks) lists for it.

use mongodb::ClientSession;
use mongodb::bson::doc;

use super::{Caller, Reauthenticated};
use crate::model::{Principal, Session};
use crate::mongo::{Scope, TransactionError, Writes};
use crate::problem::Problem;
use crate::store::locks::{LockedAccount, LockedOrganization, lock_session};

/// The extent of the second check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Session,
    SessionAndPassword,
}

impl Caller {
    /// Runs a transaction that writes to the caller's organization. It commits only if the session is still alive.
    pub(crate) async fn write_organization<'env, T>(
        &'env self,
        run: impl for<'run> Fn(LockedOrganization<'run>, Scope<'run, 'env>) -> Writes<'run, T, Problem>
        + Send
        + Sync
        + 'env,
    ) -> Result<T, Problem> {
        write_organization(self, Check::Session, run).await
    }

    /// Runs a transaction that writes to the caller's account. It commits only if the session is still alive.
    pub(crate) async fn write_account<'env, T>(
        &'env self,
        run: impl for<'run> Fn(LockedAccount<'run>, Scope<'run, 'env>) -> Writes<'run, T, Problem>
        + Send
        + Sync
        + 'env,
    ) -> Result<T, Problem> {
        write_account(self, Check::Session, run).await
    }
}

impl Reauthenticated<'_> {
    /// Like [`Caller::write_organization`]. It also requires that the password is still the same.
    pub(crate) async fn write_organization<'env, T>(
        &'env self,
        run: impl for<'run> Fn(LockedOrganization<'run>, Scope<'run, 'env>) -> Writes<'run, T, Problem>
        + Send
        + Sync
        + 'env,
    ) -> Result<T, Problem> {
        write_organization(self.caller(), Check::SessionAndPassword, run).await
    }

    /// Like [`Caller::write_account`]. It also requires that the password is still the same.
    pub(crate) async fn write_account<'env, T>(
        &'env self,
        run: impl for<'run> Fn(LockedAccount<'run>, Scope<'run, 'env>) -> Writes<'run, T, Problem>
        + Send
        + Sync
        + 'env,
    ) -> Result<T, Problem> {
        write_account(self.caller(), Check::SessionAndPassword, run).await
    }
}

async fn write_organization<'env, T>(
    caller: &'env Caller,
    check: Check,
    run: impl for<'run> Fn(LockedOrganization<'run>, Scope<'run, 'env>) -> Writes<'run, T, Problem>
    + Send
    + Sync
    + 'env,
) -> Result<T, Problem> {
    caller
        .request()
        .transaction(|transaction, _: Scope<'_, '_>| {
            Box::pin(async {
                let organization = lock_organization(caller, check, transaction).await?;
                run(organization, Scope::new()).await
            })
        })
        .await
}

async fn write_account<'env, T>(
    caller: &'env Caller,
    check: Check,
    run: impl for<'run> Fn(LockedAccount<'run>, Scope<'run, 'env>) -> Writes<'run, T, Problem>
    + Send
    + Sync
    + 'env,
) -> Result<T, Problem> {
    caller
        .request()
        .transaction(|transaction, _: Scope<'_, '_>| {
            Box::pin(async {
                let account = lock_account(caller, check, transaction).await?;
                run(account, Scope::new()).await
            })
        })
        .await
}

/// Locks the organization, then session, account and membership of the caller.
async fn lock_organization<'t>(
    caller: &'t Caller,
    check: Check,
    transaction: &'t mut ClientSession,
) -> Result<LockedOrganization<'t>, TransactionError<Problem>> {
    let databases = caller.databases();
    let (id, account) = (caller.organization().id, caller.account().id);
    let locked = LockedOrganization::lock(databases, id, transaction).await?;
    let mut locked = locked.ok_or_else(Problem::not_active)?;
    let session = lock_session(databases, caller.session_id(), locked.transaction()).await?;
    let account = LockedAccount::lock(databases, account, locked.transaction()).await?;
    let account = account.map(LockedAccount::into_account);
    let membership = locked.lock_membership(caller.account().id).await?;
    let (Some(session), Some(account), Some(membership)) = (session, account, membership) else {
        return Err(Problem::not_active().into());
    };
    let principal = Principal {
        account,
        membership,
        organization: locked.organization().clone(),
    };
    check_again(caller, check, &session, &principal)?;
    Ok(locked)
}

/// Locks session and account of the caller. Membership and organization are only read: an account's action on itself may
/// commit while its organization is closed.
async fn lock_account<'t>(
    caller: &'t Caller,
    check: Check,
    transaction: &'t mut ClientSession,
) -> Result<LockedAccount<'t>, TransactionError<Problem>> {
    let databases = caller.databases();
    let (id, organization) = (caller.account().id, caller.organization().id);
    let session = lock_session(databases, caller.session_id(), transaction).await?;
    let locked = LockedAccount::lock(databases, id, transaction).await?;
    let mut locked = locked.ok_or_else(Problem::not_active)?;
    let reading = databases.read_membership(id, organization, locked.transaction());
    let (Some(session), Some((membership, organization))) = (session, reading.await?) else {
        return Err(Problem::not_active().into());
    };
    let principal = Principal {
        account: locked.account().clone(),
        membership,
        organization,
    };
    check_again(caller, check, &session, &principal)?;
    Ok(locked)
}

impl Caller {
    /// Checks the caller within a transaction on tenant data, and locks nothing. So such transactions of one session do not
    /// conflict, and one that runs while the session ends may still be committed.
    pub(crate) async fn check_again(
        &self,
        transaction: &mut ClientSession,
    ) -> Result<(), TransactionError<Problem>> {
        let databases = self.databases();
        let reading = databases
            .sessions
            .find_one(doc! { "_id": self.session_id() });
        let session = reading.session(&mut *transaction).await?;
        let (account, organization) = (self.account().id, self.organization().id);
        let reading = databases.read_principal(account, organization, transaction);
        let (Some(session), Some(principal)) = (session, reading.await?) else {
            return Err(Problem::not_active().into());
        };
        Ok(check_again(self, Check::Session, &session, &principal)?)
    }
}

/// Fails unless the session is alive, and the password the one that was confirmed.
fn check_again(
    caller: &Caller,
    check: Check,
    session: &Session,
    principal: &Principal,
) -> Result<(), Problem> {
    let now = caller.databases().clock.now();
    if !session.is_alive(principal, now) {
        return Err(Problem::not_active());
    }
    // If the epoch changed and the session is still alive, the password was changed in this session. Then the confirmed
    // password is the old one.
    let is_same_epoch = principal.account.epoch == caller.account().epoch;
    if check == Check::SessionAndPassword && !is_same_epoch {
        return Err(Problem::wrong_password());
    }
    Ok(())
}
