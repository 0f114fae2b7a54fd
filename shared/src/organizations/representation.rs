//! An organization as the API shows it to its admin.

use mongodb::bson::DateTime;
use serde::Serialize;
use utoipa::ToSchema;

use super::Organization;
use crate::problem::Problem;

#[derive(Serialize, ToSchema)]
#[schema(as = Organization)]
pub struct OrganizationBody {
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

impl OrganizationBody {
    pub fn of(organization: &Organization) -> Result<Self, Problem> {
        Ok(Self {
            id: organization.id.to_hex(),
            organization_name: organization.name.clone(),
            collection_name: organization.collection_name.as_str().to_owned(),
            created_at: date_time(organization.created_at)?,
            updated_at: date_time(organization.updated_at)?,
        })
    }
}

/// As RFC 3339 writes it, always with milliseconds: texts sort as moments do.
pub fn date_time(moment: DateTime) -> Result<String, Problem> {
    let text = moment.try_to_rfc3339_string();
    let text = text.map_err(|_| Problem::internal())?;
    let text = text.trim_end_matches('Z');
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    Ok(format!("{seconds}.{fraction:0<3}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_has_milliseconds() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_764_072_000_120, "2025-11-25T12:00:00.120Z"),
            (1_764_072_000_123, "2025-11-25T12:00:00.123Z"),
        ] {
            assert_eq!(date_time(DateTime::from_millis(millis)).unwrap(), text);
        }
    }
}
