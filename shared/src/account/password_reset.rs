//! Password reset: a mail with a link, which sets a new password.

use mongodb::bson::doc;
use secrecy::SecretString;

use crate::model::{
    Account, AccountStatus, Action, Event, MailContent, OneTimeToken, OutboxMessage, Purpose,
};
use crate::one_time_tokens;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::sessions::revoke_all;
use crate::store::locks::LockedAccount;
use crate::throttle::{LimitedAction, count_link, count_request, forget_failures};
use crate::values::{EmailAddress, Password, PasswordPolicy};

/// Links that can be in a mailbox at a time.
const LINKS: u32 = 3;

/// Mails a link to the address, if an active account has it. For any other address it does the same work, and the mail is
/// dropped when it would be sent. If enough links are on their way already, it writes nothing.
pub async fn request_password_reset(
    request: &RequestContext,
    email: &EmailAddress,
) -> Result<(), Problem> {
    if !request.config().mail {
        return Err(Problem::mail_disabled());
    }
    let databases = request.databases().await?;
    let limit = request.config().password_resets_per_address;
    count_request(
        databases,
        request.address(),
        LimitedAction::PasswordReset,
        limit,
    )
    .await?;
    let account = databases.find_account(email).await?;
    let account = account.filter(|account| account.status == AccountStatus::Active);
    let account = account.as_ref();
    let epoch = account.map_or(0, |account| account.epoch);
    let lifetime = Purpose::PasswordReset.lifetime();
    match count_link(databases, email.key(), epoch, LINKS, lifetime).await {
        Err(problem) if problem.code == Code::TooManyAttempts => return Ok(()),
        counted => counted?,
    }
    let now = request.now();
    let token = one_time_tokens::new(Purpose::PasswordReset, account, now)?;
    let message = OutboxMessage::password_reset(account, &token, now);
    request
        .transaction(|transaction, _| {
            Box::pin(async {
                let inserting = databases.one_time_tokens.insert_one(&token);
                inserting.session(&mut *transaction).await?;
                databases.enqueue(&message, transaction).await?;
                Ok(())
            })
        })
        .await?;
    request.state().outbox_written.notify_one();
    Ok(())
}

/// Replaces the password of the token's account. Ends all its sessions and verifies its address.
///
/// A password that is refused does not use the token up.
pub async fn reset_password(
    request: &RequestContext,
    token: &str,
    password: &SecretString,
) -> Result<(), Problem> {
    let databases = request.databases().await?;
    let token = one_time_tokens::find(databases, token, Purpose::PasswordReset).await?;
    let account = account_of(request, &token).await?;
    let new = choose(request, &account, password).await?;
    let new = request.state().hasher.hash(new).await?;
    let event = Event::new(Action::PasswordReset, request.address(), request.now()).by(&account);
    let mail = request.config().mail;
    request
        .transaction(|transaction, _| {
            let event = event.clone();
            let (token, new) = (&token, &new);
            Box::pin(async move {
                let using = databases
                    .one_time_tokens
                    .delete_one(doc! { "_id": token.id });
                let used = using.session(&mut *transaction).await?;
                let locked = LockedAccount::lock(databases, account.id, transaction).await?;
                let now = databases.clock.now();
                let mut account = locked
                    .filter(|locked| token.is_valid_for(locked.account(), now))
                    .filter(|_| used.deleted_count == 1)
                    .ok_or_else(Problem::invalid_one_time_token)?;
                let verified = account.account().email_verified_at.unwrap_or(now);
                let change = doc! { "$set": {
                    "password_hash": new.as_stored(),
                    "email_verified_at": verified,
                    "updated_at": now,
                } };
                account.update(change).await?;
                let ended = revoke_all(databases, &mut account, None).await?;
                account.append(event.with_sessions_ended(ended)).await?;
                if mail {
                    account.notify(MailContent::PasswordChanged, now).await?;
                }
                Ok(())
            })
        })
        .await?;
    request.state().outbox_written.notify_one();
    // The password is set already. Without this, earlier failures may delay the next login.
    if let Err(problem) = forget_failures(databases, account.email_key(), request.address()).await {
        tracing::warn!(reason = %problem, "failed logins could not be forgotten after a password reset");
    }
    Ok(())
}

/// The account that may use the token.
async fn account_of(request: &RequestContext, token: &OneTimeToken) -> Result<Account, Problem> {
    let id = token
        .account_id
        .ok_or_else(Problem::invalid_one_time_token)?;
    let account = request.databases().await?.account(id).await?;
    account
        .filter(|account| token.is_valid_for(account, request.now()))
        .ok_or_else(Problem::invalid_one_time_token)
}

/// The new password, which is neither the account's email nor the name of one of its organizations.
async fn choose(
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
