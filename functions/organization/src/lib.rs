//! `GET /org`, `PATCH /org` and `GET /org/audit`: the admin's own organization, identified by the token.

mod audit_trail;

use std::sync::Arc;

use axum::Json;
use serde::Deserialize;
use shared::auth::Caller;
use shared::http::JsonBody;
use shared::organizations::{self, OrganizationView};
use shared::problem::Problem;
use shared::state::AppState;
use shared::values::OrganizationName;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(state: Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(show_organization, rename_organization))
        .routes(routes!(audit_trail::list_audit_events))
        .with_state(state)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RenameOrganization {
    /// The same rules as when the organization was created.
    #[schema(example = "Akshay Private Limited", min_length = 2, max_length = 100)]
    organization_name: String,
}

/// Show the organization
///
/// The organization that the token's session is in.
#[utoipa::path(
    get,
    path = "/org",
    tag = "organization",
    security(("bearer" = [])),
    responses((status = OK, description = "The admin's organization", body = OrganizationView))
)]
async fn show_organization(caller: Caller) -> Result<Json<OrganizationView>, Problem> {
    Ok(Json(OrganizationView::of(caller.organization())))
}

shared::problem_responses!(RenameProblems: OrganizationNameTaken, ValidationFailed = too_short(), QuotaExceeded);

/// The response to a name that is too short.
fn too_short() -> Problem {
    Problem::validation(OrganizationName::parse("x").err().into_iter().collect())
}

/// Rename the organization
///
/// The collection keeps its name.
#[utoipa::path(
    patch,
    path = "/org",
    tag = "organization",
    security(("bearer" = [])),
    request_body = RenameOrganization,
    responses((status = OK, description = "The organization is renamed", body = OrganizationView), RenameProblems)
)]
async fn rename_organization(
    caller: Caller,
    JsonBody(change): JsonBody<RenameOrganization>,
) -> Result<Json<OrganizationView>, Problem> {
    let name = OrganizationName::parse(&change.organization_name).map_err(|error| vec![error])?;
    let renamed = organizations::rename(&caller, &name).await?;
    Ok(Json(OrganizationView::of(&renamed)))
}
