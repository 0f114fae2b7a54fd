//! Routes of `--dev`, for the tests of a product and for a product in Rust on this machine. They exist on a loopback address
//! with the server's own MongoDB alone, and for requests to a loopback host alone: a page of another site whose name leads to
//! this machine does not reach them.

mod members;
mod secrets;
mod sign_in;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use mongodb::Client;
use secrecy::SecretString;
use shared::config::{Config, TokenConfig};
use shared::http::{self, REQUEST_TIMEOUT};
use shared::secrets::SecretsManager;
use shared::state::AppState;
use shared::tokens::{SecretSource, Tokens};
use tower::ServiceExt;

use self::sign_in::Accounts;

/// Why `--dev` is refused.
#[derive(Debug, thiserror::Error)]
pub enum DevRefused {
    #[error(
        "--dev hands out tokens to whoever reaches the server: it needs a loopback address. Remove HOST"
    )]
    Address,
    #[error(
        "--dev works with the MongoDB that the server starts. Remove MONGODB_URI and MONGODB_URI_SECRET_ID"
    )]
    Mongodb,
}

/// Whether `--dev` can be used.
pub fn permit_dev(address: SocketAddr, has_own_mongod: bool) -> Result<(), DevRefused> {
    match (address.ip().is_loopback(), has_own_mongod) {
        (false, _) => Err(DevRefused::Address),
        (true, false) => Err(DevRefused::Mongodb),
        (true, true) => Ok(()),
    }
}

/// `service` with these routes. `secret` is that of the service's tokens, `password` that of all accounts that they create.
pub async fn with_dev_routes(
    service: Router,
    config: Config,
    tokens: TokenConfig,
    secret: SecretSource,
    password: SecretString,
    mongodb: &str,
) -> Result<Router, mongodb::error::Error> {
    let secrets = match &secret {
        SecretSource::Local(version) => secrets::router(version.clone()),
        // It is in Secrets Manager already.
        SecretSource::SecretsManager { .. } | SecretSource::Unused => Router::new(),
    };
    let tokens = Tokens::new(tokens, secret);
    let secrets_manager: Arc<SecretsManager> = Arc::default();
    let state = AppState::new(sign_in::fast(config), tokens, secrets_manager);
    let master = Client::with_uri_str(mongodb)
        .await?
        .database(&state.config.master_db);
    let sign_in = post(sign_in::sign_in).layer(Extension(Accounts { master, password }));
    let sign_in = sign_in.with_state(Arc::new(state));
    let routes = secrets
        .route("/dev/sign-in", sign_in)
        .method_not_allowed_fallback(api_docs::unknown_route);
    let loopback_only = from_fn_with_state(service.clone(), loopback_only);
    let routes = http::service(routes, REQUEST_TIMEOUT).layer(loopback_only);
    Ok(routes.fallback_service(service))
}

/// Lets the service answer a request to another host: to it, these routes do not exist.
async fn loopback_only(State(service): State<Router>, request: Request, next: Next) -> Response {
    match is_to_loopback(&request) {
        true => next.run(request).await,
        false => service.oneshot(request).await.into_response(),
    }
}

/// Whether the request names this machine, by its `Host` and by its target if that has a host.
fn is_to_loopback(request: &Request) -> bool {
    let host = request.headers().get(HOST);
    let host = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let target = request.uri().authority();
    host.as_ref().is_some_and(is_loopback) && target.is_none_or(is_loopback)
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host().trim_matches(['[', ']']);
    let address: Option<IpAddr> = host.parse().ok();
    host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn hosts_of_this_machine() {
        let request = |host: &str, target: &str| {
            let request = Request::builder().uri(target).header(HOST, host);
            is_to_loopback(&request.body(Body::empty()).unwrap())
        };
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "127.0.0.1:8000",
            "127.9.9.9",
            "[::1]:8000",
            "[::1]",
        ] {
            assert!(request(host, "/dev/sign-in"), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "10.0.0.1",
            "0.0.0.0",
            "127.0.0.1.example.com",
            "[::2]",
            "::1",
            "a b",
        ] {
            assert!(!request(host, "/dev/sign-in"), "{host}");
        }
        assert!(!request("localhost", "http://example.com/dev/sign-in"));
        assert!(request("localhost", "http://localhost/dev/sign-in"));
        let without = Request::builder().uri("/").body(Body::empty()).unwrap();
        assert!(!is_to_loopback(&without));
    }
}
