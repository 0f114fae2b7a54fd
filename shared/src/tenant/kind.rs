//! Kinds of documents within a tenant's collection.

use mongodb::bson::raw::{CStr, cstr};
use mongodb::bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::options::Collation;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Refused, TenantError};
use crate::values::is_name;

/// The field that stores the kind. Only this crate writes it.
pub(super) const KIND_FIELD: &str = "_kind";
const KIND_KEY: &CStr = cstr!("_kind");
/// The kind of [counters](super::TenantTransaction::next_number).
pub(super) const COUNTER: &str = "counter";
/// Begins the `_id` of a counter.
pub(super) const COUNTER_ID: &str = "counter:";
/// Size of an element with the name `_id` and an ObjectId.
const ID_BYTES: usize = 17;
/// MongoDB's limit.
const MAX_DOCUMENT: usize = 16 * 1024 * 1024;

/// A type of documents that shares the tenant's collection with other kinds.
///
/// [`Tenant::kind`](super::Tenant::kind) gives access to its documents. Their field `_kind` has [`Self::KIND`]. It is
/// added on writing and removed on reading, so the type has no such field. `_id` is unique over all kinds of a tenant.
///
/// ```
/// use mongodb::bson::oid::ObjectId;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Invoice {
///     #[serde(rename = "_id")]
///     id: ObjectId,
///     cents: i64,
/// }
///
/// impl shared::tenant::Kind for Invoice {
///     const KIND: &'static str = "invoice";
/// }
/// ```
pub trait Kind: Serialize + DeserializeOwned + Send + Sync {
    /// 1 to 60 of `a-z`, `0-9` and `_`, the first one a letter. Names that begin with `org_`, as collections of tenants do,
    /// and `counter`, which the service uses, do not compile.
    const KIND: &'static str;
}

/// Whether documents can have this kind.
pub(super) const fn is_kind_name(name: &str) -> bool {
    let name = name.as_bytes();
    is_name(name) && !matches!(name, b"counter" | [b'o', b'r', b'g', b'_', ..])
}

/// Whether the field of this path is the kind, or within it.
pub(super) fn is_kind_field(path: &str) -> bool {
    path.split('.').next() == Some(KIND_FIELD)
}

/// How a statement compares text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Bytes,
    /// By a collation, under which different names can be equal, such as `line_2` and `line_02`.
    Collation,
}

impl From<Option<&Collation>> for Comparison {
    fn from(collation: Option<&Collation>) -> Self {
        match collation {
            Some(_) => Self::Collation,
            None => Self::Bytes,
        }
    }
}

/// The filter for documents of the kind that match `more`.
pub(super) fn kind_condition(kind: &str, comparison: Comparison, more: Document) -> Document {
    // A regular expression compares bytes. The equality is for indexes and upserts.
    let exact = match comparison {
        Comparison::Bytes => Document::new(),
        Comparison::Collation => doc! { KIND_FIELD: { "$regex": format!("^{kind}$") } },
    };
    and(doc! { KIND_FIELD: kind }, vec![exact, more])
}

fn and(mut condition: Document, mut more: Vec<Document>) -> Document {
    more.retain(|one| !one.is_empty());
    if !more.is_empty() {
        condition.insert("$and", more);
    }
    condition
}

/// The documents that a handle reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach<'k> {
    /// Those of one kind.
    Kind(&'k str),
    /// Those of no kind.
    NoKind,
}

impl<'k> Reach<'k> {
    /// The name of the kind, if it is one.
    pub fn kind(self) -> Option<&'k str> {
        match self {
            Self::Kind(name) => Some(name),
            Self::NoKind => None,
        }
    }

    /// The filter that matches exactly these documents, of them those that match `more`.
    pub fn condition(self, comparison: Comparison, more: Document) -> Document {
        match self {
            Self::Kind(name) => kind_condition(name, comparison, more),
            Self::NoKind => and(doc! { KIND_FIELD: { "$exists": false } }, vec![more]),
        }
    }

    /// The stage that restores the kind of an updated document.
    pub fn restoring_stage(self) -> Document {
        match self {
            Self::Kind(name) => doc! { "$set": { KIND_FIELD: { "$literal": name } } },
            Self::NoKind => doc! { "$unset": KIND_FIELD },
        }
    }

    /// The stored form of a document.
    pub fn to_stored<T: Serialize>(self, document: &T) -> Result<RawDocumentBuf, TenantError> {
        let mut stored = mongodb::bson::serialize_to_raw_document_buf(document)?;
        for element in stored.iter() {
            let (field, value) = element?;
            match field.as_str() {
                KIND_FIELD => return Err(Refused::Kind.into()),
                "_id" if is_counter_id(value) => return Err(Refused::CounterId.into()),
                field if field.starts_with('$') => return Err(Refused::DollarField.into()),
                _ => {}
            }
        }
        if let Self::Kind(name) = self {
            stored.append(KIND_KEY, name);
        }
        // The driver adds an `_id`.
        if stored.as_bytes().len() + ID_BYTES > MAX_DOCUMENT {
            return Err(TenantError::DocumentTooLarge);
        }
        Ok(stored)
    }
}

fn is_counter_id(id: RawBsonRef<'_>) -> bool {
    id.as_str().is_some_and(|id| id.starts_with(COUNTER_ID))
}

/// Reads a stored document, or a result of an aggregation.
pub(super) fn from_stored<T: DeserializeOwned>(stored: &RawDocument) -> Result<T, TenantError> {
    let mut without_kind = RawDocumentBuf::new();
    for element in stored.iter() {
        let (field, value) = element?;
        if field != KIND_KEY {
            without_kind.append(field, value);
        }
    }
    Ok(mongodb::bson::deserialize_from_slice(
        without_kind.as_bytes(),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kinds() {
        for name in ["invoice", "a", "line_2", &"a".repeat(60)] {
            assert!(is_kind_name(name), "{name}");
        }
        let long = "a".repeat(61);
        for name in [
            "", "Invoice", "2nd", "_kind", "a.b", "a$", "org_acme", "counter", &long,
        ] {
            assert!(!is_kind_name(name), "{name}");
        }
    }
}
