//! Routes of a product on this machine: `--route '/erp/*=<invoke URL>'`. They do what API Gateway does for a product's API
//! with a path on the service's domain: ask the authorizer, invoke the product's function, turn its result into a response.

mod event;
mod invocation;
mod path;

use std::sync::Arc;
use std::time::Duration;

use authorizer::authorize;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use lambda_http::Context;
use serde_json::Value;
use shared::http::{self, ClientAddress};
use shared::problem::{Code, Problem};
use shared::state::AppState;
use tokio::sync::Semaphore;

pub use self::path::ProductRoute;

use self::event::{RequestEvent, authorizer_event};
use self::invocation::Function;

/// How long a request of a product may take: API Gateway's 30 seconds for the function, and the authorizer.
const TIMEOUT: Duration = Duration::from_secs(40);
/// Maximum size of a request's body: Lambda's limit.
const MAX_BODY: usize = 6 * 1024 * 1024;
/// Calls of the authorizer at the same time. They share MongoDB's connections with the service's own routes.
const MAX_AUTHORIZER_CALLS: usize = 10;

struct Product {
    state: Arc<AppState>,
    function: Function,
    authorizer_calls: Arc<Semaphore>,
}

/// `service` with the routes of products before its own.
pub fn with_product_routes(
    service: Router,
    routes: &[ProductRoute],
    state: &Arc<AppState>,
) -> reqwest::Result<Router> {
    if routes.is_empty() {
        return Ok(service);
    }
    let authorizer_calls = Arc::new(Semaphore::new(MAX_AUTHORIZER_CALLS));
    let mut products = Router::new();
    for route in routes {
        let product = Arc::new(Product {
            state: Arc::clone(state),
            function: Function::new(route.function())?,
            authorizer_calls: Arc::clone(&authorizer_calls),
        });
        for path in route.paths() {
            let handler = any(serve).with_state(Arc::clone(&product));
            products = products.route(&path, handler);
        }
    }
    Ok(http::service(products, TIMEOUT).fallback_service(service))
}

async fn serve(State(product): State<Arc<Product>>, request: Request) -> Response {
    let answer = answer(&product, request).await;
    answer.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(product: &Product, request: Request) -> Result<Response, Problem> {
    let address = request.extensions().get::<ClientAddress>().copied();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await;
    let body = body.map_err(|_| {
        Problem::new(
            Code::PayloadTooLarge,
            "The body must not be larger than 6 MiB.",
        )
    })?;
    let request = RequestEvent::new(&parts, address, &body);
    let context = ask_authorizer(product, &request).await?;
    product.function.invoke(&request.authorized(context)).await
}

/// The authorizer's context. A caller without a valid token has one that says so, as the stage variable asks for.
async fn ask_authorizer(product: &Product, request: &RequestEvent) -> Result<Value, Problem> {
    let _permit = product
        .authorizer_calls
        .acquire()
        .await
        .map_err(|_| Problem::internal())?;
    let event = authorizer_event(request).map_err(|_| Problem::internal())?;
    let decision = authorize(&product.state, event, &Context::default()).await;
    let decision = decision.map_err(|error| {
        Problem::new(
            Code::InternalError,
            format!("The authorizer failed: {error}"),
        )
    })?;
    let decision = serde_json::to_value(decision).map_err(|_| Problem::internal())?;
    Ok(decision.get("context").cloned().unwrap_or_default())
}
