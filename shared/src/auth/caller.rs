//! The extractor of the caller: it turns `Authorization: Bearer` into an account and its place in an organization.
//!
//! Account, membership, organization and session are read with each request, so a token ends immediately with any of
//! them.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use mongodb::bson::doc;

use super::live_session::session_if_alive;
use crate::model::{Account, Action, Event, Organization, Principal, Role, SessionId};
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::state::AppState;
use crate::store::Databases;

/// An active account, as a member of an open organization, with a live session. Only a valid access token yields one.
pub struct Caller {
    request: RequestContext,
    databases: Arc<Databases>,
    principal: Principal,
    session_id: SessionId,
}

impl Caller {
    pub fn account(&self) -> &Account {
        &self.principal.account
    }

    /// The organization that the caller acts for.
    pub fn organization(&self) -> &Organization {
        &self.principal.organization
    }

    /// The caller's role in the organization.
    pub fn role(&self) -> Role {
        self.principal.membership.role
    }

    /// The caller's request.
    pub fn request(&self) -> &RequestContext {
        &self.request
    }

    /// The token's session.
    pub fn session_id(&self) -> SessionId {
        self.session_id
    }

    pub(crate) fn databases(&self) -> &Databases {
        &self.databases
    }

    /// An action of the caller, for the audit trail.
    pub(crate) fn event(&self, action: Action) -> Event {
        Event::new(action, self.request.address(), self.request.now())
            .by(self.account())
            .in_session(self.session_id)
    }
}

impl FromRequestParts<Arc<AppState>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<Self, Problem> {
        let token = bearer_token(parts)?;
        let verified = state.tokens.verify(token, state.clock.now()).await?;
        let request = RequestContext::from_request_parts(parts, state).await?;
        request.log().set_organization(verified.organization_id);
        let databases = request.databases().await?;
        let session = doc! { "_id": verified.session_id };
        let (principal, session) = tokio::try_join!(
            databases.find_principal(verified.account_id, verified.organization_id),
            databases.sessions.find_one(session).into_future(),
        )?;
        let (Some(principal), Some(session)) = (principal, session) else {
            return Err(Problem::not_active());
        };
        let session = session_if_alive(databases, session, &principal).await?;
        Ok(Self {
            databases: Arc::clone(databases),
            session_id: session.ok_or_else(Problem::not_active)?.id,
            request,
            principal,
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
