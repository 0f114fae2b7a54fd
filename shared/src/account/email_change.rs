//! Verification and change of the account's address, and its undo.
//!
//! A link alone verifies nothing: a stranger may have registered the address with a password of their own, or a mistyped
//! address may belong to somebody else. So a verification also needs the account's password. The holder of a mailbox who lacks
//! the password uses a reset.

use mongodb::bson::{DateTime, Document, doc};
use secrecy::SecretString;

use super::token_use::{choose_password, end_waits, token_account, use_token};
use crate::auth::{Caller, Credentials, reauthenticate, verify_credentials};
use crate::clock::after;
use crate::model::{
    Account, Action, Event, MailContent, OneTimeToken, OutboxMessage, PreviousEmail, Principal,
    Purpose,
};
use crate::mongo::{OnDuplicate, TransactionError};
use crate::one_time_tokens;
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::sessions::revoke_all;
use crate::store::locks::LockedAccount;
use crate::store::{Databases, index};
use crate::throttle::{Outcome, count_link};
use crate::values::EmailAddress;

/// Links to one address in a day, from all accounts together.
const LINKS_TO_ADDRESS: u32 = 5;
/// Links that one account may request in a day.
const LINKS_OF_ACCOUNT: u32 = 10;

/// Mails a link to the address, which becomes that of the caller's account when the link is used. For the current address
/// the link verifies it.
pub async fn request_email(
    caller: &Caller,
    email: &EmailAddress,
    password: &SecretString,
) -> Result<(), Problem> {
    let request = caller.request();
    if !request.config().mail {
        return Err(Problem::mail_disabled());
    }
    let databases = caller.databases();
    let reauthenticated = reauthenticate(caller, password).await?;
    let now = request.now();
    refuse_second_change(caller.account(), email, now)?;
    // Before the address is looked up: the answer reveals whether it is taken.
    let account = caller.account().id().to_hex();
    let purpose = Purpose::EmailVerification;
    count_link(databases, purpose, ["account", &account], LINKS_OF_ACCOUNT).await?;
    if databases
        .is_address_of_other(email, caller.account().id())
        .await?
    {
        return Err(Problem::email_taken());
    }
    count_link(
        databases,
        purpose,
        ["address", email.key()],
        LINKS_TO_ADDRESS,
    )
    .await?;
    reauthenticated
        .write_account(|mut account, _| {
            Box::pin(async move {
                refuse_second_change(account.account(), email, now)?;
                let token =
                    one_time_tokens::new(Purpose::EmailVerification, Some(account.account()), now)?;
                let token = token.about(email.as_str());
                let content = MailContent::EmailVerification { token_id: token.id };
                let message = OutboxMessage::with_link(account.account(), &token, content, now);
                databases
                    .enqueue_link(&token, &message, account.transaction())
                    .await?;
                Ok(())
            })
        })
        .await?;
    request.state().outbox_written.notify_one();
    Ok(())
}

/// Verifies the address of the token. Another one than the current one becomes the current one and ends all sessions; the
/// earlier one, if it was verified, gets a link that restores it.
pub async fn verify_email(
    request: &RequestContext,
    token: &str,
    password: &SecretString,
) -> Result<Account, Problem> {
    let databases = request.databases().await?;
    let token = one_time_tokens::find(databases, token, Purpose::EmailVerification).await?;
    let account = token_account(request, &token).await?;
    let email = address_of(&token)?;
    // Without mail, the address before could not be told how to undo the change.
    if account.email_key() != email.key() && !request.config().mail {
        return Err(Problem::mail_disabled());
    }
    let credentials = Credentials {
        email: account.email(),
        password,
    };
    let any = |principals: Vec<Principal>| principals.into_iter().next();
    let verified = verify_credentials(request, credentials, any).await?;
    let (_, recording) = verified.record(Outcome::Right);
    recording.await?;
    let event = |action| Event::new(action, request.address(), request.now()).by(&account);
    let (verified, changed) = (event(Action::EmailVerified), event(Action::EmailChanged));
    let account = request
        .transaction(|transaction, _| {
            let (verified, changed) = (verified.clone(), changed.clone());
            let (token, email) = (&token, &email);
            Box::pin(async move {
                let mut account = use_token(databases, token, transaction).await?;
                let now = databases.clock.now();
                if account.account().email_key() == email.key() {
                    let change = doc! { "email_verified_at": now, "updated_at": now };
                    account.update(doc! { "$set": change }).await?;
                    account.append(verified).await?;
                } else {
                    refuse_second_change(account.account(), email, now)?;
                    change_address(databases, &mut account, email, now).await?;
                    let ended = revoke_all(databases, &mut account, None).await?;
                    account.append(changed.with_sessions_ended(ended)).await?;
                }
                Ok(account.into_account())
            })
        })
        .await?;
    request.state().outbox_written.notify_one();
    Ok(account)
}

