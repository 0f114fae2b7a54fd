//! Results of queries.

use std::marker::PhantomData;

use mongodb::bson::RawDocumentBuf;
use mongodb::{ClientSession, Cursor, SessionCursor};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedMutexGuard;

use super::error::TenantError;
use super::kind::from_stored;
use crate::mongo::TransactionSession;

/// The documents that a query found, without their kind. They are fetched in batches.
#[derive(Debug)]
pub struct TenantCursor<T> {
    source: Source,
    documents: PhantomData<fn() -> T>,
}

#[derive(Debug)]
enum Source {
    Single(Cursor<RawDocumentBuf>),
    InTransaction(SessionCursor<RawDocumentBuf>, TransactionSession),
}

impl<T: DeserializeOwned> TenantCursor<T> {
    pub(super) fn new(cursor: Cursor<RawDocumentBuf>) -> Self {
        Self::of(Source::Single(cursor))
    }

    pub(super) fn in_transaction(
        cursor: SessionCursor<RawDocumentBuf>,
        session: TransactionSession,
    ) -> Self {
        Self::of(Source::InTransaction(cursor, session))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            documents: PhantomData,
        }
    }

    /// The next document. None after the last one.
    pub async fn try_next(&mut self) -> Result<Option<T>, TenantError> {
        match &mut self.source {
            Source::Single(cursor) => match cursor.advance().await? {
                true => from_stored(cursor.current()).map(Some),
                false => Ok(None),
            },
            Source::InTransaction(cursor, session) => {
                let mut locked = lock(session).await?;
                match session.recorded(cursor.advance(&mut locked).await)? {
                    true => from_stored(cursor.current()).map(Some),
                    false => Ok(None),
                }
            }
        }
    }

    /// All remaining documents.
    pub async fn try_collect(mut self) -> Result<Vec<T>, TenantError> {
        let mut documents = Vec::new();
        while let Some(document) = self.try_next().await? {
            documents.push(document);
        }
        Ok(documents)
    }

    /// The same results, read as another type.
    pub fn with_type<R: DeserializeOwned>(self) -> TenantCursor<R> {
        TenantCursor::of(self.source)
    }
}

/// The session of a transaction, once no other statement uses it.
pub(super) async fn lock(
    session: &TransactionSession,
) -> Result<OwnedMutexGuard<ClientSession>, TenantError> {
    let locked = session.lock().await;
    locked.ok_or(TenantError::TransactionEnded)
}
