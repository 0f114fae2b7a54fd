//! What every request goes through, outermost: an id, a deadline, one form for errors, one line in the log.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use super::Deadline;
use super::organization::with_organization;
use super::request_id::request_id;
use crate::metrics::{self, Metric};
use crate::problem::{Code, Problem};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// `router` as it serves requests, on Lambda and elsewhere.
pub fn service(router: Router) -> Router {
    router
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .fallback(async || Problem::not_found())
        // Of all layers only those on routes know which route it was.
        .route_layer(from_fn(note_route))
        .layer(CatchPanicLayer::custom(|_| panicked().into_response()))
        .layer(from_fn(answer))
}

/// What the panic said went to the error output, and may be anything; here is whose it was.
fn panicked() -> Problem {
    tracing::error!("a request panicked");
    Problem::internal()
}

/// The route's template, such as `/org/create`, once it is known: unlike a path, it never holds what a caller made up.
#[derive(Clone, Default)]
struct Route(Arc<OnceLock<MatchedPath>>);

async fn note_route(matched: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<Route>();
    if let (Some(Route(route)), Some(matched)) = (route, matched) {
        let _ = route.set(matched);
    }
    next.run(request).await
}

/// The method, unless a caller made it up.
fn known(method: &Method) -> &str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
    ];
    match KNOWN.contains(method) {
        true => method.as_str(),
        false => "",
    }
}

async fn answer(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = request_id(&request);
    let deadline = Deadline::of(&request);
    let method = request.method().clone();
    let route = Route::default();
    request.extensions_mut().insert(deadline);
    request.extensions_mut().insert(route.clone());
    // Every line on the way has the id. Its level is that of the worst of them, or a filter would leave it out.
    let span = tracing::error_span!("request", request_id);
    let running = tokio::time::timeout_at(deadline.0, next.run(request)).instrument(span);
    let (answered, organization) = with_organization(running).await;
    let mut response = answered.unwrap_or_else(|_| Problem::unavailable().into_response());
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        response = problem.render(&request_id, response);
    }
    headers(&mut response, &request_id);
    if is_fault(&response, problem.as_ref()) {
        metrics::record(Metric::ServerErrors, 1.0);
    }
    tracing::info!(
        request_id,
        method = known(&method),
        route = route.0.get().map_or("", MatchedPath::as_str),
        status = response.status().as_u16(),
        code = problem.as_ref().map(|problem| problem.code.as_str()),
        organization_id = organization.map(|id| id.to_hex()),
        duration_ms = u64::try_from(started.elapsed().as_millis()).ok(),
        "answered"
    );
    response
}

/// Whether the service could not do its work. A tenant limit that is reached is a 503, and no fault.
fn is_fault(response: &Response, problem: Option<&Problem>) -> bool {
    let is_limit = problem.is_some_and(|problem| problem.code == Code::CapacityReached);
    response.status().is_server_error() && !is_limit
}

fn headers(response: &mut Response, request_id: &str) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}
