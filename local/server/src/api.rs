//! All functions' routes together, as API Gateway puts them together on AWS.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, IntoMakeServiceWithConnectInfo};
use axum::middleware::{Next, from_fn};
use shared::app::App;
use shared::http::ClientAddress;
use shared::tokens::Tokens;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub fn api(app: &Arc<App>, tokens: &Arc<Tokens>) -> OpenApiRouter {
    OpenApiRouter::with_openapi(api_docs::base_document())
        .merge(create_org::router(Arc::clone(app)))
        .merge(admin_login::router(Arc::clone(app), Arc::clone(tokens)))
        .merge(session::router(Arc::clone(app), Arc::clone(tokens)))
        .merge(admin_password::router(Arc::clone(app), Arc::clone(tokens)))
        .merge(organization::router(Arc::clone(app), Arc::clone(tokens)))
        .merge(organization_deletion::router(
            Arc::clone(app),
            Arc::clone(tokens),
        ))
        .merge(health::router(Arc::clone(app)))
        .merge(api_docs::router())
}

/// The document that `functions/api-docs/openapi.json` is a copy of.
pub fn openapi_document(app: &Arc<App>, tokens: &Arc<Tokens>) -> OpenApi {
    api(app, tokens).into_openapi()
}

/// `router` as it answers connections: where API Gateway says who is calling, here the connection does.
pub fn connected(router: Router) -> IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
    let note_address =
        async |ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next| {
            request.extensions_mut().insert(ClientAddress(peer.ip()));
            next.run(request).await
        };
    router
        .layer(from_fn(note_address))
        .into_make_service_with_connect_info()
}
