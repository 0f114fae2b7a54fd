//! A session goes on: a refresh token is replaced by its successor, and an old one that comes back ends it.
//!
//! See RFC 9700, section 4.14.2 (refresh token rotation).

use std::time::Duration;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, doc};
use tokio::time::Instant;

use super::ending::end_reused;
use super::refresh_token::{RefreshToken, random_bytes};
use crate::clock::between;
use crate::http::{ClientAddress, note_organization};
use crate::model::{Admin, ReplacedToken, Session};
use crate::problem::Problem;
use crate::state::AppState;
use crate::store::{Databases, alive};
use crate::tokens::TokenResponse;

/// An answer may be lost, and is waited for as long as a request may take: until then the replaced token gets
/// its successor once more, unless that has been used.
const REPLAY_WINDOW: Duration = Duration::from_secs(30);

/// New tokens for a refresh token. All who send one token at the same time get one and the same successor.
pub async fn refresh(
    state: &AppState,
    text: &str,
    address: ClientAddress,
    deadline: Instant,
) -> Result<TokenResponse, Problem> {
    let databases = state.mongo.databases().await?;
    let now = databases.clock.now();
    let pepper = databases.pepper()?;
    let token = RefreshToken::parse(text, pepper).ok_or_else(Problem::refresh_token_refused)?;
    let (session, admin) = find(databases, &token)
        .await?
        .ok_or_else(Problem::refresh_token_refused)?;
    note_organization(session.organization_id);
    let access_token = state.tokens.issue(&admin, &session, now).await?;
    let left = between(now, session.expires_at);
    let Some(successor) = replace(databases, &token, session, deadline).await? else {
        end_reused(databases, &admin, token.session_id, address, deadline).await?;
        return Err(Problem::refresh_token_refused());
    };
    let refresh_token = successor.to_text(pepper);
    Ok(TokenResponse::new(access_token, refresh_token, left))
}

/// The token's session, if it is alive, and its admin, if that may act.
async fn find(
    databases: &Databases,
    token: &RefreshToken,
) -> Result<Option<(Session, Admin)>, Problem> {
    let Some(session) = by_id(databases, token).await? else {
        return Ok(None);
    };
    let admin = databases.admins.find_one(doc! { "_id": session.admin_id });
    let organization = databases
        .organizations
        .find_one(doc! { "_id": session.organization_id });
    let (admin, organization) = tokio::try_join!(admin, organization)?;
    let (Some(admin), Some(organization)) = (admin, organization) else {
        return Ok(None);
    };
    let session = alive(databases, session, &admin).await?;
    let active = session.filter(|_| admin.may_act_for(&organization));
    Ok(active.map(|session| (session, admin)))
}

async fn by_id(databases: &Databases, token: &RefreshToken) -> Result<Option<Session>, Problem> {
    let id = doc! { "_id": token.session_id };
    Ok(databases.sessions.find_one(id).await?)
}

/// The token's successor, or nothing where the token was replaced long ago.
async fn replace(
    databases: &Databases,
    token: &RefreshToken,
    session: Session,
    deadline: Instant,
) -> Result<Option<RefreshToken>, Problem> {
    let hash = token.hash(databases.pepper()?);
    let mut session = session;
    if session.refresh_token_hash == hash {
        if let Some(successor) = replace_current(databases, token, &hash, deadline).await? {
            return Ok(Some(successor));
        }
        // Another request was faster; or the session has ended meanwhile.
        session = by_id(databases, token)
            .await?
            .ok_or_else(Problem::refresh_token_refused)?;
    }
    let fresh = |replaced: &ReplacedToken| {
        replaced.hash == hash && between(replaced.at, databases.clock.now()) < REPLAY_WINDOW
    };
    let replaced = session.replaced.filter(fresh);
    Ok(replaced.map(|replaced| token.successor(&replaced.salt.bytes)))
}

/// The successor, if the token was still the session's current one.
async fn replace_current(
    databases: &Databases,
    token: &RefreshToken,
    hash: &str,
    deadline: Instant,
) -> Result<Option<RefreshToken>, Problem> {
    let salt = random_bytes()?;
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
    let replaced = databases
        .transaction(deadline, |session, _| {
            Box::pin(async {
                let sessions = &databases.sessions;
                let replacing = sessions.update_one(current.clone(), change.clone());
                let replaced = replacing.session(session).await?;
                Ok(replaced.matched_count == 1)
            })
        })
        .await?;
    Ok(replaced.then_some(successor))
}
