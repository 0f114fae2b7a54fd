//! Statements that change one document and return it.

use std::pin::Pin;

use mongodb::bson::{Document, RawDocumentBuf};
use mongodb::options::{
    Collation, FindOneAndDeleteOptions, FindOneAndReplaceOptions, FindOneAndUpdateOptions, Hint,
    ReturnDocument, UpdateModifications,
};
use serde::de::DeserializeOwned;

use super::{await_sends, options, read_found, send};
use crate::tenant::error::TenantError;
use crate::tenant::permitted::check_projection;
use crate::tenant::target::Target;

/// Made by [`find_one_and_update`](crate::tenant::TenantCollection::find_one_and_update).
#[must_use = "a statement is sent when it is awaited"]
pub struct FindOneAndUpdate<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) filter: Document,
    pub(in crate::tenant) update: UpdateModifications,
    pub(in crate::tenant) options: FindOneAndUpdateOptions,
}

impl<'a, T: DeserializeOwned + Send + Sync> FindOneAndUpdate<'a, T> {
    options! {
        /// [`ReturnDocument::Before`] if it is not set.
        return_document: ReturnDocument,
        sort: Document,
        projection: Document,
        upsert: bool,
        array_filters: Vec<Document>,
        hint: Hint,
        collation: Collation,
    }

    async fn send(self) -> Result<Option<T>, TenantError> {
        check_projection(self.options.projection.as_ref())?;
        let filter = self
            .target
            .filter(self.filter, self.options.collation.as_ref())?;
        let update = self.target.update(self.update)?;
        let update = self.target.stored().find_one_and_update(filter, update);
        read_found(send!(self.target, update.with_options(self.options))?)
    }
}
await_sends!(FindOneAndUpdate<'a, T> -> Option<T> where T: DeserializeOwned);

/// Made by [`find_one_and_replace`](crate::tenant::TenantCollection::find_one_and_replace).
#[must_use = "a statement is sent when it is awaited"]
pub struct FindOneAndReplace<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) filter: Document,
    pub(in crate::tenant) replacement: Result<RawDocumentBuf, TenantError>,
    pub(in crate::tenant) options: FindOneAndReplaceOptions,
}

impl<'a, T: DeserializeOwned + Send + Sync> FindOneAndReplace<'a, T> {
    options! {
        /// [`ReturnDocument::Before`] if it is not set.
        return_document: ReturnDocument,
        sort: Document,
        projection: Document,
        upsert: bool,
        hint: Hint,
        collation: Collation,
    }

    async fn send(self) -> Result<Option<T>, TenantError> {
        check_projection(self.options.projection.as_ref())?;
        let filter = self
            .target
            .filter(self.filter, self.options.collation.as_ref())?;
        let stored = self.target.stored();
        let replace = stored.find_one_and_replace(filter, self.replacement?);
        read_found(send!(self.target, replace.with_options(self.options))?)
    }
}
await_sends!(FindOneAndReplace<'a, T> -> Option<T> where T: DeserializeOwned);

/// Made by [`find_one_and_delete`](crate::tenant::TenantCollection::find_one_and_delete).
#[must_use = "a statement is sent when it is awaited"]
pub struct FindOneAndDelete<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) filter: Document,
    pub(in crate::tenant) options: FindOneAndDeleteOptions,
}

impl<'a, T: DeserializeOwned + Send + Sync> FindOneAndDelete<'a, T> {
    options! {
        sort: Document,
        projection: Document,
        hint: Hint,
        collation: Collation,
    }

    async fn send(self) -> Result<Option<T>, TenantError> {
        check_projection(self.options.projection.as_ref())?;
        let filter = self
            .target
            .filter(self.filter, self.options.collation.as_ref())?;
        let delete = self.target.stored().find_one_and_delete(filter);
        read_found(send!(self.target, delete.with_options(self.options))?)
    }
}
await_sends!(FindOneAndDelete<'a, T> -> Option<T> where T: DeserializeOwned);
