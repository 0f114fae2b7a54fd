//! Verifies email and password.
//!
//! Unknown email, wrong password and disabled account get the same response after the same time: each path computes one
//! hash and writes one event. Attempts are limited before that, see [`crate::throttle`].

use mongodb::bson::{DateTime, doc};
use secrecy::SecretString;

use super::VerifiedLogin;
use super::refused_login::RefusedLogin;
use crate::http::ClientAddress;
use crate::metrics::{self, Metric};
use crate::model::{Action, Admin, AdminStatus, Event, Organization, OrganizationStatus};
use crate::password_hasher::Comparison;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::store::Databases;
use crate::throttle::{LoginAttempt, Outcome};
use crate::values::{EmailAddress, Password, PasswordHash};

/// Email and password, as a client sent them.
pub struct Credentials<'a> {
    pub email: &'a str,
    pub password: &'a SecretString,
}

/// Verifies the credentials of an active admin of an active organization.
pub async fn verify_login<'a>(
    request: &'a RequestContext,
    credentials: Credentials<'_>,
) -> Result<VerifiedLogin<'a>, Problem> {
    let is_active = |organization: &Organization| organization.status == OrganizationStatus::Active;
    let (verified, _) = verify_credentials(request, credentials, is_active).await?;
    Ok(verified)
}

/// Verifies the credentials of an active admin whose organization is `accepted`.
pub(crate) async fn verify_credentials<'a>(
    request: &'a RequestContext,
    credentials: Credentials<'_>,
    accepted: impl Fn(&Organization) -> bool,
) -> Result<(VerifiedLogin<'a>, Organization), Problem> {
    let databases = request.databases().await?;
    let email = EmailAddress::parse(credentials.email).ok();
    // Text that is not an email address is counted like an address that no admin has.
    let account = email.as_ref().map_or(credentials.email, EmailAddress::key);
    let attempt = LoginAttempt::begin(
        databases,
        request.config(),
        account,
        request.address(),
        request.deadline(),
    );
    let (attempt, admin) = tokio::join!(attempt, find_admin(databases, email.as_ref()));
    let attempt = attempt?;
    let found = admin.as_ref().ok().and_then(Option::as_ref);
    let refused = RefusedLogin {
        account,
        event: refusal(found, request.address(), request.now()),
    };
    let password = Password::new(credentials.password);
    let verified = match admin {
        Ok(admin) => compare(request, admin, password, accepted).await,
        Err(problem) => Err(problem),
    };
    match verified {
        Ok((admin, organization)) => {
            request.log().set_organization(organization.id);
            Ok((VerifiedLogin::new(admin, attempt), organization))
        }
        Err(problem) => {
            let record = |outcome| attempt.record(outcome);
            Err(refuse(request, problem, refused, record).await)
        }
    }
}

async fn find_admin(
    databases: &Databases,
    email: Option<&EmailAddress>,
) -> Result<Option<Admin>, Problem> {
    let Some(email) = email else { return Ok(None) };
    let filter = doc! { "email_key": email.key() };
    Ok(databases.admins.find_one(filter).await?)
}

/// Compares the password with the admin's hash, or with a dummy if there is no admin.
async fn compare(
    request: &RequestContext,
    admin: Option<Admin>,
    password: Password,
    accepted: impl Fn(&Organization) -> bool,
) -> Result<(Admin, Organization), Problem> {
    let hasher = &request.state().hasher;
    let databases = request.databases().await?;
    let hash = admin.as_ref().map(|admin| admin.password_hash.clone());
    let hash = hash.unwrap_or_else(|| PasswordHash::dummy(hasher.cost()));
    let comparing = hasher.verify(hash, password.clone());
    let organization = organization_of(databases, admin.as_ref());
    let (compared, organization) = tokio::join!(comparing, organization);
    let compared = compared?;
    let admin = admin
        .filter(|admin| compared.is_match() && admin.status == AdminStatus::Active)
        .ok_or_else(Problem::invalid_credentials)?;
    let organization = organization?
        .filter(accepted)
        .ok_or_else(Problem::invalid_credentials)?;
    let is_outdated =
        compared == Comparison::MatchesUnprepared || admin.password_hash.is_outdated(hasher.cost());
    if is_outdated && admin.password_hash.covers(&password) {
        renew_hash(request, &admin, password).await?;
    }
    Ok((admin, organization))
}

async fn organization_of(
    databases: &Databases,
    admin: Option<&Admin>,
) -> Result<Option<Organization>, Problem> {
    let Some(admin) = admin else { return Ok(None) };
    let own = doc! { "_id": admin.organization_id };
    Ok(databases.organizations.find_one(own).await?)
}

/// Replaces a hash that has an older form or a lower cost, or that was computed from the unprepared password.
async fn renew_hash(
    request: &RequestContext,
    admin: &Admin,
    password: Password,
) -> Result<(), Problem> {
    let databases = request.databases().await?;
    let new = request.state().hasher.hash(password).await?;
    request
        .transaction(|transaction, _| {
            Box::pin(async {
                // Only the verified hash is replaced: the password may have been changed meanwhile.
                let old = admin.password_hash.as_stored();
                let verified = doc! { "_id": admin.id, "password_hash": old };
                let change = doc! { "$set": {
                    "password_hash": new.as_stored(),
                    "updated_at": databases.clock.now(),
                } };
                let renewing = databases.admins.update_one(verified, change);
                renewing.session(transaction).await?;
                Ok(())
            })
        })
        .await
}

fn refusal(admin: Option<&Admin>, address: ClientAddress, now: DateTime) -> Event {
    let event = Event::new(Action::LoginRefused, address, now);
    match admin {
        Some(admin) => event.by(admin),
        None => event,
    }
}

/// Writes the event of a refusal, then records the attempt's outcome. An attempt without an outcome counts as wrong, so
/// in this order every attempt that counts as wrong has an event.
pub(super) async fn refuse(
    request: &RequestContext,
    problem: Problem,
    refused: RefusedLogin<'_>,
    record: impl AsyncFnOnce(Outcome) -> Result<(), Problem>,
) -> Problem {
    let is_wrong = problem.code == Code::InvalidCredentials;
    let (written, outcome) = match is_wrong {
        true => {
            metrics::record(Metric::LoginsRefused, 1.0);
            (refused.record(request).await, Outcome::Wrong)
        }
        false => (Ok(()), Outcome::Undecided),
    };
    let recorded = record(outcome).await;
    recorded.and(written).err().unwrap_or(problem)
}
