//! The versions before the one that is rolled out, and what has changed since.

use mongodb::bson::Document;

use super::error::RolloutError;
use crate::model::ProductVersion;

/// All older versions, by number.
pub(super) struct History(Vec<ProductVersion>);

impl History {
    /// Fails if the version cannot follow the `stored` ones.
    pub fn before(
        version: &ProductVersion,
        mut stored: Vec<ProductVersion>,
    ) -> Result<Self, RolloutError> {
        let number = version.number;
        if let Some(newest) = stored.last() {
            if newest.product != version.product {
                return Err(RolloutError::OtherProduct(newest.product.clone()));
            }
            if newest.number > number {
                let newest = newest.number;
                return Err(RolloutError::Older { number, newest });
            }
        }
        match stored.pop_if(|newest| newest.number == number) {
            Some(same) if !has_same_contents(&same, version) => {
                Err(RolloutError::OtherContents(number))
            }
            _ => Ok(Self(stored)),
        }
    }

    /// The number of the version before.
    pub fn previous(&self) -> Option<i64> {
        self.0.last().map(|version| version.number)
    }

    /// Names of the indexes that a tenant with the version `from` may have, and that are not those of `version`. A run that was
    /// stopped may have created those of a version after `from`.
    pub fn stale_indexes(&self, version: &ProductVersion, from: Option<i64>) -> Vec<String> {
        let applied = self.0.iter().filter(|one| Some(one.number) >= from);
        let indexes = applied.flat_map(|one| &one.indexes);
        let stale = indexes.filter(|index| !version.indexes.contains(index));
        let mut names: Vec<_> = stale.filter_map(index_name).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Names of the indexes that the version before does not have.
    pub fn new_indexes(&self, version: &ProductVersion) -> Vec<String> {
        let before = self.0.last().map_or(&[][..], |before| &before.indexes);
        let new = version
            .indexes
            .iter()
            .filter(|index| !before.contains(index));
        new.filter_map(index_name).map(str::to_owned).collect()
    }

    /// The seeds that a tenant with the version `from` has not had. It may have changed or deleted the others.
    pub fn new_seeds<'v>(
        &self,
        version: &'v ProductVersion,
        from: Option<i64>,
    ) -> impl Iterator<Item = &'v Document> + use<'_, 'v> {
        let from = self.0.iter().find(|one| Some(one.number) == from);
        let had = from.map_or(&[][..], |from| &from.seeds);
        let has_had =
            move |seed: &Document| had.iter().any(|one| one.get("_id") == seed.get("_id"));
        version.seeds.iter().filter(move |seed| !has_had(seed))
    }
}

fn has_same_contents(one: &ProductVersion, other: &ProductVersion) -> bool {
    one.seeds == other.seeds
        && one.indexes.len() == other.indexes.len()
        && one
            .indexes
            .iter()
            .all(|index| other.indexes.contains(index))
}

/// The name in the tenant's collection.
pub(super) fn index_name(index: &Document) -> Option<&str> {
    index.get_str("name").ok()
}
