//! Several writes in one call.

use mongodb::bson::Document;
use mongodb::options::UpdateModifications;
use mongodb::results::UpdateResult;
use serde::Serialize;

use super::collection::TenantCollection;
use super::error::TenantError;
use super::target::Target;

/// One write of a [`bulk_write`](TenantCollection::bulk_write).
#[derive(Clone, Debug)]
pub enum WriteModel<'a, T> {
    InsertOne {
        document: &'a T,
    },
    UpdateOne {
        filter: Document,
        update: UpdateModifications,
        upsert: bool,
    },
    UpdateMany {
        filter: Document,
        update: UpdateModifications,
        upsert: bool,
    },
    ReplaceOne {
        filter: Document,
        replacement: &'a T,
        upsert: bool,
    },
    DeleteOne {
        filter: Document,
    },
    DeleteMany {
        filter: Document,
    },
}

/// What a [`bulk_write`](TenantCollection::bulk_write) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkWriteResult {
    pub inserted_count: u64,
    pub matched_count: u64,
    pub modified_count: u64,
    pub upserted_count: u64,
    pub deleted_count: u64,
}

impl BulkWriteResult {
    fn add(&mut self, updated: &UpdateResult) {
        self.matched_count += updated.matched_count;
        self.modified_count += updated.modified_count;
        self.upserted_count += u64::from(updated.upserted_id.is_some());
    }
}

impl<T: Serialize + Send + Sync> TenantCollection<T> {
    /// Several writes, in this order, until one fails. None is sent if one is refused. Insertions that follow each other are one
    /// statement, and each other write is one. (The driver's own bulk write, a single statement, requires MongoDB 8.0.)
    pub async fn bulk_write<'d>(
        &self,
        models: impl IntoIterator<Item = WriteModel<'d, T>>,
    ) -> Result<BulkWriteResult, TenantError>
    where
        T: 'd,
    {
        let models: Vec<_> = models.into_iter().collect();
        for model in &models {
            model.check(self.target())?;
        }
        let mut result = BulkWriteResult::default();
        let mut models = models.into_iter().peekable();
        while let Some(model) = models.next() {
            match model {
                WriteModel::InsertOne { document } => {
                    let mut documents = vec![document];
                    while let Some(WriteModel::InsertOne { document }) =
                        models.next_if(|next| matches!(next, WriteModel::InsertOne { .. }))
                    {
                        documents.push(document);
                    }
                    let inserted = self.insert_many(documents).await?;
                    result.inserted_count += inserted.inserted_ids.len() as u64;
                }
                WriteModel::UpdateOne {
                    filter,
                    update,
                    upsert,
                } => result.add(&self.update_one(filter, update).upsert(upsert).await?),
                WriteModel::UpdateMany {
                    filter,
                    update,
                    upsert,
                } => result.add(&self.update_many(filter, update).upsert(upsert).await?),
                WriteModel::ReplaceOne {
                    filter,
                    replacement,
                    upsert,
                } => {
                    let replace = self.replace_one(filter, replacement);
                    result.add(&replace.upsert(upsert).await?);
                }
                WriteModel::DeleteOne { filter } => {
                    result.deleted_count += self.delete_one(filter).await?.deleted_count;
                }
                WriteModel::DeleteMany { filter } => {
                    result.deleted_count += self.delete_many(filter).await?.deleted_count;
                }
            }
        }
        Ok(result)
    }
}

impl<T: Serialize + Send + Sync> WriteModel<'_, T> {
    /// Fails if the write is refused.
    fn check(&self, target: &Target<T>) -> Result<(), TenantError> {
        match self {
            Self::InsertOne { document } => target.to_stored(document).map(drop),
            Self::UpdateOne { filter, update, .. } | Self::UpdateMany { filter, update, .. } => {
                target.filter(filter.clone(), None)?;
                target.update(update.clone()).map(drop)
            }
            Self::ReplaceOne {
                filter,
                replacement,
                ..
            } => {
                target.filter(filter.clone(), None)?;
                target.to_stored(replacement).map(drop)
            }
            Self::DeleteOne { filter } | Self::DeleteMany { filter } => {
                target.filter(filter.clone(), None).map(drop)
            }
        }
    }
}
