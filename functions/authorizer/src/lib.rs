//! A Lambda authorizer of an HTTP API (payload format 2.0, simple response): lets other services behind the
//! same API ask who is calling, with the same checks as the service's own routes.

use axum::extract::FromRequestParts;
use axum::http::Request;
use lambda_http::Error;
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayV2CustomAuthorizerSimpleResponse, ApiGatewayV2CustomAuthorizerV2Request,
};
use serde::{Deserialize, Serialize};
use shared::admins::Role;
use shared::http::ClientAddress;
use shared::problem::{Code, Problem};
use shared::tokens::{AuthenticatedAdmin, Secured};

/// What the service behind finds in `requestContext.authorizer.lambda`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Caller {
    pub admin_id: String,
    pub organization_id: String,
    /// The organization's own collection.
    pub collection_name: String,
    pub role: Role,
}

/// Without a caller where the request is refused.
pub type Authorization = ApiGatewayV2CustomAuthorizerSimpleResponse<Option<Caller>>;

/// Fails where a dependency is away, upon which API Gateway answers 500 and lets nobody in.
pub async fn authorize(
    secured: &Secured,
    request: ApiGatewayV2CustomAuthorizerV2Request,
) -> Result<Authorization, Error> {
    let caller = match authenticate(secured, request).await {
        Ok(admin) => Some(caller(&admin)),
        Err(problem) if problem.code == Code::InvalidToken => None,
        Err(problem) => return Err(problem.into()),
    };
    let mut authorization = Authorization::default();
    authorization.is_authorized = caller.is_some();
    authorization.context = caller;
    Ok(authorization)
}

async fn authenticate(
    secured: &Secured,
    request: ApiGatewayV2CustomAuthorizerV2Request,
) -> Result<AuthenticatedAdmin, Problem> {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers = request.headers;
    let address = request.request_context.http.source_ip;
    if let Some(address) = address.and_then(|text| text.parse().ok()) {
        parts.extensions.insert(ClientAddress(address));
    }
    AuthenticatedAdmin::from_request_parts(&mut parts, secured).await
}

fn caller(admin: &AuthenticatedAdmin) -> Caller {
    Caller {
        admin_id: admin.admin().id().to_hex(),
        organization_id: admin.organization().id.to_hex(),
        collection_name: admin.organization().collection_name.as_str().to_owned(),
        role: admin.admin().role(),
    }
}
