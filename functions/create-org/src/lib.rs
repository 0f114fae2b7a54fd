//! `POST /org/create`: onboards an organization.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use shared::http::{IdempotencyKey, JsonBody};
use shared::model::Organization;
use shared::organizations::{NewOrganization, onboard};
use shared::problem::Problem;
use shared::request::RequestContext;
use shared::state::AppState;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(state: Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(create_organization))
        .with_state(state)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateOrganization {
    /// 2 to 100 characters of any script, none of them invisible or a control character. White space is trimmed and
    /// folded. Unique, ignoring letter case.
    #[schema(example = "Akshay Pvt Ltd", min_length = 2, max_length = 100)]
    organization_name: String,
    /// One address of at most 254 octets. Unique, ignoring letter case.
    #[schema(example = "admin@example.com", format = "idn-email", max_length = 254)]
    email: String,
    /// At least 8 characters (a setting of the service) of any kind; not one of the most common passwords, not
    /// the email, not the organization's name.
    #[schema(value_type = String, example = "Admin@123", format = Password, min_length = 8)]
    password: SecretString,
}

#[derive(Serialize, ToSchema)]
struct CreatedOrganization {
    #[schema(example = "6744a1f0c3b2a1908f7e6d5c", pattern = "^[0-9a-f]{24}$")]
    id: String,
    #[schema(example = "Akshay Pvt Ltd")]
    organization_name: String,
    /// The organization's own collection. It never changes.
    #[schema(example = "org_akshay_pvt_ltd", pattern = "^org_[a-z0-9_]{1,44}$")]
    collection_name: String,
}

impl From<Organization> for CreatedOrganization {
    fn from(organization: Organization) -> Self {
        Self {
            id: organization.id.to_hex(),
            organization_name: organization.name,
            collection_name: organization.collection_name.as_str().to_owned(),
        }
    }
}

shared::problem_responses!(Problems: OrganizationNameTaken, EmailTaken, RequestInFlight, OrganizationDeleted, ValidationFailed, IdempotencyKeyReused, TooManyAttempts, CapacityReached);

/// Create an organization
///
/// Creates the organization, its admin and its collection: all of them or nothing.
#[utoipa::path(
    post,
    path = "/org/create",
    tag = "access",
    params(IdempotencyKey),
    request_body = CreateOrganization,
    responses((status = CREATED, description = "The organization is created", body = CreatedOrganization), Problems)
)]
async fn create_organization(
    request: RequestContext,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    JsonBody(body): JsonBody<CreateOrganization>,
) -> Result<(StatusCode, Json<CreatedOrganization>), Problem> {
    let new = NewOrganization::parse(
        &body.organization_name,
        &body.email,
        &body.password,
        request.config().password_min_length,
    )?;
    let organization = onboard(&request, new, idempotency_key.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(organization.into())))
}
