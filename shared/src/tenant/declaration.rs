//! Indexes and documents of kinds that a product declares in a file, not as types.

use mongodb::IndexModel;
use mongodb::bson::Document;

use super::error::{Refused, TenantError};
use super::indexes::{bind, name_of};
use super::kind::{Reach, is_kind_name};

/// A kind that a file names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeclaredKind<'n>(&'n str);

impl<'n> DeclaredKind<'n> {
    /// None if kinds cannot have this name, see [`Kind::KIND`](super::Kind::KIND).
    pub fn new(name: &'n str) -> Option<Self> {
        is_kind_name(name).then_some(Self(name))
    }

    /// The index as it is stored, with a name that begins with the kind.
    pub fn index(self, index: IndexModel) -> Result<IndexModel, Refused> {
        let name = name_of(&index);
        bind(Reach::Kind(self.0), index, &name)
    }

    /// The document as it is stored.
    pub fn document(self, document: &Document) -> Result<Document, TenantError> {
        let stored = Reach::Kind(self.0).to_stored(document)?;
        Ok(Document::try_from(stored)?)
    }
}
