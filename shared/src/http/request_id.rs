//! The id under which a request is found in the logs: API Gateway's, or one of our own.

use axum::extract::Request;
use lambda_http::request::RequestContext;

pub(super) fn request_id(request: &Request) -> String {
    match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    }
    .unwrap_or_else(|| format!("{:032x}", fastrand::u128(..)))
}
