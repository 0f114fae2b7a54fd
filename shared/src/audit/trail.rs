//! Reads the trail page by page, newest events first.

use mongodb::bson::doc;

use super::Cursor;
use crate::auth::Caller;
use crate::model::{AccountId, Event};
use crate::problem::Problem;

/// Maximum number of events on a page.
pub const MAX_PAGE: u32 = 100;

pub struct Page {
    pub events: Vec<Event>,
    /// Of the next page. None on the last one.
    pub next_cursor: Option<String>,
}

/// At most `limit` events (1 to [`MAX_PAGE`]) of the caller's organization, from `cursor` on. With `account`, only events
/// of this account.
pub async fn page(
    caller: &Caller,
    limit: u32,
    cursor: Option<&str>,
    account: Option<AccountId>,
) -> Result<Page, Problem> {
    let databases = caller.databases();
    let pepper = databases.pepper()?;
    let organization = caller.organization().id;
    let mut filter = doc! { "organization_ids": organization };
    if let Some(account) = account {
        filter.insert("account_id", account);
    }
    if let Some(text) = cursor {
        let cursor = Cursor::parse(text, pepper, organization)
            .ok_or_else(|| Problem::malformed("The cursor is invalid."))?;
        let earlier = doc! { "at": { "$lt": cursor.at } };
        let same_time = doc! { "at": cursor.at, "_id": { "$lt": cursor.id } };
        filter.insert("$or", [earlier, same_time]);
    }
    let size = usize::try_from(limit.min(MAX_PAGE)).map_err(|_| Problem::internal())?;
    let mut found = databases
        .audit_events
        .find(filter)
        .sort(doc! { "at": -1, "_id": -1 })
        // One more than requested: it shows whether there is another page.
        .limit(i64::from(limit.min(MAX_PAGE)) + 1)
        .await?;
    let mut events: Vec<Event> = Vec::with_capacity(size + 1);
    while found.advance().await? {
        events.push(found.deserialize_current()?);
    }
    let more = events.len() > size;
    events.truncate(size);
    let last = events.last().filter(|_| more).map(Cursor::after);
    let next_cursor = last.map(|last| last.to_text(pepper, organization));
    Ok(Page {
        events,
        next_cursor,
    })
}
