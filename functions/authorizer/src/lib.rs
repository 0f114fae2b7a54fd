//! A Lambda authorizer of an HTTP API (payload format 2.0, simple response). Authenticates callers of other services
//! behind the same API, with the same checks as the service's own routes.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::Request;
use lambda_http::Context;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use serde::Serialize;
use shared::auth::Caller;
use shared::http::{ClientAddress, Deadline, RequestLog};
use shared::lambda::InvocationError;
use shared::model::{Cell, Role};
use shared::problem::{Code, Problem};
use shared::state::AppState;

/// The stage variable of a product's API whose value [`PASS`] lets callers without a valid token through.
const MODE: &str = "authorizer_mode";
const PASS: &str = "pass";

/// The authorized service receives it in `requestContext.authorizer.lambda`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum AuthorizerContext {
    Authenticated(AuthenticatedContext),
    /// Of a caller without a valid token, if the API lets it through. The service has to refuse it.
    Unauthenticated {
        /// Always the string `"false"`.
        authenticated: &'static str,
    },
}

/// Who calls, and where the data of its organization is.
#[derive(Debug, Serialize)]
pub struct AuthenticatedContext {
    pub admin_id: String,
    pub organization_id: String,
    /// The database of the organization's own collection.
    pub database: String,
    /// The organization's own collection.
    pub collection_name: String,
    /// The cluster of the data.
    pub cell: Cell,
    pub role: Role,
}

/// The response to API Gateway.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    is_authorized: bool,
    /// None if the request is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<AuthorizerContext>,
}

impl From<Option<AuthorizerContext>> for Authorization {
    fn from(context: Option<AuthorizerContext>) -> Self {
        Self {
            is_authorized: context.is_some(),
            context,
        }
    }
}

/// Fails if a dependency is unreachable or too slow. API Gateway then refuses the request with 500.
pub async fn authorize(
    state: &Arc<AppState>,
    request: ApiGatewayV2CustomAuthorizerV2Request,
    context: &Context,
) -> Result<Authorization, InvocationError> {
    let started = Instant::now();
    let deadline = Deadline::of_event(context);
    let request_id = request.request_context.request_id.clone();
    let route = request.route_key.clone();
    let passes = request.stage_variables.get(MODE).map(String::as_str) == Some(PASS);
    let checking = tokio::time::timeout_at(deadline.0, authenticate(state, request, deadline));
    let caller = checking.await.unwrap_or(Err(Problem::unavailable()));
    // The counterpart of the log entry that each HTTP request has.
    tracing::info!(
        request_id,
        route,
        authorized = caller.is_ok(),
        code = caller.as_ref().err().map(|problem| problem.code.as_str()),
        organization_id = caller
            .as_ref()
            .ok()
            .map(|caller| caller.organization().id.to_hex()),
        duration_ms = u64::try_from(started.elapsed().as_millis()).ok(),
        "decided"
    );
    match caller {
        Ok(caller) => Ok(Some(context_of(&caller)).into()),
        Err(problem) if problem.code == Code::InvalidToken => {
            let authenticated = "false";
            Ok(passes
                .then_some(AuthorizerContext::Unauthenticated { authenticated })
                .into())
        }
        Err(problem) => Err(problem.into()),
    }
}

async fn authenticate(
    state: &Arc<AppState>,
    request: ApiGatewayV2CustomAuthorizerV2Request,
    deadline: Deadline,
) -> Result<Caller, Problem> {
    let (mut parts, ()) = Request::new(()).into_parts();
    let request_id = request.request_context.request_id.unwrap_or_default();
    parts.extensions.insert(RequestLog::new(request_id));
    parts.extensions.insert(deadline);
    parts.headers = request.headers;
    let address = request.request_context.http.source_ip;
    if let Some(address) = address.and_then(|text| text.parse().ok()) {
        parts.extensions.insert(ClientAddress(address));
    }
    Caller::from_request_parts(&mut parts, state).await
}

fn context_of(caller: &Caller) -> AuthorizerContext {
    AuthorizerContext::Authenticated(AuthenticatedContext {
        admin_id: caller.account().id().to_hex(),
        organization_id: caller.organization().id.to_hex(),
        database: caller.tenant().database_name().to_owned(),
        collection_name: caller.organization().collection_name.as_str().to_owned(),
        cell: caller.organization().placement.cell(),
        role: caller.role(),
    })
}
