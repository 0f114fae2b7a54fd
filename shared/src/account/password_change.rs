//! Password change. It ends all other sessions of the account.

use mongodb::bson::doc;
use secrecy::SecretString;

use crate::auth::{Caller, reauthenticate};
use crate::model::{Action, MailContent};
use crate::problem::Problem;
use crate::sessions::revoke_all;
use crate::values::Password;

/// Replaces the caller's password `current` by `new`.
pub async fn change_password(
    caller: &Caller,
    current: &SecretString,
    new: Password,
) -> Result<(), Problem> {
    let databases = caller.databases();
    let reauthenticated = reauthenticate(caller, current).await?;
    let new = caller.request().state().hasher.hash(new).await?;
    let event = caller.event(Action::PasswordChanged);
    let mail = caller.request().config().mail;
    reauthenticated
        .write_account(|mut account, _| {
            let event = event.clone();
            let change = doc! { "$set": {
                "password_hash": new.as_stored(),
                "updated_at": databases.clock.now(),
            } };
            Box::pin(async move {
                account.update(change).await?;
                let own = Some(caller.session_id());
                let ended = revoke_all(databases, &mut account, own).await?;
                account.append(event.with_sessions_ended(ended)).await?;
                if mail {
                    let now = databases.clock.now();
                    account.notify(MailContent::PasswordChanged, now).await?;
                }
                Ok(())
            })
        })
        .await?;
    caller.request().state().outbox_written.notify_one();
    Ok(())
}
