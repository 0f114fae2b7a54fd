//! Proving who one is: email and password of an admin, or the password once more.
//!
//! Whatever is wrong, the answer is the same, and so is its time: one hash is computed and one event recorded
//! on every path. Guesses are counted before that, see [`crate::throttle`].

use mongodb::bson::{DateTime, doc};
use tokio::time::Instant;

use super::refused_login::RefusedLogin;
use super::{Caller, VerifiedLogin};
use crate::http::{ClientAddress, note_organization};
use crate::metrics::{self, Metric};
use crate::model::{Action, Admin, AdminStatus, Event, Organization, OrganizationStatus};
use crate::password_hasher::Comparison;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::store::Databases;
use crate::throttle::{LoginAttempt, Outcome, Subject, reserve_attempt};
use crate::values::{EmailAddress, Password, PasswordHash};

/// What a login sends.
pub struct Credentials<'a> {
    pub email: &'a str,
    pub password: &'a str,
}

/// The active admin of an active organization with this email and password.
pub async fn log_in<'a>(
    state: &'a AppState,
    credentials: Credentials<'_>,
    address: ClientAddress,
    deadline: Instant,
) -> Result<VerifiedLogin<'a>, Problem> {
    let active = |organization: &Organization| organization.status == OrganizationStatus::Active;
    let (verified, _) = authenticate(state, credentials, address, deadline, active).await?;
    Ok(verified)
}

/// The active admin with this email and password, of an organization that is `fit`.
pub(crate) async fn authenticate<'a>(
    state: &'a AppState,
    credentials: Credentials<'_>,
    address: ClientAddress,
    deadline: Instant,
    fit: impl Fn(&Organization) -> bool,
) -> Result<(VerifiedLogin<'a>, Organization), Problem> {
    let databases = state.mongo.databases().await?;
    let email = EmailAddress::parse(credentials.email).ok();
    // What is no email at all is counted like an unknown one.
    let account = email.as_ref().map_or(credentials.email, EmailAddress::key);
    let attempt = LoginAttempt::begin(databases, &state.config, account, address, deadline);
    let (attempt, admin) = tokio::join!(attempt, with_email(databases, email.as_ref()));
    let attempt = attempt?;
    let password = Password::presented(credentials.password);
    let found = admin.as_ref().ok().and_then(Option::as_ref);
    let refusal = RefusedLogin {
        databases,
        account,
        event: refusal(found, address, databases.clock.now()),
    };
    let verified = match admin {
        Ok(admin) => prove(state, databases, admin, password, fit, deadline).await,
        Err(problem) => Err(problem),
    };
    match verified {
        Ok((admin, organization)) => {
            note_organization(organization.id);
            Ok((VerifiedLogin::new(admin, attempt), organization))
        }
        Err(problem) => {
            let record = |outcome| attempt.record(outcome);
            Err(refuse(problem, refusal, record, deadline).await)
        }
    }
}

/// Whether `password` is the caller's: asked again before what cannot be taken back easily. Someone may have
/// found a token, so guesses are limited here, too: by the session, so that logging in does not suffer.
pub(crate) async fn reauthenticate<'a>(
    state: &AppState,
    caller: &'a Caller,
    password: Password,
    deadline: Instant,
) -> Result<Reauthenticated<'a>, Problem> {
    let databases = state.mongo.databases().await?;
    let admin = caller.admin();
    let limit = state.config.login_attempts_per_account;
    let subject = Subject::Session(caller.session_id());
    let guess = reserve_attempt(databases, subject, limit, deadline).await?;
    let right = state.hasher.verify(admin.password_hash.clone(), password);
    let refused = match right.await {
        Ok(comparison) if comparison.is_right() => {
            guess.record(Outcome::Right).await?;
            return Ok(Reauthenticated(caller));
        }
        Ok(_) => Problem::wrong_password(),
        Err(problem) => problem,
    };
    let refusal = RefusedLogin {
        databases,
        account: admin.email_key.as_str(),
        event: caller.event(Action::LoginRefused),
    };
    let record = |outcome| guess.record(outcome);
    Err(refuse(refused, refusal, record, deadline).await)
}

