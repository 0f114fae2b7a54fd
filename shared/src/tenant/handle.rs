//! The handle of a tenant.

use std::fmt;

use mongodb::bson::RawDocumentBuf;

use super::actor::Actor;
use super::collection::TenantCollection;
use super::kind::{Kind, Reach, is_kind_name};
use super::target::Target;
use crate::auth::Caller;
use crate::model::OrganizationId;
use crate::mongo::TransactionSession;
use crate::store::TenantLocation;

/// The data of one tenant.
#[derive(Clone)]
pub struct Tenant<'a> {
    pub(super) actor: Actor<'a>,
    pub(super) location: TenantLocation,
}

impl fmt::Debug for Tenant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant")
            .field("collection_name", &self.collection_name())
            .finish_non_exhaustive()
    }
}

impl Caller {
    /// The data of the caller's organization.
    pub fn tenant(&self) -> Tenant<'_> {
        Tenant {
            actor: Actor::Caller(self),
            location: self.databases().location_of(self.organization()),
        }
    }
}

impl Tenant<'_> {
    pub fn organization_id(&self) -> OrganizationId {
        self.actor.organization()
    }

    /// The database of the tenant's collection.
    pub fn database_name(&self) -> &str {
        self.location.database_name()
    }

    /// The name of the tenant's collection.
    pub fn collection_name(&self) -> &str {
        self.location.collection_name()
    }

    /// The tenant's documents of a kind.
    pub fn kind<T: Kind>(&self) -> TenantCollection<T> {
        self.of_kind(None)
    }

    /// The tenant's documents of no kind.
    pub fn collection<T: Send + Sync>(&self) -> TenantCollection<T> {
        self.reaching(Reach::NoKind, None)
    }

    pub(super) fn of_kind<T: Kind>(
        &self,
        transaction: Option<TransactionSession>,
    ) -> TenantCollection<T> {
        const { assert!(is_kind_name(T::KIND), "KIND is not permitted: see `Kind`") };
        self.reaching(Reach::Kind(T::KIND), transaction)
    }

    pub(super) fn reaching<T>(
        &self,
        reach: Reach<'static>,
        transaction: Option<TransactionSession>,
    ) -> TenantCollection<T> {
        let collection = self.location.collection::<RawDocumentBuf>();
        TenantCollection::new(Target::new(collection, reach, transaction))
    }
}
