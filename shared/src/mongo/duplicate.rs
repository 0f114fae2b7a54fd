//! A write that met a unique index, made into the reason for which a transaction is refused.

use mongodb::error::Error;

use super::{Abort, duplicate_index};

pub trait OnDuplicate<T, E> {
    /// Refuses the transaction with `reason`, if the write met the unique index of this name.
    fn on_duplicate(self, index: &str, reason: E) -> Result<T, Abort<E>>;
}

impl<T, E> OnDuplicate<T, E> for Result<T, Error> {
    fn on_duplicate(self, index: &str, reason: E) -> Result<T, Abort<E>> {
        self.map_err(Abort::Mongo).on_duplicate(index, reason)
    }
}

impl<T, E> OnDuplicate<T, E> for Result<T, Abort<E>> {
    fn on_duplicate(self, index: &str, reason: E) -> Self {
        match self {
            Err(Abort::Mongo(error)) if duplicate_index(&error) == Some(index) => {
                Err(Abort::Refused(reason))
            }
            result => result,
        }
    }
}
