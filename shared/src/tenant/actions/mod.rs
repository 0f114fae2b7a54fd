//! Statements of a [`TenantCollection`](super::TenantCollection). Each is sent when it is awaited.
//!
//! Their options have the names and meanings that they have in the driver. Options that would weaken what the service
//! promises, such as read and write concerns, are not offered.

mod aggregation;
mod find_and_modify;
mod read;
mod write;

use mongodb::bson::RawDocumentBuf;
use serde::de::DeserializeOwned;

use super::error::TenantError;
use super::kind::from_stored;

pub use aggregation::Aggregate;
pub use find_and_modify::{FindOneAndDelete, FindOneAndReplace, FindOneAndUpdate};
pub use read::{CountDocuments, Distinct, Find, FindOne};
pub(super) use write::Matching;
pub use write::{Delete, InsertMany, InsertOne, ReplaceOne, Update};

/// Setters of options, on a type with a field `options`.
macro_rules! options {
    ($($(#[$attribute:meta])* $name:ident: $type:ty),* $(,)?) => {
        $(
            $(#[$attribute])*
            pub fn $name(mut self, value: impl Into<$type>) -> Self {
                self.options.$name = Some(value.into());
                self
            }
        )*
    };
}

/// Sends the statement of a type with a method `send`.
macro_rules! await_sends {
    ($action:ident<'a, T> -> $output:ty $(where T: $($bound:tt)+)?) => {
        impl<'a, T: Send + Sync $(+ $($bound)+)?> IntoFuture for $action<'a, T> {
            type Output = Result<$output, TenantError>;
            type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(self.send())
            }
        }
    };
}

/// Sends a driver's action, in the transaction of the target if it has one.
macro_rules! send {
    ($target:expr, $action:expr) => {
        $target.recorded(match $target.session().await? {
            Some(mut session) => $action.session(&mut *session).await,
            None => $action.await,
        })
    };
}

/// Like [`send`], for an action that returns a cursor.
macro_rules! open_cursor {
    ($target:expr, $action:expr) => {
        match $target.session().await? {
            Some(mut session) => {
                let opened = $action.session(&mut *session).await;
                let cursor = $target.recorded(opened)?;
                $target.cursor_in_transaction(cursor)
            }
            None => Ok(TenantCursor::new($action.await?)),
        }
    };
}

use {await_sends, open_cursor, options, send};

/// Reads the document that a statement found, if any.
fn read_found<T: DeserializeOwned>(
    found: Option<RawDocumentBuf>,
) -> Result<Option<T>, TenantError> {
    found.map(|found| from_stored(&found)).transpose()
}
