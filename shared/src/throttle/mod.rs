//! Rate limits, counted in MongoDB before any costly work: attempts at a password, requests of an address, changes
//! of an organization.
//!
//! Every decision is one atomic update of one document, with the time of the process's clock. If MongoDB cannot be
//! reached, the request fails.

mod attempt;
mod counter;
mod failure_backoff;
mod login_attempt;
mod outcome;

use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::{Document, deserialize_from_document, doc};
use mongodb::error::Error;
use mongodb::options::ReturnDocument;
use serde::Deserialize;

use crate::mongo::is_duplicate;
use crate::problem::{Code, Problem};

pub use attempt::forget_failures;
pub use attempt::{Attempt, Subject, reserve_attempt};
pub(crate) use counter::count_link;
pub use counter::{LimitedAction, count_change, count_request};
pub use login_attempt::LoginAttempt;
pub use outcome::Outcome;

fn too_many(wait: Duration) -> Problem {
    // Rounded up to whole seconds: an attempt after them is not too early.
    let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
    Problem::new(Code::TooManyAttempts, "Wait before the next attempt.")
        .retry_after(Duration::from_secs(seconds.max(1)))
}

/// Updates the document `key` by an aggregation pipeline, or inserts it. Returns the updated document.
async fn update<T: for<'de> Deserialize<'de>>(
    counters: &Collection<Document>,
    key: &str,
    pipeline: Vec<Document>,
) -> Result<T, Problem> {
    let once = || async {
        counters
            .find_one_and_update(doc! { "_id": key }, pipeline.clone())
            .upsert(true)
            .return_document(ReturnDocument::After)
            .await
    };
    let updated = match once().await {
        // Two requests inserted it at the same time. The second one now finds it.
        Err(error) if is_duplicate(&error) => once().await,
        result => result,
    }?;
    let updated = updated.ok_or_else(Problem::internal)?;
    Ok(deserialize_from_document(updated).map_err(Error::from)?)
}
