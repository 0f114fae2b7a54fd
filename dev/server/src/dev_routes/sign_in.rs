//! `POST /dev/sign-in`: signs in to an organization. Creates organization and member if they do not exist.

use aws_lc_rs::digest::{SHA256, digest};
use axum::{Extension, Json};
use mongodb::Database;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use shared::auth::Credentials;
use shared::config::Config;
use shared::http::JsonBody;
use shared::model::Role;
use shared::organizations::{NewOrganization, onboard};
use shared::problem::{Code, Problem};
use shared::request::RequestContext;
use shared::sessions::log_in;
use shared::tokens::TokenResponse;
use shared::values::OrganizationName;

use super::members;

/// bcrypt's lowest: a hash takes about a millisecond.
const BCRYPT_COST: u32 = 4;

/// What the accounts of this route have in common.
#[derive(Clone)]
pub struct Accounts {
    /// The database of the control plane.
    pub master: Database,
    pub password: SecretString,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Its name.
    organization: String,
    role: Option<Role>,
}

#[derive(Serialize)]
pub struct SignedIn {
    email: String,
    password: String,
    #[serde(flatten)]
    tokens: TokenResponse,
}

/// The service's configuration with fast password hashes and without limits.
pub fn fast(config: Config) -> Config {
    Config {
        bcrypt_cost: BCRYPT_COST,
        max_connections: None,
        login_attempts_per_account: 0,
        login_attempts_per_address: 0,
        onboardings_per_address: 0,
        ..config
    }
}

/// The response to a login. It takes milliseconds: the account's password has a fast hash, until the account logs in by
/// `POST /admin/login`.
pub async fn sign_in(
    request: RequestContext,
    Extension(accounts): Extension<Accounts>,
    JsonBody(body): JsonBody<SignIn>,
) -> Result<Json<SignedIn>, Problem> {
    let owner = email_of(&body.organization, Role::Owner)?;
    let role = body.role.unwrap_or(Role::Owner);
    let email = email_of(&body.organization, role)?;
    let Accounts { master, password } = accounts;
    let log_in = || {
        log_in(
            &request,
            Credentials {
                email: &email,
                password: &password,
            },
        )
    };
    let mut signed_in = log_in().await;
    if signed_in.as_ref().is_err_and(is_unknown) {
        let length = request.config().password_min_length;
        let new = NewOrganization::parse(&body.organization, &owner, &password, length)?;
        let created = match onboard(&request, new, None).await {
            // Its owner is an account of this route, or not: the login tells.
            Err(problem) if problem.code == Code::OrganizationNameTaken => Some(problem),
            onboarded => onboarded.map(|_| None)?,
        };
        if role != Role::Owner {
            let role = role_name(role);
            members::add(&master, &owner, &email, role, request.deadline()).await?;
        }
        signed_in = log_in().await;
        if let (Err(refused), Some(taken)) = (&signed_in, created)
            && is_unknown(refused)
        {
            return Err(taken);
        }
    }
    Ok(Json(SignedIn {
        tokens: signed_in?,
        email: email.clone(),
        password: password.expose_secret().to_owned(),
    }))
}

fn is_unknown(problem: &Problem) -> bool {
    problem.code == Code::InvalidCredentials
}

/// The address of the organization's account with this role.
fn email_of(organization: &str, role: Role) -> Result<String, Problem> {
    let name = OrganizationName::parse(organization).map_err(|error| vec![error])?;
    let hash = digest(&SHA256, name.key().as_bytes());
    // The part before the @ has at most 64 octets.
    let hash = hex::encode(hash.as_ref().get(..8).unwrap_or_default());
    Ok(format!("{}-{hash}@example.com", role_name(role)))
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Member => "member",
    }
}
