//! Password reset: a mail with a link, which sets a new password.

use mongodb::bson::doc;
use secrecy::SecretString;

use super::token_use::{choose_password, end_waits, token_account, use_token};
use crate::model::{AccountStatus, Action, Event, MailContent, OutboxMessage, Purpose};
use crate::one_time_tokens;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::sessions::revoke_all;
use crate::throttle::{LimitedAction, count_link, count_request};
use crate::values::EmailAddress;

/// Links of one account within the lifetime of a link.
const LINKS: u32 = 3;

/// Mails a link to the address, if an active account has it. For any other address, and if enough links are on their way
/// already, it does the same work for a message without a mail.
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
    // A new epoch voids earlier links, and has a count of its own.
    let subject = match &account {
        Some(account) => format!("{} {}", account.id(), account.epoch),
        None => email.key().to_owned(),
    };
    let counting = count_link(
        databases,
        Purpose::PasswordReset,
        ["account", &subject],
        LINKS,
    );
    let (counted, account) = match counting.await {
        Ok(counted) => (Some(counted), account),
        Err(problem) if problem.code == Code::TooManyAttempts => (None, None),
        Err(problem) => return Err(problem),
    };
    let now = request.now();
    let token = one_time_tokens::new(Purpose::PasswordReset, account.as_ref(), now)?;
    let message = OutboxMessage::password_reset(account.as_ref(), &token, now);
    let written = request
        .transaction(|transaction, _| {
            Box::pin(async {
                databases
                    .enqueue_link(&token, &message, transaction)
                    .await?;
                Ok(())
            })
        })
        .await;
    if let (Err(_), Some(counted)) = (&written, counted) {
        counted.refund().await?;
    }
    written?;
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
    let account = token_account(request, &token).await?;
    let new = choose_password(request, &account, password).await?;
    let new = request.state().hasher.hash(new).await?;
    let event = Event::new(Action::PasswordReset, request.address(), request.now()).by(&account);
    let mail = request.config().mail;
    request
        .transaction(|transaction, _| {
            let event = event.clone();
            let (token, new) = (&token, &new);
            Box::pin(async move {
                let mut account = use_token(databases, token, transaction).await?;
                let now = databases.clock.now();
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
    end_waits(databases, account.email_key(), request.address()).await;
    Ok(())
}