/// Restores the address before the change, with a new password. Ends all sessions.
pub async fn undo_email_change(
    request: &RequestContext,
    token: &str,
    password: &SecretString,
) -> Result<(), Problem> {
    let databases = request.databases().await?;
    let token = one_time_tokens::find(databases, token, Purpose::EmailUndo).await?;
    let account = token_account(request, &token).await?;
    let email = address_of(&token)?;
    let new = choose_password(request, &account, password).await?;
    let new = request.state().hasher.hash(new).await?;
    let event = Event::new(Action::EmailChangeUndone, request.address(), request.now());
    let event = event.by(&account);
    request
        .transaction(|transaction, _| {
            let event = event.clone();
            let (token, email, new) = (&token, &email, &new);
            Box::pin(async move {
                let mut account = use_token(databases, token, transaction).await?;
                let now = databases.clock.now();
                let previous = account.account().restorable_email(now);
                if previous.is_none_or(|previous| previous.key != email.key()) {
                    return Err(Problem::invalid_one_time_token().into());
                }
                let change = doc! {
                    "$set": {
                        "email": email.as_str(),
                        "addresses": [email.key()],
                        "email_verified_at": now,
                        "password_hash": new.as_stored(),
                        "updated_at": now,
                    },
                    "$unset": { "previous": "" },
                };
                account.update(change).await?;
                let ended = revoke_all(databases, &mut account, None).await?;
                account.append(event.with_sessions_ended(ended)).await?;
                Ok(())
            })
        })
        .await?;
    end_waits(databases, email.key(), request.address()).await;
    Ok(())
}

/// While an address can be restored, there is no other change: a thief could otherwise change the address twice.
fn refuse_second_change(
    account: &Account,
    email: &EmailAddress,
    now: DateTime,
) -> Result<(), Problem> {
    let is_change = account.email_key() != email.key();
    match account.restorable_email(now).filter(|_| is_change) {
        Some(_) => Err(Problem::email_recently_changed()),
        None => Ok(()),
    }
}

/// The address that the token is about.
fn address_of(token: &OneTimeToken) -> Result<EmailAddress, Problem> {
    let email = token
        .email
        .as_deref()
        .and_then(|email| EmailAddress::parse(email).ok());
    email.ok_or_else(Problem::invalid_one_time_token)
}

/// Makes `email` the current address. An earlier one that was verified is reserved, and gets its link.
async fn change_address(
    databases: &Databases,
    account: &mut LockedAccount<'_>,
    email: &EmailAddress,
    now: DateTime,
) -> Result<(), TransactionError<Problem>> {
    let before = account.account().clone();
    let previous = before.email_verified_at.map(|_| PreviousEmail {
        email: before.email().to_owned(),
        key: before.email_key().to_owned(),
        reserved_until: after(now, Purpose::EmailUndo.lifetime()),
    });
    let reserved = previous.iter().map(|previous| previous.key.clone());
    let addresses: Vec<String> = std::iter::once(email.key().to_owned())
        .chain(reserved)
        .collect();
    let mut values = doc! {
        "email": email.as_str(),
        "addresses": addresses,
        "email_verified_at": now,
        "updated_at": now,
    };
    let mut change = Document::new();
    match &previous {
        Some(previous) => values.insert("previous", previous.to_document()),
        None => change.insert("$unset", doc! { "previous": "" }),
    };
    change.insert("$set", values);
    account
        .update(change)
        .await
        .on_duplicate(index::ADDRESSES, Problem::email_taken())?;
    let Some(previous) = previous else {
        return Ok(());
    };
    let token = one_time_tokens::new(Purpose::EmailUndo, Some(&before), now)?;
    let token = token.about(&previous.email);
    let content = MailContent::EmailChanged { token_id: token.id };
    let message = OutboxMessage::with_link(&before, &token, content, now);
    databases
        .enqueue_link(&token, &message, account.transaction())
        .await?;
    Ok(())
}
