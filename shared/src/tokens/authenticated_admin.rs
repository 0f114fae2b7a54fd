//! Who is calling: an extractor that turns `Authorization: Bearer` into an admin and the admin's organization.
//!
//! Both are read with the token, so that it dies at once with either of them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use mongodb::bson::doc;

use super::{Bearer, Tokens};
use crate::admins::{Admin, AdminStatus};
use crate::app::App;
use crate::organizations::{Organization, OrganizationStatus};
use crate::problem::Problem;

/// The state of handlers that read or make tokens.
#[derive(Clone)]
pub struct Secured {
    pub app: Arc<App>,
    pub tokens: Arc<Tokens>,
}

/// An active admin of an active organization. Only a good token makes one.
pub struct AuthenticatedAdmin {
    admin: Admin,
    organization: Organization,
}

impl AuthenticatedAdmin {
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The one organization that this admin acts for.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }
}

impl FromRequestParts<Secured> for AuthenticatedAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, secured: &Secured) -> Result<Self, Problem> {
        let token = bearer_token(parts)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(now.as_secs()).map_err(|_| Problem::internal())?;
        let bearer = secured.tokens.verify(token, now).await?;
        let found = find(&secured.app, bearer).await?;
        found.ok_or_else(|| {
            Problem::invalid_token("The token's admin or organization is not active.")
        })
    }
}

/// The token of `Authorization: Bearer <token>` (RFC 6750, section 2.1).
fn bearer_token(parts: &Parts) -> Result<&str, Problem> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    let Some(value) = first else {
        return Err(Problem::missing_token());
    };
    let text = match (value.to_str(), second) {
        (Ok(text), None) => text,
        _ => {
            return Err(Problem::invalid_token(
                "The Authorization header cannot be read.",
            ));
        }
    };
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Problem::missing_token()),
    }
}

async fn find(app: &App, bearer: Bearer) -> Result<Option<AuthenticatedAdmin>, Problem> {
    let databases = app.mongo.databases().await?;
    let admin = databases.admins.find_one(doc! { "_id": bearer.admin_id });
    let organization = databases
        .organizations
        .find_one(doc! { "_id": bearer.organization_id });
    let (admin, organization) = tokio::try_join!(admin, organization)?;
    let admin = admin.filter(|admin| {
        admin.status == AdminStatus::Active && admin.organization_id == bearer.organization_id
    });
    let organization = organization.filter(|found| found.status == OrganizationStatus::Active);
    Ok(admin
        .zip(organization)
        .map(|(admin, organization)| AuthenticatedAdmin {
            admin,
            organization,
        }))
}
