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
use crate::model::{Account, AccountStatus, Action, Event, Principal};
use crate::password_hasher::Comparison;
use crate::problem::{Code, Problem};
use crate::request::RequestContext;
use crate::store::Databases;
use crate::store::locks::LockedAccount;
use crate::throttle::{LoginAttempt, Outcome};
use crate::values::{EmailAddress, Password, PasswordHash};

/// Email and password, as a client sent them.
pub struct Credentials<'a> {
    pub email: &'a str,
    pub password: &'a SecretString,
}

/// Verifies the credentials of an active account, which is then signed in to its open organization: of several, to the
/// one that it joined first.
pub async fn verify_login<'a>(
    request: &'a RequestContext,
    credentials: Credentials<'_>,
) -> Result<VerifiedLogin<'a>, Problem> {
    let choose = |principals: Vec<Principal>| principals.into_iter().find(Principal::can_act);
    verify_credentials(request, credentials, choose).await
}

/// Verifies the credentials of an active account. `choose` gets the account as a member of each of its organizations, the
/// earliest membership first. If it chooses none, the credentials are refused.
pub(crate) async fn verify_credentials<'a>(
    request: &'a RequestContext,
    credentials: Credentials<'_>,
    choose: impl FnOnce(Vec<Principal>) -> Option<Principal>,
) -> Result<VerifiedLogin<'a>, Problem> {
    let databases = request.databases().await?;
    let email = EmailAddress::parse(credentials.email).ok();
    // Text that is not an email address is counted like an address that no account has.
    let email_key = email.as_ref().map_or(credentials.email, EmailAddress::key);
    let attempt = LoginAttempt::begin(
        databases,
        request.config(),
        email_key,
        request.address(),
        request.deadline(),
    );
    let (attempt, account) = tokio::join!(attempt, find_account(databases, email.as_ref()));
    let attempt = attempt?;
    let found = account.as_ref().ok().and_then(Option::as_ref);
    let refused = RefusedLogin {
        email_key,
        event: refusal(found, request.address(), request.now()),
    };
    let password = Password::new(credentials.password);
    let verified = match account {
        Ok(account) => compare(request, account, password, choose).await,
        Err(problem) => Err(problem),
    };
    match verified {
        Ok(principal) => {
            request.log().set_organization(principal.organization.id);
            Ok(VerifiedLogin::new(principal, attempt))
        }
        Err(problem) => {
            let record = |outcome| attempt.record(outcome);
            Err(refuse(request, problem, refused, record).await)
        }
    }
}

async fn find_account(
    databases: &Databases,
    email: Option<&EmailAddress>,
) -> Result<Option<Account>, Problem> {
    match email {
        Some(email) => Ok(databases.find_account(email).await?),
        None => Ok(None),
    }
}

/// Compares the password with the account's hash, or with a dummy if there is no account.
async fn compare(
    request: &RequestContext,
    account: Option<Account>,
    password: Password,
    choose: impl FnOnce(Vec<Principal>) -> Option<Principal>,
) -> Result<Principal, Problem> {
    let hasher = &request.state().hasher;
    let databases = request.databases().await?;
    let hash = account
        .as_ref()
        .map(|account| account.password_hash.clone());
    let hash = hash.unwrap_or_else(|| PasswordHash::dummy(hasher.cost()));
    let comparing = hasher.verify(hash, password.clone());
    let principals = principals_of(databases, account.as_ref());
    let (compared, principals) = tokio::join!(comparing, principals);
    let compared = compared?;
    let account = account
        .filter(|account| compared.is_match() && account.status == AccountStatus::Active)
        .ok_or_else(Problem::invalid_credentials)?;
    let principal = choose(principals?).ok_or_else(Problem::invalid_credentials)?;
    let is_outdated = compared == Comparison::MatchesUnprepared
        || account.password_hash.is_outdated(hasher.cost());
    if is_outdated && account.password_hash.covers(&password) {
        renew_hash(request, &account, password).await?;
    }
    Ok(principal)
}

async fn principals_of(
    databases: &Databases,
    account: Option<&Account>,
) -> Result<Vec<Principal>, Problem> {
    let Some(account) = account else {
        return Ok(Vec::new());
    };
    let principals = databases.principals_of(account).await?;
    if principals.is_empty() {
        tracing::error!(account_id = %account.id(), "an account has no membership, so it cannot log in");
    }
    for Principal { organization, .. } in &principals {
        if organization.owners < 1 {
            tracing::error!(organization_id = %organization.id, "an organization has no owner");
        }
    }
    Ok(principals)
}

/// Replaces a hash that has an older form or a lower cost, or that was computed from the unprepared password.
async fn renew_hash(
    request: &RequestContext,
    account: &Account,
    password: Password,
) -> Result<(), Problem> {
    let databases = request.databases().await?;
    let new = request.state().hasher.hash(password).await?;
    request
        .transaction(|transaction, _| {
            Box::pin(async {
                let locking = LockedAccount::lock(databases, account.id(), transaction);
                // Only the verified hash is replaced: the password may have been changed meanwhile.
                let verified = account.password_hash.as_stored();
                if let Some(mut locked) = locking.await?
                    && locked.account().password_hash.as_stored() == verified
                {
                    let change = doc! { "$set": {
                        "password_hash": new.as_stored(),
                        "updated_at": databases.clock.now(),
                    } };
                    locked.update(change).await?;
                }
                Ok(())
            })
        })
        .await
}

fn refusal(account: Option<&Account>, address: ClientAddress, now: DateTime) -> Event {
    let event = Event::new(Action::LoginRefused, address, now);
    match account {
        Some(account) => event.by(account),
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
