//! Converts duplicate key errors into the reason for aborting a transaction.

use mongodb::error::Error;

use super::{TransactionError, duplicate_index};

pub trait OnDuplicate<T, E> {
    /// Aborts the transaction with `reason` if the write violated the unique index of this name.
    fn on_duplicate(self, index: &str, reason: E) -> Result<T, TransactionError<E>>;
}

impl<T, E> OnDuplicate<T, E> for Result<T, Error> {
    fn on_duplicate(self, index: &str, reason: E) -> Result<T, TransactionError<E>> {
        self.map_err(TransactionError::Mongo)
            .on_duplicate(index, reason)
    }
}

impl<T, E> OnDuplicate<T, E> for Result<T, TransactionError<E>> {
    fn on_duplicate(self, index: &str, reason: E) -> Self {
        match self {
            Err(TransactionError::Mongo(error)) if duplicate_index(&error) == Some(index) => {
                Err(TransactionError::Aborted(reason))
            }
            result => result,
        }
    }
}
