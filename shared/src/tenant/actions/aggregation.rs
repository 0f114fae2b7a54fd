//! Aggregations.

use std::pin::Pin;

use mongodb::bson::Document;
use mongodb::options::{AggregateOptions, Collation, Hint};

use super::{await_sends, open_cursor, options};
use crate::tenant::cursor::TenantCursor;
use crate::tenant::error::TenantError;
use crate::tenant::target::Target;

/// Made by [`aggregate`](crate::tenant::TenantCollection::aggregate).
#[must_use = "a statement is sent when it is awaited"]
pub struct Aggregate<'a, T> {
    pub(in crate::tenant) target: &'a Target<T>,
    pub(in crate::tenant) pipeline: Vec<Document>,
    pub(in crate::tenant) options: AggregateOptions,
}

impl<'a, T: Send + Sync> Aggregate<'a, T> {
    options! {
        allow_disk_use: bool,
        batch_size: u32,
        hint: Hint,
        collation: Collation,
    }

    async fn send(self) -> Result<TenantCursor<Document>, TenantError> {
        let pipeline = self
            .target
            .pipeline(self.pipeline, self.options.collation.as_ref())?;
        let aggregate = self.target.stored().aggregate(pipeline);
        let aggregate = aggregate.with_options(self.options).with_type();
        open_cursor!(self.target, aggregate)
    }
}
await_sends!(Aggregate<'a, T> -> TenantCursor<Document>);
