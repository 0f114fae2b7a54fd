//! A write that met a unique index, made into the reason for which a transaction is refused.

use mongodb::error::Error;

use super::{TransactionError, duplicate_index};

pub trait OnDuplicate<T, E> {
    /// Refuses the transaction with `reason`, if the write met the unique index of this name.
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
