//! What the uses of one-time tokens have in common.

use mongodb::ClientSession;
use mongodb::bson::doc;
use secrecy::SecretString;

use crate::http::ClientAddress;
use crate::model::{Account, OneTimeToken};
use crate::mongo::TransactionError;
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::store::Databases;
use crate::store::locks::LockedAccount;
use crate::throttle::forget_failures;
use crate::values::{Password, PasswordPolicy};

/// The account that may use the token.
pub(super) async fn token_account(
    request: &RequestContext,
    token: &OneTimeToken,
) -> Result<Account, Problem> {
    let id = token
        .account_id
        .ok_or_else(Problem::invalid_one_time_token)?;
    let account = request.databases().await?.account(id).await?;
    account
        .filter(|account| token.is_valid_for(account, request.now()))
        .ok_or_else(Problem::invalid_one_time_token)
}

/// The new password, which is neither the account's email nor the name of one of its organizations.
pub(super) async fn choose_password(
    request: &RequestContext,
    account: &Account,
    password: &SecretString,
) -> Result<Password, Problem> {
    let principals = request.databases().await?.principals_of(account).await?;
    let names = principals.iter().map(|own| own.organization.name.as_str());
    let context: Vec<&str> = std::iter::once(account.email()).chain(names).collect();
    let policy = PasswordPolicy {
        field: "new_password",
        min_length: request.config().password_min_length,
        context: &context,
    };
    Ok(Password::choose(password, &policy).map_err(|error| vec![error])?)
}

/// Uses the token up, and locks its account. Of concurrent uses, one succeeds.
pub(super) async fn use_token<'t>(
    databases: &'t Databases,
    token: &OneTimeToken,
    transaction: &'t mut ClientSession,
) -> Result<LockedAccount<'t>, TransactionError<Problem>> {
    let using = databases
        .one_time_tokens
        .delete_one(doc! { "_id": token.id });
    let used = using.session(&mut *transaction).await?;
    let id = token
        .account_id
        .ok_or_else(Problem::invalid_one_time_token)?;
    let locked = LockedAccount::lock(databases, id, transaction).await?;
    let now = databases.clock.now();
    let locked = locked
        .filter(|locked| used.deleted_count == 1 && token.is_valid_for(locked.account(), now));
    Ok(locked.ok_or_else(Problem::invalid_one_time_token)?)
}

/// Ends the waits after wrong passwords. The token is used already, so a failure only delays the next login.
pub(super) async fn end_waits(databases: &Databases, email_key: &str, address: ClientAddress) {
    if let Err(problem) = forget_failures(databases, email_key, address).await {
        tracing::warn!(reason = %problem, "failed logins could not be forgotten");
    }
}
