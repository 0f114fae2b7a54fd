//! The begin of a session: a login.

use mongodb::bson::oid::ObjectId;
use tokio::time::Instant;

use super::limit::end_beyond_limit;
use super::refresh_token::RefreshToken;
use crate::auth::VerifiedLogin;
use crate::clock::after;
use crate::http::ClientAddress;
use crate::metrics::{self, Metric};
use crate::model::{Action, Admin, Event, Session};
use crate::problem::Problem;
use crate::state::AppState;
use crate::throttle::Outcome;
use crate::tokens::TokenResponse;

/// A session for an admin, whose attempt is settled beside it.
pub async fn open(
    state: &AppState,
    verified: VerifiedLogin<'_>,
    address: ClientAddress,
    deadline: Instant,
) -> Result<TokenResponse, Problem> {
    let (admin, settling) = verified.settling(Outcome::LoggedIn);
    let opening = open_for(state, &admin, address, deadline);
    // An attempt that cannot be settled counts as a wrong one: that is for later ones to feel.
    let (opened, _) = tokio::join!(opening, settling);
    opened
}

async fn open_for(
    state: &AppState,
    admin: &Admin,
    address: ClientAddress,
    deadline: Instant,
) -> Result<TokenResponse, Problem> {
    let databases = state.mongo.databases().await?;
    let now = databases.clock.now();
    let pepper = databases.pepper()?;
    let refresh_token = RefreshToken::random(ObjectId::new())?;
    let session = Session {
        id: refresh_token.session_id,
        organization_id: admin.organization_id,
        admin_id: admin.id,
        epoch: admin.session_epoch,
        refresh_token_hash: refresh_token.hash(pepper),
        replaced: None,
        created_at: now,
        refreshed_at: now,
        expires_at: after(now, state.config.session_ttl),
    };
    // Signed first: a session without tokens would be of no use to anyone.
    let access_token = state.tokens.issue(admin, &session, now).await?;
    let event = Event::new(Action::Login, address, now)
        .of(admin)
        .in_session(session.id);
    let max_sessions = state.config.max_sessions;
    databases
        .transaction(deadline, |transaction, _| {
            Box::pin(async {
                let inserting = databases.sessions.insert_one(&session);
                inserting.session(&mut *transaction).await?;
                databases.append(&event, transaction).await?;
                end_beyond_limit(databases, max_sessions, &session, &event, transaction).await?;
                Ok(())
            })
        })
        .await?;
    metrics::record(Metric::LoginsSucceeded, 1.0);
    Ok(TokenResponse::new(
        access_token,
        refresh_token.to_text(pepper),
        state.config.session_ttl,
    ))
}
