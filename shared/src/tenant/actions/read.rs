//! Statements that read.

use std::pin::Pin;

use mongodb::bson::{Bson, Document};
use mongodb::options::{
    Collation, CountOptions, DistinctOptions, FindOneOptions, FindOptions, Hint,
};
use serde::de::DeserializeOwned;

use super::{await_sends, open_cursor, options, read_found, send};
use crate::tenant::cursor::TenantCursor;
use crate::tenant::error::TenantError;
use crate::tenant::permitted::check_projection;
use crate::tenant::target::Target;

/// Made by [`find`](crate::tenant::TenantCollection::find).
#[must_use = "a statement is sent when it is awaited"]
pub struct Find<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) filter: Document,
    pub(in crate::tenant) options: FindOptions,
}

impl<'a, T: DeserializeOwned + Send + Sync> Find<'a, T> {
    options! {
        sort: Document,
        limit: i64,
        skip: u64,
        projection: Document,
        hint: Hint,
        collation: Collation,
        batch_size: u32,
        allow_disk_use: bool,
    }

    async fn send(self) -> Result<TenantCursor<T>, TenantError> {
        check_projection(self.options.projection.as_ref())?;
        let filter = self
            .target
            .filter(self.filter, self.options.collation.as_ref())?;
        let find = self.target.stored().find(filter);
        let find = find.with_options(self.options);
        open_cursor!(self.target, find)
    }
}
await_sends!(Find<'a, T> -> TenantCursor<T> where T: DeserializeOwned);

/// Made by [`find_one`](crate::tenant::TenantCollection::find_one).
#[must_use = "a statement is sent when it is awaited"]
pub struct FindOne<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) filter: Document,
    pub(in crate::tenant) options: FindOneOptions,
}

impl<'a, T: DeserializeOwned + Send + Sync> FindOne<'a, T> {
    options! {
        sort: Document,
        skip: u64,
        projection: Document,
        hint: Hint,
        collation: Collation,
    }

    async fn send(self) -> Result<Option<T>, TenantError> {
        check_projection(self.options.projection.as_ref())?;
        let filter = self
            .target
            .filter(self.filter, self.options.collation.as_ref())?;
        let find = self.target.stored().find_one(filter);
        read_found(send!(self.target, find.with_options(self.options))?)
    }
}
await_sends!(FindOne<'a, T> -> Option<T> where T: DeserializeOwned);

/// Made by [`count_documents`](crate::tenant::TenantCollection::count_documents).
#[must_use = "a statement is sent when it is awaited"]
pub struct CountDocuments<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) filter: Document,
    pub(in crate::tenant) options: CountOptions,
}

impl<'a, T: Send + Sync> CountDocuments<'a, T> {
    options! {
        limit: u64,
        skip: u64,
        hint: Hint,
        collation: Collation,
    }

    async fn send(self) -> Result<u64, TenantError> {
        let filter = self
            .target
            .filter(self.filter, self.options.collation.as_ref())?;
        let count = self.target.stored().count_documents(filter);
        Ok(send!(self.target, count.with_options(self.options))?)
    }
}
await_sends!(CountDocuments<'a, T> -> u64);

/// Made by [`distinct`](crate::tenant::TenantCollection::distinct).
#[must_use = "a statement is sent when it is awaited"]
pub struct Distinct<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) field: String,
    pub(in crate::tenant) filter: Document,
    pub(in crate::tenant) options: DistinctOptions,
}

impl<'a, T: Send + Sync> Distinct<'a, T> {
    options! {
        hint: Hint,
        collation: Collation,
    }

    async fn send(self) -> Result<Vec<Bson>, TenantError> {
        let filter = self
            .target
            .filter(self.filter, self.options.collation.as_ref())?;
        let distinct = self.target.stored().distinct(self.field, filter);
        Ok(send!(self.target, distinct.with_options(self.options))?)
    }
}
await_sends!(Distinct<'a, T> -> Vec<Bson>);
