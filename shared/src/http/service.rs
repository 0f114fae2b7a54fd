//! The outermost layers of every request: id, deadline, uniform errors, one log entry.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use super::{Deadline, RequestLog};
use crate::metrics::{self, Metric};
use crate::problem::{Code, Problem};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// `router` as it serves requests, on Lambda and elsewhere. A request that takes longer than `timeout` gets 503.
pub fn service(router: Router, timeout: Duration) -> Router {
    router
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .fallback(async || Problem::not_found())
        // Only layers on routes know the route.
        .route_layer(from_fn(log_route))
        .layer(CatchPanicLayer::custom(|_| panicked().into_response()))
        .layer(from_fn(move |request, next| {
            respond(request, next, timeout)
        }))
}

/// The panic's message goes to stderr, not to the response. This line has the request's id.
fn panicked() -> Problem {
    tracing::error!("a request panicked");
    Problem::internal()
}

async fn log_route(matched: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let log = request.extensions().get::<RequestLog>();
    if let (Some(log), Some(matched)) = (log, matched) {
        log.set_route(matched);
    }
    next.run(request).await
}

/// The method. Empty if it is not a standard one, because then it is text of the caller.
fn standard_method(method: &Method) -> &str {
    const STANDARD_METHODS: [Method; 9] = [
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
    match STANDARD_METHODS.contains(method) {
        true => method.as_str(),
        false => "",
    }
}

async fn respond(mut request: Request, next: Next, timeout: Duration) -> Response {
    let started = Instant::now();
    let log = RequestLog::of(&request);
    let deadline = Deadline::of(&request, timeout);
    let method = request.method().clone();
    request.extensions_mut().insert(deadline);
    request.extensions_mut().insert(log.clone());
    // The span adds the id to every line of the request. It has the highest level, so that no filter removes it.
    let span = tracing::error_span!("request", request_id = log.request_id());
    let running = tokio::time::timeout_at(deadline.0, next.run(request)).instrument(span);
    let finished = running.await;
    let mut response = finished.unwrap_or_else(|_| Problem::unavailable().into_response());
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        response = problem.render(log.request_id(), response);
    }
    set_headers(&mut response, log.request_id());
    if is_server_error(&response, problem.as_ref()) {
        metrics::record(Metric::ServerErrors, 1.0);
    }
    tracing::info!(
        request_id = log.request_id(),
        method = standard_method(&method),
        route = log.route(),
        status = response.status().as_u16(),
        code = problem.as_ref().map(|problem| problem.code.as_str()),
        organization_id = log.organization_id(),
        duration_ms = u64::try_from(started.elapsed().as_millis()).ok(),
        "answered"
    );
    response
}

/// Whether the service failed. At the tenant limit it responds with 503, but it works.
fn is_server_error(response: &Response, problem: Option<&Problem>) -> bool {
    let is_limit = problem.is_some_and(|problem| problem.code == Code::CapacityReached);
    response.status().is_server_error() && !is_limit
}

fn set_headers(response: &mut Response, request_id: &str) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}
