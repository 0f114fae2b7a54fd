//! Who is calling: an extractor that turns `Authorization: Bearer` into an admin and the admin's organization.
//!
//! They are read with the token, and so is the session: the token dies at once with any of them.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use mongodb::Database;
use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;

use crate::clock::Clock;
use crate::http::{ClientAddress, note_organization};
use crate::model::{Action, Admin, Event, Organization};
use crate::problem::Problem;
use crate::state::AppState;
use crate::store::alive;
use crate::tokens::VerifiedToken;

/// An active admin of an active organization, in a session that is alive. Only a good token makes one.
pub struct Caller {
    admin: Admin,
    organization: Organization,
    session_id: ObjectId,
    address: ClientAddress,
    clock: Clock,
    tenants: Database,
}

impl Caller {
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The one organization that this admin acts for.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    pub(crate) fn session_id(&self) -> ObjectId {
        self.session_id
    }

    /// Holds the tenants' collections, the caller's among them.
    pub(crate) fn tenants(&self) -> &Database {
        &self.tenants
    }

    /// What the caller does, for the audit trail.
    pub(crate) fn event(&self, action: Action) -> Event {
        Event::new(action, self.address, self.clock.now())
            .of(&self.admin)
            .in_session(self.session_id)
    }
}

impl FromRequestParts<Arc<AppState>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<Self, Problem> {
        let token = bearer_token(parts)?;
        let now = state.clock.now();
        let bearer = state.tokens.verify(token, now).await?;
        let address = ClientAddress::from_request_parts(parts, state).await?;
        note_organization(bearer.organization_id);
        let found = find(state, bearer, address).await?;
        found.ok_or_else(Problem::not_active)
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

async fn find(
    state: &AppState,
    bearer: VerifiedToken,
    address: ClientAddress,
) -> Result<Option<Caller>, Problem> {
    let databases = state.mongo.databases().await?;
    let admin = databases.admins.find_one(doc! { "_id": bearer.admin_id });
    let organization = databases
        .organizations
        .find_one(doc! { "_id": bearer.organization_id });
    let session = databases
        .sessions
        .find_one(doc! { "_id": bearer.session_id });
    let (admin, organization, session) = tokio::try_join!(admin, organization, session)?;
    let (Some(admin), Some(organization), Some(session)) = (admin, organization, session) else {
        return Ok(None);
    };
    let session = alive(databases, session, &admin).await?;
    let active = session.filter(|_| admin.may_act_for(&organization));
    Ok(active.map(|session| Caller {
        admin,
        organization,
        session_id: session.id,
        address,
        clock: databases.clock.clone(),
        tenants: databases.tenants.clone(),
    }))
}
