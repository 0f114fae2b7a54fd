//! Lists the live sessions of the caller's account, newest logins first.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mongodb::bson::{Document, doc};

use crate::auth::Caller;
use crate::http::MAX_PAGE;
use crate::model::{Principal, Session, SessionId};
use crate::mongo::collect;
use crate::problem::Problem;

pub struct SessionPage {
    pub sessions: Vec<Session>,
    /// Of the next page. None on the last one.
    pub next_cursor: Option<String>,
}

/// At most `limit` (1 to [`MAX_PAGE`]) live sessions of the caller's account, in all its organizations, from `cursor` on.
pub async fn list(
    caller: &Caller,
    limit: u32,
    cursor: Option<&str>,
) -> Result<SessionPage, Problem> {
    let databases = caller.databases();
    let account = caller.account();
    let mut live = doc! {
        "account_id": account.id(),
        "account_epoch": account.epoch,
        "expires_at": { "$gt": caller.request().now() },
    };
    if let Some(cursor) = cursor {
        let last = parse_cursor(cursor);
        let last = last.ok_or_else(|| Problem::malformed("The cursor is invalid."))?;
        live.insert("_id", doc! { "$lt": last });
    }
    let principals = databases.principals_of(account).await?;
    let open = principals.iter().filter(|own| own.can_act());
    let open: Vec<Document> = open.map(sessions_of).collect();
    if open.is_empty() {
        return Err(Problem::not_active());
    }
    live.insert("$or", open);
    let size = usize::try_from(limit.min(MAX_PAGE)).map_err(|_| Problem::internal())?;
    // One more than requested: it shows whether there is another page.
    let found = databases.sessions.find(live).sort(doc! { "_id": -1 });
    let mut sessions = collect(found.limit(i64::from(limit) + 1).await?).await?;
    let more = sessions.len() > size;
    sessions.truncate(size);
    let last = sessions.last().filter(|_| more);
    Ok(SessionPage {
        next_cursor: last.map(|last| URL_SAFE_NO_PAD.encode(<[u8; 12]>::from(last.id))),
        sessions,
    })
}

/// The condition for sessions that are alive as far as membership and organization are concerned.
fn sessions_of(principal: &Principal) -> Document {
    doc! {
        "membership_id": principal.membership.id,
        "organization_epoch": principal.organization.epoch,
    }
}

/// The last session of the previous page. It is not signed: another one leads to another position of the same list.
fn parse_cursor(text: &str) -> Option<SessionId> {
    let id: [u8; 12] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    Some(id.into())
}