/// A caller that has just given its password once more. Only [`reauthenticate`] makes one.
pub(crate) struct Reauthenticated<'a>(&'a Caller);

impl<'a> Reauthenticated<'a> {
    pub(crate) fn caller(&self) -> &'a Caller {
        self.0
    }
}

async fn with_email(
    databases: &Databases,
    email: Option<&EmailAddress>,
) -> Result<Option<Admin>, Problem> {
    let Some(email) = email else { return Ok(None) };
    let filter = doc! { "email_key": email.key() };
    Ok(databases.admins.find_one(filter).await?)
}

async fn organization_of(
    databases: &Databases,
    admin: Option<&Admin>,
) -> Result<Option<Organization>, Problem> {
    let Some(admin) = admin else { return Ok(None) };
    let own = doc! { "_id": admin.organization_id };
    Ok(databases.organizations.find_one(own).await?)
}

fn refusal(admin: Option<&Admin>, address: ClientAddress, now: DateTime) -> Event {
    let event = Event::new(Action::LoginRefused, address, now);
    match admin {
        Some(admin) => event.of(admin),
        None => event,
    }
}

/// Records a refusal and settles the guess. The record comes first: a guess that is never settled is a wrong one,
/// so that none is wrong unrecorded. Where it cannot be written, the guess is as wrong as before.
async fn refuse(
    problem: Problem,
    refusal: RefusedLogin<'_>,
    record: impl AsyncFnOnce(Outcome) -> Result<(), Problem>,
    deadline: Instant,
) -> Problem {
    let wrong = problem.code == Code::InvalidCredentials;
    let (recorded, outcome) = match wrong {
        true => (record_refusal(refusal, deadline).await, Outcome::Wrong),
        false => (Ok(()), Outcome::Undecided),
    };
    let settled = record(outcome).await;
    settled.and(recorded).err().unwrap_or(problem)
}

async fn record_refusal(refusal: RefusedLogin<'_>, deadline: Instant) -> Result<(), Problem> {
    metrics::record(Metric::LoginsRefused, 1.0);
    refusal.record(deadline).await
}

async fn prove(
    state: &AppState,
    databases: &Databases,
    admin: Option<Admin>,
    password: Password,
    fit: impl Fn(&Organization) -> bool,
    deadline: Instant,
) -> Result<(Admin, Organization), Problem> {
    let hash = admin.as_ref().map(|admin| admin.password_hash.clone());
    let hash = hash.unwrap_or_else(|| PasswordHash::dummy(state.hasher.cost()));
    let comparing = state.hasher.verify(hash, password.clone());
    let organization = organization_of(databases, admin.as_ref());
    let (compared, organization) = tokio::join!(comparing, organization);
    let compared = compared?;
    let admin = admin
        .filter(|admin| compared.is_right() && admin.status == AdminStatus::Active)
        .ok_or_else(Problem::invalid_credentials)?;
    let organization = organization?
        .filter(fit)
        .ok_or_else(Problem::invalid_credentials)?;
    let is_outdated = compared == Comparison::MatchesUnprepared
        || admin.password_hash.is_outdated(state.hasher.cost());
    if is_outdated && admin.password_hash.covers(&password) {
        renew_hash(state, databases, &admin, password, deadline).await?;
    }
    Ok((admin, organization))
}

/// Replaces a hash of an older form or lower cost, or of a password that was not prepared, now that the password is known.
async fn renew_hash(
    state: &AppState,
    databases: &Databases,
    admin: &Admin,
    password: Password,
    deadline: Instant,
) -> Result<(), Problem> {
    let new = state.hasher.hash(password).await?;
    databases
        .transaction(deadline, |session, _| {
            Box::pin(async {
                // Only if it is still the hash that was verified: a password changed meanwhile stays changed.
                let old = admin.password_hash.as_stored();
                let verified = doc! { "_id": admin.id, "password_hash": old };
                let change = doc! { "$set": {
                    "password_hash": new.as_stored(),
                    "updated_at": databases.clock.now(),
                } };
                let renewing = databases.admins.update_one(verified, change);
                renewing.session(session).await?;
                Ok(())
            })
        })
        .await
}
