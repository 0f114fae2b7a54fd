//! Statements that write.

use std::pin::Pin;

use mongodb::bson::{Document, RawDocumentBuf};
use mongodb::options::{
    Collation, DeleteOptions, Hint, InsertManyOptions, ReplaceOptions, UpdateModifications,
    UpdateOptions,
};
use mongodb::results::{DeleteResult, InsertManyResult, InsertOneResult, UpdateResult};

use super::{await_sends, options, send};
use crate::tenant::error::TenantError;
use crate::tenant::target::Target;

/// Whether a statement changes the first matching document, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tenant) enum Matching {
    First,
    All,
}

/// Made by [`insert_one`](crate::tenant::TenantCollection::insert_one).
#[must_use = "a statement is sent when it is awaited"]
pub struct InsertOne<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) document: Result<RawDocumentBuf, TenantError>,
}

impl<'a, T: Send + Sync> InsertOne<'a, T> {
    async fn send(self) -> Result<InsertOneResult, TenantError> {
        let document = self.document?;
        Ok(send!(
            self.target,
            self.target.stored().insert_one(document)
        )?)
    }
}
await_sends!(InsertOne<'a, T> -> InsertOneResult);

/// Made by [`insert_many`](crate::tenant::TenantCollection::insert_many).
#[must_use = "a statement is sent when it is awaited"]
pub struct InsertMany<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) documents: Result<Vec<RawDocumentBuf>, TenantError>,
    pub(in crate::tenant) options: InsertManyOptions,
}

impl<'a, T: Send + Sync> InsertMany<'a, T> {
    options! {
        ordered: bool,
    }

    async fn send(self) -> Result<InsertManyResult, TenantError> {
        let insert = self.target.stored().insert_many(self.documents?);
        Ok(send!(self.target, insert.with_options(self.options))?)
    }
}
await_sends!(InsertMany<'a, T> -> InsertManyResult);

/// Made by [`update_one`](crate::tenant::TenantCollection::update_one) and
/// [`update_many`](crate::tenant::TenantCollection::update_many).
#[must_use = "a statement is sent when it is awaited"]
pub struct Update<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) matching: Matching,
    pub(in crate::tenant) filter: Document,
    pub(in crate::tenant) update: UpdateModifications,
    pub(in crate::tenant) options: UpdateOptions,
}

impl<'a, T: Send + Sync> Update<'a, T> {
    options! {
        upsert: bool,
        array_filters: Vec<Document>,
        hint: Hint,
        collation: Collation,
    }

    async fn send(self) -> Result<UpdateResult, TenantError> {
        let filter = self
            .target
            .filter(self.filter, self.options.collation.as_ref())?;
        let update = self.target.update(self.update)?;
        let stored = self.target.stored();
        let update = match self.matching {
            Matching::First => stored.update_one(filter, update),
            Matching::All => stored.update_many(filter, update),
        };
        Ok(send!(self.target, update.with_options(self.options))?)
    }
}
await_sends!(Update<'a, T> -> UpdateResult);

/// Made by [`replace_one`](crate::tenant::TenantCollection::replace_one).
#[must_use = "a statement is sent when it is awaited"]
pub struct ReplaceOne<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) filter: Document,
    pub(in crate::tenant) replacement: Result<RawDocumentBuf, TenantError>,
    pub(in crate::tenant) options: ReplaceOptions,
}

impl<'a, T: Send + Sync> ReplaceOne<'a, T> {
    options! {
        upsert: bool,
        hint: Hint,
        collation: Collation,
    }

    async fn send(self) -> Result<UpdateResult, TenantError> {
        let filter = self
            .target
            .filter(self.filter, self.options.collation.as_ref())?;
        let replace = self.target.stored().replace_one(filter, self.replacement?);
        Ok(send!(self.target, replace.with_options(self.options))?)
    }
}
await_sends!(ReplaceOne<'a, T> -> UpdateResult);

/// Made by [`delete_one`](crate::tenant::TenantCollection::delete_one) and
/// [`delete_many`](crate::tenant::TenantCollection::delete_many).
#[must_use = "a statement is sent when it is awaited"]
pub struct Delete<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) matching: Matching,
    pub(in crate::tenant) filter: Document,
    pub(in crate::tenant) options: DeleteOptions,
}

impl<'a, T: Send + Sync> Delete<'a, T> {
    options! {
        hint: Hint,
        collation: Collation,
    }

    async fn send(self) -> Result<DeleteResult, TenantError> {
        let filter = self
            .target
            .filter(self.filter, self.options.collation.as_ref())?;
        let stored = self.target.stored();
        let delete = match self.matching {
            Matching::First => stored.delete_one(filter),
            Matching::All => stored.delete_many(filter),
        };
        Ok(send!(self.target, delete.with_options(self.options))?)
    }
}
await_sends!(Delete<'a, T> -> DeleteResult);
