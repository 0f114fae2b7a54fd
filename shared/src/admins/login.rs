//! Logging in: who this email and password belong to.

use mongodb::bson::{DateTime, doc};
use tokio::time::Instant;

use super::{Admin, AdminStatus, EmailAddress, Password, PasswordHash};
use crate::app::App;
use crate::attempts::{AddressUse, count_call, reserve_guess};
use crate::http::ClientAddress;
use crate::mongo::Databases;
use crate::organizations::OrganizationStatus;
use crate::problem::Problem;

/// What a login sends.
pub struct Credentials<'a> {
    pub email: &'a str,
    pub password: &'a str,
}

/// The active admin of an active organization with this email and password.
///
/// Whatever is wrong, the answer is the same, and so is its time: one hash is computed on every path.
/// Guesses are counted before that, see [`crate::attempts`].
pub async fn log_in(
    app: &App,
    credentials: Credentials<'_>,
    address: ClientAddress,
    deadline: Instant,
) -> Result<Admin, Problem> {
    let databases = app.mongo.databases().await?;
    let (attempts, keyed_hash) = (&databases.attempts, &databases.keyed_hash);
    let email = EmailAddress::parse(credentials.email).ok();
    // What is no email at all is counted like an unknown one.
    let account = email.as_ref().map_or(credentials.email, EmailAddress::key);
    let limit = app.config.login_attempts_per_address;
    let call = count_call(attempts, keyed_hash, address, AddressUse::Login, limit).await?;
    let limit = app.config.login_attempts_per_account;
    let guess = reserve_guess(attempts, keyed_hash, account, limit, deadline).await?;
    let password = Password::presented(credentials.password);
    let admin = guess
        .settle(verify(app, databases, email, password).await)
        .await?;
    // The address is for those who guess, not for an office full of admins.
    call.take_back().await?;
    Ok(admin)
}

async fn verify(
    app: &App,
    databases: &Databases,
    email: Option<EmailAddress>,
    password: Password,
) -> Result<Admin, Problem> {
    let admin = match email {
        Some(email) => {
            databases
                .admins
                .find_one(doc! { "email_key": email.key() })
                .await?
        }
        None => None,
    };
    let hash = admin.as_ref().map(|admin| admin.password_hash.clone());
    let hash = hash.unwrap_or_else(|| PasswordHash::of_nobody(app.hasher.cost()));
    let right = app.hasher.verify(hash, password.clone()).await?;
    let admin = admin
        .filter(|_| right)
        .ok_or_else(Problem::invalid_credentials)?;
    if !may_act(databases, &admin).await? {
        return Err(Problem::invalid_credentials());
    }
    renew_hash(app, databases, &admin, password).await?;
    Ok(admin)
}

async fn may_act(databases: &Databases, admin: &Admin) -> Result<bool, Problem> {
    let organization = databases
        .organizations
        .find_one(doc! { "_id": admin.organization_id })
        .await?;
    let organization_active = organization.is_some_and(|o| o.status == OrganizationStatus::Active);
    Ok(organization_active && admin.status == AdminStatus::Active)
}

/// Replaces a hash of an older form or lower cost, now that the password is known.
async fn renew_hash(
    app: &App,
    databases: &Databases,
    admin: &Admin,
    password: Password,
) -> Result<(), Problem> {
    if !admin.password_hash.is_outdated(app.hasher.cost()) {
        return Ok(());
    }
    let old = mongodb::bson::serialize_to_bson(&admin.password_hash);
    let new = mongodb::bson::serialize_to_bson(&app.hasher.hash(password).await?);
    let (Ok(old), Ok(new)) = (old, new) else {
        return Err(Problem::internal());
    };
    databases
        .admins
        .update_one(
            // Only if it is still the hash that was verified: a password changed meanwhile stays changed.
            doc! { "_id": admin.id, "password_hash": old },
            doc! { "$set": { "password_hash": new, "updated_at": DateTime::now() } },
        )
        .await?;
    Ok(())
}
