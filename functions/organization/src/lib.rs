//! `GET /org` and `PATCH /org`: the admin's own organization. Which one that is, the token says.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::http::JsonBody;
use shared::organizations::{self, OrganizationName};
use shared::problem::Problem;
use shared::tokens::{AuthenticatedAdmin, Secured, Tokens};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router(app: Arc<App>, tokens: Arc<Tokens>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(show, rename))
        .with_state(Secured { app, tokens })
}

#[derive(Serialize, ToSchema)]
struct Organization {
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

impl Organization {
    fn of(organization: &organizations::Organization) -> Result<Self, Problem> {
        let text = |date: mongodb::bson::DateTime| {
            date.try_to_rfc3339_string()
                .map_err(|_| Problem::internal())
        };
        Ok(Self {
            id: organization.id.to_hex(),
            organization_name: organization.name.clone(),
            collection_name: organization.collection_name.as_str().to_owned(),
            created_at: text(organization.created_at)?,
            updated_at: text(organization.updated_at)?,
        })
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RenameOrganization {
    /// The same rules as when the organization was created.
    #[schema(example = "Akshay Private Limited", min_length = 2, max_length = 100)]
    organization_name: String,
}

shared::problem_responses!(ShowProblems: InvalidToken, InternalError, ServiceUnavailable);

/// Show the admin's organization
#[utoipa::path(
    get,
    path = "/org",
    tag = "organizations",
    security(("bearer" = [])),
    responses((status = OK, description = "The admin's organization", body = Organization), ShowProblems)
)]
async fn show(caller: AuthenticatedAdmin) -> Result<Json<Organization>, Problem> {
    Organization::of(caller.organization()).map(Json)
}

shared::problem_responses!(RenameProblems: MalformedRequest, InvalidToken, OrganizationNameTaken, PayloadTooLarge,
    UnsupportedMediaType, ValidationFailed, InternalError, ServiceUnavailable);

/// Rename the admin's organization
///
/// One document changes and no data moves: the collection keeps its name.
#[utoipa::path(
    patch,
    path = "/org",
    tag = "organizations",
    security(("bearer" = [])),
    request_body = RenameOrganization,
    responses((status = OK, description = "The organization is renamed", body = Organization), RenameProblems)
)]
async fn rename(
    State(Secured { app, .. }): State<Secured>,
    caller: AuthenticatedAdmin,
    JsonBody(change): JsonBody<RenameOrganization>,
) -> Result<Json<Organization>, Problem> {
    let name = OrganizationName::parse(&change.organization_name).map_err(|error| vec![error])?;
    let renamed = organizations::rename(&app, &caller, &name).await?;
    Organization::of(&renamed).map(Json)
}
