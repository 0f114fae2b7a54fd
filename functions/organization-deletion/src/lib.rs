//! `DELETE /org` and `POST /org/restore`: deletes an organization, and restores it during the grace period.

use std::sync::Arc;

use axum::Json;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use shared::auth::{Caller, Credentials};
use shared::clock::date_time;
use shared::http::JsonBody;
use shared::organizations::{self, OrganizationView};
use shared::problem::Problem;
use shared::request::RequestContext;
use shared::state::AppState;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(state: Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(delete_organization))
        .routes(routes!(restore_organization))
        .with_state(state)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeleteOrganization {
    /// The admin's current password.
    #[schema(value_type = String, example = "Admin@123", format = Password)]
    password: SecretString,
}

#[derive(Serialize, ToSchema)]
struct DeletedOrganization {
    #[schema(example = "6744a1f0c3b2a1908f7e6d5c", pattern = "^[0-9a-f]{24}$")]
    id: String,
    /// Until then `POST /org/restore` restores it. Afterwards its data is deleted.
    #[schema(example = "2026-12-01T12:00:00.123Z", format = DateTime)]
    restorable_until: String,
}

shared::problem_responses!(DeleteProblems: InvalidCredentials = Problem::wrong_password(), TooManyAttempts);

/// Delete the organization
///
/// All its tokens and sessions end immediately. Its data, its name and its admin's email are kept until
/// `restorable_until`.
#[utoipa::path(
    delete,
    path = "/org",
    tag = "organization",
    security(("bearer" = [])),
    request_body = DeleteOrganization,
    responses((status = OK, description = "The organization is deleted", body = DeletedOrganization), DeleteProblems)
)]
async fn delete_organization(
    caller: Caller,
    JsonBody(body): JsonBody<DeleteOrganization>,
) -> Result<Json<DeletedOrganization>, Problem> {
    let purge_at = organizations::delete(&caller, &body.password).await?;
    Ok(Json(DeletedOrganization {
        id: caller.organization().id.to_hex(),
        restorable_until: date_time(purge_at),
    }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RestoreOrganization {
    #[schema(example = "admin@example.com", format = "idn-email")]
    email: String,
    #[schema(value_type = String, example = "Admin@123", format = Password)]
    password: SecretString,
}

shared::problem_responses!(RestoreProblems: InvalidCredentials, TooManyAttempts);

/// Restore a deleted organization
///
/// Takes the credentials of its admin, who can log in again afterwards. If the organization is not deleted, nothing
/// changes, and the request is recorded as a `login` without a session.
#[utoipa::path(
    post,
    path = "/org/restore",
    tag = "organization",
    request_body = RestoreOrganization,
    responses((status = OK, description = "The organization is not deleted", body = OrganizationView), RestoreProblems)
)]
async fn restore_organization(
    request: RequestContext,
    JsonBody(body): JsonBody<RestoreOrganization>,
) -> Result<Json<OrganizationView>, Problem> {
    let credentials = Credentials {
        email: &body.email,
        password: &body.password,
    };
    let restored = organizations::restore(&request, credentials).await?;
    Ok(Json(OrganizationView::of(&restored)))
}
