//! An organization in the API's responses.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::date_time;
use crate::model::Organization;

#[derive(Serialize, ToSchema)]
#[schema(as = Organization)]
pub struct OrganizationView {
    #[schema(example = "6744a1f0c3b2a1908f7e6d5c", pattern = "^[0-9a-f]{24}$")]
    id: String,
    #[schema(example = "Akshay Pvt Ltd")]
    organization_name: String,
    /// The organization's own collection. It never changes.
    #[schema(example = "org_akshay_pvt_ltd", pattern = "^org_[a-z0-9_]{1,44}$")]
    collection_name: String,
    #[schema(example = "2026-11-24T12:00:00.123Z", format = DateTime)]
    created_at: String,
    #[schema(example = "2026-11-24T12:00:00.123Z", format = DateTime)]
    updated_at: String,
}

impl OrganizationView {
    pub fn of(organization: &Organization) -> Self {
        Self {
            id: organization.id.to_hex(),
            organization_name: organization.name.clone(),
            collection_name: organization.collection_name.as_str().to_owned(),
            created_at: date_time(organization.created_at),
            updated_at: date_time(organization.updated_at),
        }
    }
}
