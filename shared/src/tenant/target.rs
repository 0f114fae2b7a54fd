//! The collection, kind and transaction of a handle's statements.

use std::marker::PhantomData;

use mongodb::bson::{Document, RawDocumentBuf};
use mongodb::error::Error;
use mongodb::options::{Collation, UpdateModifications};
use mongodb::{ClientSession, Collection, SessionCursor};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedMutexGuard;

use super::cursor::{TenantCursor, lock};
use super::error::{Refused, TenantError};
use super::kind::Reach;
use super::permitted::{Pipeline, bind_update, check_filter};
use crate::mongo::TransactionSession;

/// The tenant's collection, which of its documents a handle reaches, and the transaction of its statements.
#[derive(Debug)]
pub(super) struct Target<T> {
    collection: Collection<RawDocumentBuf>,
    reach: Reach<'static>,
    transaction: Option<TransactionSession>,
    documents: PhantomData<fn() -> T>,
}

impl<T> Clone for Target<T> {
    fn clone(&self) -> Self {
        Self {
            collection: self.collection.clone(),
            transaction: self.transaction.clone(),
            ..*self
        }
    }
}

impl<T> Target<T> {
    pub fn new(
        collection: Collection<RawDocumentBuf>,
        reach: Reach<'static>,
        transaction: Option<TransactionSession>,
    ) -> Self {
        Self {
            collection,
            reach,
            transaction,
            documents: PhantomData,
        }
    }

    /// The collection with the stored documents, those of all kinds.
    pub fn stored(&self) -> &Collection<RawDocumentBuf> {
        &self.collection
    }

    /// The same, for statements that cannot run in a transaction.
    pub fn stored_outside_transactions(&self) -> Result<&Collection<RawDocumentBuf>, Refused> {
        match self.transaction {
            None => Ok(&self.collection),
            Some(_) => Err(Refused::InTransaction),
        }
    }

    pub fn reach(&self) -> Reach<'static> {
        self.reach
    }

    pub fn filter(
        &self,
        filter: Document,
        collation: Option<&Collation>,
    ) -> Result<Document, TenantError> {
        check_filter(&filter)?;
        Ok(self.reach.condition(collation.into(), filter))
    }

    pub fn update(&self, update: UpdateModifications) -> Result<UpdateModifications, TenantError> {
        Ok(bind_update(self.reach, update)?)
    }

    pub fn pipeline(
        &self,
        stages: Vec<Document>,
        collation: Option<&Collation>,
    ) -> Result<Vec<Document>, TenantError> {
        let pipeline = Pipeline {
            collection: self.collection.name(),
            comparison: collation.into(),
        };
        let own = |more| self.reach.condition(pipeline.comparison, more);
        Ok(pipeline.bind(own, stages)?)
    }

    pub fn to_stored(&self, document: &T) -> Result<RawDocumentBuf, TenantError>
    where
        T: Serialize,
    {
        self.reach.to_stored(document)
    }

    /// The transaction's session, once no other statement uses it. None without a transaction.
    pub async fn session(&self) -> Result<Option<OwnedMutexGuard<ClientSession>>, TenantError> {
        match &self.transaction {
            Some(transaction) => lock(transaction).await.map(Some),
            None => Ok(None),
        }
    }

    /// Records a failure in the transaction, if there is one.
    pub fn recorded<R>(&self, result: Result<R, Error>) -> Result<R, TenantError> {
        Ok(match &self.transaction {
            Some(transaction) => transaction.recorded(result)?,
            None => result?,
        })
    }

    /// The cursor of a statement in the transaction.
    pub fn cursor_in_transaction<R: DeserializeOwned>(
        &self,
        cursor: SessionCursor<RawDocumentBuf>,
    ) -> Result<TenantCursor<R>, TenantError> {
        let transaction = self.transaction.clone();
        let transaction = transaction.ok_or(TenantError::TransactionEnded)?;
        Ok(TenantCursor::in_transaction(cursor, transaction))
    }
}
