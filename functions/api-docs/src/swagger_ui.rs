//! `GET /docs`: Swagger UI, embedded in the binary. Nothing is loaded from other hosts.

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use shared::problem::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, serve};

/// Swagger UI requires inline styles and icons from data URLs.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    base-uri 'self'; frame-ancestors 'none'";

const PAGE: &str = "index.html";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("../openapi.json")
        .try_it_out_enabled(true)
        .persist_authorization(true)
        .use_base_layout()
        // The default sends every displayed document to a public validator.
        .validator_url("none");
    Arc::new(config)
});

pub fn router() -> OpenApiRouter {
    OpenApiRouter::new()
        .route("/docs", get(docs))
        .route("/docs/{file}", get(docs_file))
        // For old links.
        .route("/docs/", get(async || Redirect::permanent("../docs")))
}

/// `GET /docs`
async fn docs() -> Result<impl IntoResponse, Problem> {
    let (content_type, bytes) = file(PAGE)?;
    let page = String::from_utf8_lossy(&bytes);
    // The base of the page's relative links. It is relative itself, because a stage or a mapping key may precede it.
    let page = page.replacen("<head>", "<head>\n    <base href=\"docs/\">", 1);
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
    ];
    Ok((headers, page))
}

/// `GET /docs/{file}`
async fn docs_file(name: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    // A name that is not UTF-8 matches no file.
    let Path(name) = name.map_err(|_| Problem::not_found())?;
    if name == PAGE {
        return Ok(Redirect::permanent("../docs").into_response());
    }
    let (content_type, bytes) = file(&name)?;
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "public, max-age=3600".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

/// A file of Swagger UI with its media type.
fn file(name: &str) -> Result<(String, Bytes), Problem> {
    let file = serve(name, Arc::clone(&CONFIG)).map_err(|error| {
        tracing::error!(%error, "Swagger UI could not be served");
        Problem::internal()
    })?;
    let file = file.ok_or_else(Problem::not_found)?;
    Ok((file.content_type, Bytes::from(file.bytes.into_owned())))
}
