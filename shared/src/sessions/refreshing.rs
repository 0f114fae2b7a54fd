//! Refresh: a refresh token is replaced by its successor. A replaced one that is used again ends the session.
//!
//! See RFC 9700, section 4.14.2 (refresh token rotation).

use std::time::Duration;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, doc};

use super::refresh_token::RefreshToken;
use super::revocation::revoke_one;
use crate::auth::session_if_alive;
use crate::clock::between;
use crate::model::{Action, EndReason, Event, Principal, ReplacedToken, Session};
use crate::problem::Problem;
use crate::random::random_bytes;
use crate::request::RequestContext;
use crate::store::Databases;
use crate::tokens::TokenResponse;

/// A response may be lost. For this long the replaced token yields its successor again, unless that has been used.
const REPLAY_WINDOW: Duration = Duration::from_secs(30);

/// Exchanges a refresh token for a new token pair. Concurrent requests with the same token get the same refresh token.
pub async fn refresh(request: &RequestContext, text: &str) -> Result<TokenResponse, Problem> {
    let databases = request.databases().await?;
    let now = request.now();
    let pepper = databases.pepper()?;
    let token = RefreshToken::parse(text, pepper).ok_or_else(Problem::refresh_token_refused)?;
    let (session, principal) = find(databases, &token)
        .await?
        .ok_or_else(Problem::refresh_token_refused)?;
    request.log().set_organization(principal.organization.id);
    let tokens = &request.state().tokens;
    let access_token = tokens.issue(&principal, &session, now).await?;
    let left = between(now, session.expires_at);
    let Some(successor) = replace(request, &token, session).await? else {
        end_stolen(request, &token, &principal).await?;
        return Err(Problem::refresh_token_refused());
    };
    let refresh_token = successor.to_text(pepper);
    Ok(TokenResponse::new(
        &principal,
        access_token,
        refresh_token,
        left,
    ))
}

/// The token's session, if it is alive, and its principal.
async fn find(
    databases: &Databases,
    token: &RefreshToken,
) -> Result<Option<(Session, Principal)>, Problem> {
    let Some(session) = find_session(databases, token).await? else {
        return Ok(None);
    };
    let Some(organization) = session.organization_id else {
        return Ok(None);
    };
    let finding = databases.find_principal(session.account_id, organization);
    let Some(principal) = finding.await? else {
        return Ok(None);
    };
    let session = session_if_alive(databases, session, &principal).await?;
    Ok(session.map(|session| (session, principal)))
}

async fn find_session(
    databases: &Databases,
    token: &RefreshToken,
) -> Result<Option<Session>, Problem> {
    let id = doc! { "_id": token.session_id };
    Ok(databases.sessions.find_one(id).await?)
}

/// The token's successor. None if the token is neither the current one nor replaced within the replay window: then it
/// counts as stolen.
async fn replace(
    request: &RequestContext,
    token: &RefreshToken,
    mut session: Session,
) -> Result<Option<RefreshToken>, Problem> {
    let databases = request.databases().await?;
    let hash = token.hash(databases.pepper()?);
    if session.refresh_token_hash == hash {
        if let Some(successor) = replace_current(request, token, &hash).await? {
            return Ok(Some(successor));
        }
        // Another request replaced it, or the session has ended.
        session = find_session(databases, token)
            .await?
            .ok_or_else(Problem::refresh_token_refused)?;
    }
    let is_replay = |replaced: &ReplacedToken| {
        replaced.hash == hash && between(replaced.at, databases.clock.now()) < REPLAY_WINDOW
    };
    let replaced = session.replaced.filter(is_replay);
    Ok(replaced.map(|replaced| token.successor(&replaced.salt.bytes)))
}

/// The token's successor, if the token is still the session's current one.
async fn replace_current(
    request: &RequestContext,
    token: &RefreshToken,
    hash: &str,
) -> Result<Option<RefreshToken>, Problem> {
    let databases = request.databases().await?;
    let salt: [u8; 32] = random_bytes()?;
    let successor = token.successor(&salt);
    let salt = Binary {
        subtype: BinarySubtype::Generic,
        bytes: salt.to_vec(),
    };
    let now = databases.clock.now();
    let current = doc! { "_id": token.session_id, "refresh_token_hash": hash };
    let change = doc! { "$set": {
        "refresh_token_hash": successor.hash(databases.pepper()?),
        "refreshed_at": now,
        "replaced": { "hash": hash, "salt": salt, "at": now },
    } };
    let replaced = request
        .transaction(|transaction, _| {
            Box::pin(async {
                let sessions = &databases.sessions;
                let replacing = sessions.update_one(current.clone(), change.clone());
                let replaced = replacing.session(transaction).await?;
                Ok(replaced.matched_count == 1)
            })
        })
        .await?;
    Ok(replaced.then_some(successor))
}

/// Ends the session of a replaced refresh token that was used again: someone else has a copy.
async fn end_stolen(
    request: &RequestContext,
    token: &RefreshToken,
    principal: &Principal,
) -> Result<(), Problem> {
    let organization = principal.organization.id;
    tracing::warn!(
        organization_id = %organization,
        "a replaced refresh token was used again: its session is ended"
    );
    let databases = request.databases().await?;
    let reason = EndReason::RefreshTokenReused;
    let action = Action::SessionEnded { reason };
    let event = Event::new(action, request.address(), request.now())
        .by(&principal.account)
        .in_session(token.session_id)
        .concerning(vec![organization])
        .with_sessions_ended(1);
    request
        .transaction(|transaction, _| {
            Box::pin(async {
                if revoke_one(databases, token.session_id, transaction).await? {
                    databases.append(&event, transaction).await?;
                }
                Ok(())
            })
        })
        .await
}
