//! Login: email and password open a session.

use super::refresh_token::RefreshToken;
use super::revocation::revoke_beyond_limit;
use crate::auth::{Credentials, VerifiedLogin, verify_login};
use crate::clock::after;
use crate::metrics::{self, Metric};
use crate::model::{Action, EndReason, Event, Principal, Session, SessionId};
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::throttle::Outcome;
use crate::tokens::TokenResponse;

/// Opens a session for the active account with these credentials, in its open organization.
pub async fn log_in(
    request: &RequestContext,
    credentials: Credentials<'_>,
) -> Result<TokenResponse, Problem> {
    let verified = verify_login(request, credentials).await?;
    open(request, verified).await
}

/// Opens a session for a principal whose credentials were verified.
pub async fn open(
    request: &RequestContext,
    verified: VerifiedLogin<'_>,
) -> Result<TokenResponse, Problem> {
    let (principal, recording) = verified.record(Outcome::LoggedIn);
    // An attempt whose outcome cannot be recorded counts as wrong. That affects later logins, not this one.
    let (opened, _) = tokio::join!(open_session(request, &principal), recording);
    opened
}

/// The transaction locks nothing: the session stores the epochs and the membership that were read when the credentials
/// were verified. If one of them changed since, the session is dead.
async fn open_session(
    request: &RequestContext,
    principal: &Principal,
) -> Result<TokenResponse, Problem> {
    let databases = request.databases().await?;
    let (state, now) = (request.state(), request.now());
    let pepper = databases.pepper()?;
    let refresh_token = RefreshToken::random(SessionId::generate())?;
    let session = Session {
        id: refresh_token.session_id,
        account_id: principal.account.id,
        account_epoch: principal.account.epoch,
        organization_id: Some(principal.organization.id),
        organization_epoch: Some(principal.organization.epoch),
        membership_id: Some(principal.membership.id),
        refresh_token_hash: refresh_token.hash(pepper),
        replaced: None,
        address: request.address().to_text(),
        user_agent: request.user_agent().map(str::to_owned),
        created_at: now,
        refreshed_at: now,
        expires_at: after(now, state.config.session_ttl),
    };
    // Before the transaction: a session without an access token is useless.
    let access_token = state.tokens.issue(principal, &session, now).await?;
    let login = Event::new(Action::Login, request.address(), now)
        .by(&principal.account)
        .in_session(session.id)
        .concerning(vec![principal.organization.id]);
    let max_sessions = state.config.max_sessions;
    request
        .transaction(|transaction, _| {
            Box::pin(async {
                let inserting = databases.sessions.insert_one(&session);
                inserting.session(&mut *transaction).await?;
                databases.append(&login, transaction).await?;
                let ended =
                    revoke_beyond_limit(databases, max_sessions, &session, transaction).await?;
                if ended > 0 {
                    let reason = EndReason::SessionLimit;
                    let event = login.clone().followed_by(Action::SessionEnded { reason });
                    let event = event.with_sessions_ended(ended);
                    databases.append(&event, transaction).await?;
                }
                Ok(())
            })
        })
        .await?;
    metrics::record(Metric::LoginsSucceeded, 1.0);
    Ok(TokenResponse::new(
        principal,
        access_token,
        refresh_token.to_text(pepper),
        state.config.session_ttl,
    ))
}
