//! Fields of a request's log entry: its id, its route and its organization.

use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request};
use lambda_http::request::RequestContext;

/// Shared by everything that serves the request. Route and organization are set while the request is served.
#[derive(Clone, Debug)]
pub struct RequestLog(Arc<Fields>);

#[derive(Debug)]
struct Fields {
    request_id: String,
    route: OnceLock<MatchedPath>,
    organization_id: OnceLock<String>,
}

impl RequestLog {
    pub fn new(request_id: String) -> Self {
        Self(Arc::new(Fields {
            request_id,
            route: OnceLock::new(),
            organization_id: OnceLock::new(),
        }))
    }

    /// With API Gateway's request id. Without API Gateway, with a random one.
    pub(super) fn of(request: &Request) -> Self {
        let request_id = match request.extensions().get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
            _ => None,
        };
        Self::new(request_id.unwrap_or_else(|| format!("{:032x}", fastrand::u128(..))))
    }

    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// Sets the organization that the request acts for.
    pub(crate) fn set_organization(&self, id: impl ToString) {
        let _ = self.0.organization_id.set(id.to_string());
    }

    pub(super) fn organization_id(&self) -> Option<&str> {
        self.0.organization_id.get().map(String::as_str)
    }

    pub(super) fn set_route(&self, route: MatchedPath) {
        let _ = self.0.route.set(route);
    }

    /// The route's template, such as `/org/create`. The path itself would be text of the caller.
    pub(super) fn route(&self) -> &str {
        self.0.route.get().map_or("", MatchedPath::as_str)
    }
}
