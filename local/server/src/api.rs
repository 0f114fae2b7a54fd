//! All functions' routes together, as API Gateway puts them together on AWS.

use std::sync::Arc;

use shared::app::App;
use shared::tokens::TokenIssuer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub fn api(app: &Arc<App>, tokens: &Arc<TokenIssuer>) -> OpenApiRouter {
    OpenApiRouter::with_openapi(api_docs::base_document())
        .merge(create_org::router(Arc::clone(app)))
        .merge(admin_login::router(Arc::clone(app), Arc::clone(tokens)))
        .merge(api_docs::router(Arc::clone(app)))
}

/// The document that `functions/api-docs/openapi.json` is a copy of.
pub fn openapi_document(app: &Arc<App>, tokens: &Arc<TokenIssuer>) -> OpenApi {
    api(app, tokens).into_openapi()
}
