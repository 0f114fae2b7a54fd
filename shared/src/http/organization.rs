//! The organization that a request turned out to be about, for the request's line in the log.

use std::cell::Cell;

use mongodb::bson::oid::ObjectId;

tokio::task_local! {
    static ORGANIZATION: Cell<Option<ObjectId>>;
}

/// Runs a request and tells whose it was, where that was noted on the way.
pub(super) async fn with_organization<T>(
    request: impl Future<Output = T>,
) -> (T, Option<ObjectId>) {
    let scope = async {
        let answer = request.await;
        (answer, ORGANIZATION.with(Cell::get))
    };
    ORGANIZATION.scope(Cell::new(None), scope).await
}

/// Does nothing outside of a request.
pub(crate) fn note_organization(id: ObjectId) {
    let _ = ORGANIZATION.try_with(|organization| organization.set(Some(id)));
}
