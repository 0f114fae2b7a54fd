//! The handle of a tenant's documents.

use std::fmt;

use mongodb::bson::Document;
use mongodb::options::{
    AggregateOptions, CountOptions, DeleteOptions, DistinctOptions, FindOneAndDeleteOptions,
    FindOneAndReplaceOptions, FindOneAndUpdateOptions, FindOneOptions, FindOptions,
    InsertManyOptions, ReplaceOptions, UpdateModifications, UpdateOptions,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::actions::{
    Aggregate, CountDocuments, Delete, Distinct, Find, FindOne, FindOneAndDelete,
    FindOneAndReplace, FindOneAndUpdate, InsertMany, InsertOne, Matching, ReplaceOne, Update,
};
use super::target::Target;

/// Documents of the type `T` in the tenant's collection: those of one kind, or those of no kind.
///
/// The methods have the names and meanings of those of [`mongodb::Collection`]. A statement that could leave these
/// documents fails with [`TenantError::Refused`](super::TenantError::Refused), and is not sent.
pub struct TenantCollection<T> {
    target: Target<T>,
}

impl<T> Clone for TenantCollection<T> {
    fn clone(&self) -> Self {
        Self {
            target: self.target.clone(),
        }
    }
}

impl<T> fmt::Debug for TenantCollection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantCollection")
            .field("name", &self.name())
            .field("reach", &self.target.reach())
            .finish_non_exhaustive()
    }
}

impl<T> TenantCollection<T> {
    pub(super) fn new(target: Target<T>) -> Self {
        Self { target }
    }

    pub(super) fn target(&self) -> &Target<T> {
        &self.target
    }

    /// The name of the tenant's collection.
    pub fn name(&self) -> &str {
        self.target.stored().name()
    }
}

impl<T: Send + Sync> TenantCollection<T> {
    pub fn count_documents(&self, filter: Document) -> CountDocuments<'_, T> {
        CountDocuments {
            target: &self.target,
            filter,
            options: CountOptions::default(),
        }
    }

    /// The different values of a field.
    pub fn distinct(&self, field: impl Into<String>, filter: Document) -> Distinct<'_, T> {
        Distinct {
            target: &self.target,
            field: field.into(),
            filter,
            options: DistinctOptions::default(),
        }
    }

    /// The stages that read another collection (`$lookup`, `$graphLookup`, `$unionWith`) name a kind of the same tenant instead.
    /// Stages that write (`$out`, `$merge`), that read what is not a tenant's (`$collStats`, `$currentOp`, …) or that only
    /// Atlas Search has are refused.
    /// MongoDB has no `$unionWith` in transactions.
    pub fn aggregate(&self, pipeline: impl IntoIterator<Item = Document>) -> Aggregate<'_, T> {
        Aggregate {
            target: &self.target,
            pipeline: pipeline.into_iter().collect(),
            options: AggregateOptions::default(),
        }
    }

    pub fn update_one(
        &self,
        filter: Document,
        update: impl Into<UpdateModifications>,
    ) -> Update<'_, T> {
        self.update(Matching::First, filter, update.into())
    }

    pub fn update_many(
        &self,
        filter: Document,
        update: impl Into<UpdateModifications>,
    ) -> Update<'_, T> {
        self.update(Matching::All, filter, update.into())
    }

    fn update(
        &self,
        matching: Matching,
        filter: Document,
        update: UpdateModifications,
    ) -> Update<'_, T> {
        Update {
            target: &self.target,
            matching,
            filter,
            update,
            options: UpdateOptions::default(),
        }
    }

    pub fn delete_one(&self, filter: Document) -> Delete<'_, T> {
        self.delete(Matching::First, filter)
    }

    pub fn delete_many(&self, filter: Document) -> Delete<'_, T> {
        self.delete(Matching::All, filter)
    }

    fn delete(&self, matching: Matching, filter: Document) -> Delete<'_, T> {
        Delete {
            target: &self.target,
            matching,
            filter,
            options: DeleteOptions::default(),
        }
    }
}

impl<T: DeserializeOwned + Send + Sync> TenantCollection<T> {
    pub fn find(&self, filter: Document) -> Find<'_, T> {
        Find {
            target: &self.target,
            filter,
            options: FindOptions::default(),
        }
    }

    pub fn find_one(&self, filter: Document) -> FindOne<'_, T> {
        FindOne {
            target: &self.target,
            filter,
            options: FindOneOptions::default(),
        }
    }

    pub fn find_one_and_update(
        &self,
        filter: Document,
        update: impl Into<UpdateModifications>,
    ) -> FindOneAndUpdate<'_, T> {
        FindOneAndUpdate {
            target: &self.target,
            filter,
            update: update.into(),
            options: FindOneAndUpdateOptions::default(),
        }
    }

    pub fn find_one_and_delete(&self, filter: Document) -> FindOneAndDelete<'_, T> {
        FindOneAndDelete {
            target: &self.target,
            filter,
            options: FindOneAndDeleteOptions::default(),
        }
    }
}

impl<T: Serialize + Send + Sync> TenantCollection<T> {
    pub fn insert_one(&self, document: &T) -> InsertOne<'_, T> {
        InsertOne {
            target: &self.target,
            document: self.target.to_stored(document),
        }
    }

    pub fn insert_many<'d>(&self, documents: impl IntoIterator<Item = &'d T>) -> InsertMany<'_, T>
    where
        T: 'd,
    {
        let documents = documents.into_iter();
        InsertMany {
            target: &self.target,
            documents: documents.map(|one| self.target.to_stored(one)).collect(),
            options: InsertManyOptions::default(),
        }
    }

    pub fn replace_one(&self, filter: Document, replacement: &T) -> ReplaceOne<'_, T> {
        ReplaceOne {
            target: &self.target,
            filter,
            replacement: self.target.to_stored(replacement),
            options: ReplaceOptions::default(),
        }
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync> TenantCollection<T> {
    pub fn find_one_and_replace(
        &self,
        filter: Document,
        replacement: &T,
    ) -> FindOneAndReplace<'_, T> {
        FindOneAndReplace {
            target: &self.target,
            filter,
            replacement: self.target.to_stored(replacement),
            options: FindOneAndReplaceOptions::default(),
        }
    }
}
