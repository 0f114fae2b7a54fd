//! Reads the trail page by page, newest events first.

use std::cmp::Reverse;

use mongodb::bson::{Document, doc};

use super::Cursor;
use crate::auth::Caller;
use crate::http::MAX_PAGE;
use crate::model::{AccountId, Event};
use crate::mongo::collect;
use crate::problem::Problem;

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
    let earlier = match cursor {
        Some(text) => Cursor::parse(text, pepper, organization)
            .map(earlier_than)
            .ok_or_else(|| Problem::malformed("The cursor is invalid."))?,
        None => Document::new(),
    };
    let mut filter = doc! { "organization_ids": organization };
    if let Some(account) = account {
        filter.insert("account_id", account);
    }
    filter.extend(earlier.clone());
    let size = usize::try_from(limit.min(MAX_PAGE)).map_err(|_| Problem::internal())?;
    // One more than requested: it shows whether there is another page.
    let limit = i64::from(limit.min(MAX_PAGE)) + 1;
    let recorded = async {
        let events = databases.audit_events.find(filter);
        let events = events.sort(doc! { "at": -1, "_id": -1 }).limit(limit);
        collect(events.await?).await
    };
    let reported = databases.product_events(organization, account, earlier, limit);
    let (mut events, reported) = tokio::try_join!(recorded, reported)?;
    events.extend(reported.into_iter().map(Event::reported));
    events.sort_by_key(|event| Reverse((event.at, event.id)));
    let more = events.len() > size;
    events.truncate(size);
    let last = events.last().filter(|_| more).map(Cursor::after);
    let next_cursor = last.map(|last| last.to_text(pepper, organization));
    Ok(Page {
        events,
        next_cursor,
    })
}

/// The condition for the events that follow the cursor's.
fn earlier_than(cursor: Cursor) -> Document {
    let earlier = doc! { "at": { "$lt": cursor.at } };
    let same_time = doc! { "at": cursor.at, "_id": { "$lt": cursor.id } };
    doc! { "$or": [earlier, same_time] }
}
