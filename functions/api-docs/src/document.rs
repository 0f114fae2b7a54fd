//! The OpenAPI document before any function has added its routes.

use shared::problem::{FieldError, ProblemBody};
use utoipa::OpenApi;

/// Title, tags, and the schema of errors, which the functions refer to.
pub fn base_document() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Organization service",
        version = env!("CARGO_PKG_VERSION"),
        description = "Companies onboard themselves: each gets an organization, an admin and a collection of \
            its own.\n\nErrors are problem details (RFC 9457): `code` is stable and made for programs.",
        license(name = "MIT", identifier = "MIT")
    ),
    servers((url = "/", description = "Where this document comes from")),
    tags(
        (name = "organizations", description = "Tenants"),
        (name = "admins", description = "Who acts for an organization"),
        (name = "service", description = "The service itself")
    ),
    components(schemas(ProblemBody, FieldError))
)]
struct Base;
