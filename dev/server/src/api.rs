//! All functions' routes together, as API Gateway puts them together on AWS, for many requests at once.
//!
//! A request that is cancelled while it waits for one of the driver's connections leaves a gap in the driver's queue
//! (mongodb 3.9, `cmap/worker.rs`): requests behind it wait until something else happens in the pool. So requests
//! wait here, where a queue has no gaps, and are not cancelled when their client disconnects.

use std::net::SocketAddr;
use std::sync::Arc;

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, IntoMakeServiceWithConnectInfo};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use shared::http::{ClientAddress, MAX_KIB, exceeds_limit_by_length, receive};
use shared::problem::{Problem, complete_document};
use shared::state::AppState;
use tokio::time::timeout;
use tower::limit::GlobalConcurrencyLimitLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Requests at the same time that use MongoDB.
const REQUESTS: usize = 100;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(8);
/// To MongoDB: three for each of the requests, as most of them need at once, and some for what is not among them.
pub const CONNECTIONS: u32 = 320;

fn api(state: &Arc<AppState>) -> OpenApiRouter {
    OpenApiRouter::with_openapi(api_docs::base_document())
        .merge(create_org::router(Arc::clone(state)))
        .merge(admin_login::router(Arc::clone(state)))
        .merge(session::router(Arc::clone(state)))
        .merge(account::router(Arc::clone(state)))
        .merge(organization::router(Arc::clone(state)))
        .merge(organization_deletion::router(Arc::clone(state)))
        .layer(GlobalConcurrencyLimitLayer::new(REQUESTS))
        .layer(from_fn(receive_body))
        .merge(health::router(Arc::clone(state)))
        .merge(api_docs::router(state.config.api_docs))
}

/// Every route, and the response to a method that a path does not have: one table decides about methods here and on
/// AWS, where such a request takes API Gateway's `$default` route.
pub fn routes(state: &Arc<AppState>) -> Router {
    Router::from(api(state)).method_not_allowed_fallback(api_docs::unknown_route)
}

/// The largest body of a route. A product's function in this workspace may have a larger one.
const MAX_BODY_KIB: usize = MAX_KIB;

/// A request waits for its body before it takes one of the places: a client that sends slowly delays no other request.
async fn receive_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if exceeds_limit_by_length(&body) {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let received = timeout(BODY_TIMEOUT, receive(body, MAX_BODY_KIB)).await;
    let late = || Err(Problem::malformed("The body did not arrive in time."));
    match received.unwrap_or_else(|_| late()) {
        Ok(bytes) => next.run(Request::from_parts(parts, bytes.into())).await,
        Err(problem) => problem.into_response(),
    }
}

/// The document that `functions/api-docs/openapi.json` is a copy of.
pub fn openapi_document(state: &Arc<AppState>) -> OpenApi {
    let mut document = api(state).into_openapi();
    complete_document(&mut document);
    document
}

/// `router` as it serves connections: the client's address is the connection's; on AWS, API Gateway states it.
pub fn connected(router: Router) -> IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
    let note_address =
        async |ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request, next: Next| {
            request.extensions_mut().insert(ClientAddress(peer.ip()));
            // A separate task completes even if the client disconnects.
            let answered = tokio::spawn(next.run(request)).await;
            answered.unwrap_or_else(|_| Problem::internal().into_response())
        };
    router
        .layer(from_fn(note_address))
        .into_make_service_with_connect_info()
}
