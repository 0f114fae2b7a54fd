//! The OpenAPI document without the functions' routes.

use shared::problem::{FieldError, ProblemBody};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

/// Title, tags, error schema and security scheme, which the functions refer to.
pub fn base_document() -> utoipa::openapi::OpenApi {
    let mut document = Base::openapi();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token of `POST /admin/login`."));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    document
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Organization service",
        version = env!("CARGO_PKG_VERSION"),
        description = "Companies onboard themselves: each gets an organization, an admin and a collection of \
            its own.\n\nErrors are problem details (RFC 9457): `code` is stable and made for programs.",
        contact(name = "The operator of this deployment"),
        license(name = "MIT", identifier = "MIT")
    ),
    servers((url = ".", description = "This deployment")),
    tags(
        (name = "access", description = "Sign up, log in and out, and change a password"),
        (name = "organization", description = "The organization of the access token"),
        (name = "service", description = "The service itself")
    ),
    components(schemas(ProblemBody, FieldError))
)]
struct Base;
