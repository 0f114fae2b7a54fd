//! Indexes of a tenant's collection.
//!
//! Kinds share the collection, so an index of a kind has a partial filter on the kind. It then contains, and its `unique`
//! compares, only documents of the kind. Its keys begin with the kind too, except for TTL, `text`, `2d` and wildcard indexes.
//! Its name begins with the kind, so two kinds can have indexes with the same keys.

use mongodb::IndexModel;
use mongodb::bson::{Bson, Document, doc};

use super::collection::TenantCollection;
use super::error::{Refused, TenantError};
use super::kind::{Comparison, KIND_FIELD, Reach};

/// Types of keys that do not follow the kind.
const FIRST_KEYS: [&str; 2] = ["text", "2d"];

impl<T: Send + Sync> TenantCollection<T> {
    /// Creates an index, unless it exists. Returns its name.
    ///
    /// The index of a kind cannot be `sparse`: give it a `partial_filter_expression`. One without a kind contains the documents
    /// of all kinds, so it cannot be `unique` or let documents expire. None can have a collation, under which kinds could be
    /// equal. These fail with [`Refused::Index`], and in a transaction every method on indexes does with
    /// [`Refused::InTransaction`]. A tenant can have one `text` index in all. Give `$geoNear` a `key` if two kinds have geospatial
    /// indexes. Each index counts towards the limits of the cluster once for each tenant: see "Growth" in
    /// `docs/performance.md`.
    pub async fn create_index(&self, index: IndexModel) -> Result<String, TenantError> {
        let names = self.create_indexes([index]).await?;
        Ok(names.into_iter().next().unwrap_or_default())
    }

    /// Creates indexes, unless they exist. Returns their names.
    pub async fn create_indexes(
        &self,
        indexes: impl IntoIterator<Item = IndexModel>,
    ) -> Result<Vec<String>, TenantError> {
        let reach = self.target().reach();
        let (mut names, mut bound) = (Vec::new(), Vec::new());
        for index in indexes {
            let name = name_of(&index);
            bound.push(bind(reach, index, &name)?);
            names.push(name);
        }
        let stored = self.target().stored_outside_transactions()?;
        stored.create_indexes(bound).await?;
        Ok(names)
    }

    /// The indexes of the kind as they are stored, with `_kind` in their names, keys and partial filters. Without a kind, all
    /// indexes that are not of a kind.
    pub async fn list_indexes(&self) -> Result<Vec<IndexModel>, TenantError> {
        let stored = self.target().stored_outside_transactions()?;
        let mut cursor = stored.list_indexes().await?;
        let mut indexes = Vec::new();
        while cursor.advance().await? {
            let index: IndexModel = cursor.deserialize_current()?;
            if kind_of(&index) == self.target().reach().kind() {
                indexes.push(index);
            }
        }
        Ok(indexes)
    }

    /// The names that [`Self::create_indexes`] returned.
    pub async fn list_index_names(&self) -> Result<Vec<String>, TenantError> {
        let reach = self.target().reach();
        let indexes = self.list_indexes().await?.into_iter();
        Ok(indexes.map(|index| name_within(reach, &index)).collect())
    }

    pub async fn drop_index(&self, name: &str) -> Result<(), TenantError> {
        let reach = self.target().reach();
        if reach == Reach::NoKind && name.contains('.') {
            return Err(Refused::Index("of a kind: drop it by a handle of the kind").into());
        }
        let stored = self.target().stored_outside_transactions()?;
        Ok(stored.drop_index(stored_name(reach, name)).await?)
    }
}

/// The given name, or the keys joined as the driver does.
pub(super) fn name_of(index: &IndexModel) -> String {
    index_name(index).map(str::to_owned).unwrap_or_else(|| {
        let keys = index.keys.iter().map(|(field, value)| match value {
            Bson::String(kind) => format!("{field}_{kind}"),
            value => format!("{field}_{value}"),
        });
        keys.collect::<Vec<_>>().join("_")
    })
}

pub(super) fn bind(
    reach: Reach<'_>,
    mut index: IndexModel,
    name: &str,
) -> Result<IndexModel, Refused> {
    let mut options = index.options.take().unwrap_or_default();
    options.name = Some(stored_name(reach, name));
    if options.collation.is_some() {
        return Err(Refused::Index("compared by a collation"));
    }
    match reach {
        Reach::NoKind if options.unique == Some(true) => {
            return Err(Refused::Index("unique without a kind"));
        }
        Reach::NoKind if options.expire_after.is_some() => {
            return Err(Refused::Index("a TTL index without a kind"));
        }
        Reach::NoKind if name.contains('.') => {
            return Err(Refused::Index("named with a dot, as those of kinds are"));
        }
        Reach::NoKind => {}
        Reach::Kind(_) if options.sparse == Some(true) => {
            return Err(Refused::Index("sparse: give it a partial filter"));
        }
        Reach::Kind(_) => {
            if options.expire_after.is_none() && !index.keys.iter().any(must_be_first) {
                let mut keys = doc! { KIND_FIELD: 1 };
                keys.extend(index.keys);
                index.keys = keys;
            }
            let filter = options.partial_filter_expression.take();
            let own = reach.condition(Comparison::Bytes, filter.unwrap_or_default());
            options.partial_filter_expression = Some(own);
        }
    }
    index.options = Some(options);
    Ok(index)
}

fn must_be_first((field, value): (&String, &Bson)) -> bool {
    let is_wildcard = field == "$**" || field.ends_with(".$**");
    is_wildcard
        || value
            .as_str()
            .is_some_and(|value| FIRST_KEYS.contains(&value))
}

fn stored_name(reach: Reach<'_>, name: &str) -> String {
    match reach.kind() {
        Some(kind) => format!("{kind}.{name}"),
        None => name.to_owned(),
    }
}

/// The kind in the index's partial filter.
fn kind_of(index: &IndexModel) -> Option<&str> {
    let filter: &Document = index.options.as_ref()?.partial_filter_expression.as_ref()?;
    filter.get_str(KIND_FIELD).ok()
}

/// The name as it is stored.
fn index_name(index: &IndexModel) -> Option<&str> {
    index.options.as_ref()?.name.as_deref()
}

fn name_within(reach: Reach<'_>, index: &IndexModel) -> String {
    let name = index_name(index).unwrap_or_default();
    let within = reach
        .kind()
        .and_then(|kind| name.strip_prefix(kind)?.strip_prefix('.'));
    within.unwrap_or(name).to_owned()
}
