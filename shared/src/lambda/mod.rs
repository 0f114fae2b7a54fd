//! Lifecycle of a Lambda function: starts once, then serves events, mostly of an HTTP API (payload format 2.0).

mod invocation_error;
mod job;
mod path;
mod payload;
mod response;
mod sanitize_event;

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;

use axum::Router;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, LambdaEvent, Service};
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use tower::ServiceBuilder;

use self::payload::PayloadResponse;
use self::response::GatewayResponse;
use self::sanitize_event::sanitize_event;
use crate::config::{Config, ConfiguredSecret, Settings, TokenConfig};
use crate::http::REQUEST_TIMEOUT;
use crate::secrets::SecretsManager;
use crate::start::{StartupError, prepare};
use crate::state::AppState;
use crate::tokens::{SecretSource, Tokens};
use crate::{log, metrics};

pub use self::invocation_error::InvocationError;
pub use self::job::serve_job;
pub use self::payload::{NEEDS_VERSION_2, Payload};

/// A secret that a function reads in addition to the connection string. Its role permits no other secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// Signs access tokens.
    Signing,
    /// The key of the service's HMACs.
    Pepper,
}

/// Reads the configuration of a function that uses MongoDB and these secrets.
pub fn start(secrets: &[Secret]) -> Result<Arc<AppState>, StartupError> {
    start_with(secrets, |_| ()).map(|(state, ())| state)
}

/// Like [`start`], for a function with settings of its own: those that `read_own` reads.
pub fn start_with<T>(
    secrets: &[Secret],
    read_own: impl FnOnce(&mut Settings<'_>) -> T,
) -> Result<(Arc<AppState>, T), StartupError> {
    let client: Arc<SecretsManager> = Arc::default();
    let read = |settings: &mut Settings<'_>| {
        let mut config = Config::read(settings);
        config.max_connections = Some(MAX_CONNECTIONS);
        if secrets.contains(&Secret::Pepper) {
            config.pepper = Some(ConfiguredSecret::Id(settings.required("PEPPER_SECRET_ID")));
        }
        let source = match secrets.contains(&Secret::Signing) {
            true => SecretSource::SecretsManager {
                client: Arc::clone(&client),
                id: settings.required("JWT_SECRET_ID"),
            },
            false => SecretSource::Unused,
        };
        let tokens = Tokens::new(TokenConfig::read(settings), source);
        (config, tokens, read_own(settings))
    };
    let (config, tokens, own) = start_without_mongodb(read)?;
    Ok((Arc::new(AppState::new(config, tokens, client)), own))
}

/// Reads the configuration of a function that does not use MongoDB: the settings that `read` reads.
pub fn start_without_mongodb<T>(
    read: impl FnOnce(&mut Settings<'_>) -> T,
) -> Result<T, StartupError> {
    let lookup = |name: &str| std::env::var(name).ok();
    let mut settings = Settings::new(&lookup);
    start_output(&mut settings);
    let read = read(&mut settings);
    settings.finish()?;
    Ok(read)
}

/// Writes logs and metrics to stdout.
fn start_output(settings: &mut Settings<'_>) {
    log::start_json(log::filter(settings), std::io::stdout);
    metrics::start_embedded(settings);
}

/// An environment serves one request at a time: a transaction and, at the same time, the command that ends it.
const MAX_CONNECTIONS: u32 = 2;

/// Connects to all dependencies, then serves requests until Lambda ends the process.
pub async fn serve(state: &AppState, router: Router) -> Result<(), StartupError> {
    serve_events(state, payload_handler(router)).await
}

/// Like [`serve`], for a function whose events are not HTTP requests. An error of `handler` is logged and returned to
/// the invoker.
pub async fn serve_events<E, S, A>(state: &AppState, handler: S) -> Result<(), StartupError>
where
    E: for<'de> Deserialize<'de>,
    S: Service<LambdaEvent<E>, Response = A, Error: Into<Diagnostic> + Debug>,
    A: Serialize,
{
    prepare(state).await?;
    serve_events_without_state(handler).await
}

/// Like [`serve_events`], for a function without an [`AppState`].
pub async fn serve_events_without_state<E, S, A>(handler: S) -> Result<(), StartupError>
where
    E: for<'de> Deserialize<'de>,
    S: Service<LambdaEvent<E>, Response = A, Error: Into<Diagnostic> + Debug>,
    A: Serialize,
{
    lambda_runtime::run(handler)
        .await
        .map_err(|error| StartupError::Configuration(error.to_string()))
}

/// Like [`serve`], for a function without an [`AppState`].
pub async fn serve_without_state(router: Router) -> Result<(), StartupError> {
    serve_events_without_state(payload_handler(router)).await
}

/// Like [`handler`]. Events of payload format 1.0 get an error that explains what to change.
fn payload_handler(
    router: Router,
) -> impl Service<
    LambdaEvent<Payload<LambdaRequest>>,
    Response: Serialize + Send,
    Error = Infallible,
    Future: Send,
> {
    let handler = handler(router);
    tower::service_fn(move |event: LambdaEvent<Payload<LambdaRequest>>| {
        let responding = match event.payload {
            Payload::Version2(request) => {
                let event = LambdaEvent::new(request, event.context);
                Ok(handler.clone().call(event))
            }
            Payload::Version1 => Err(PayloadResponse::needs_version_2(&event.context)),
        };
        async move {
            match responding {
                Ok(response) => response.await.map(PayloadResponse::Version2),
                Err(response) => Ok(response),
            }
        }
    })
}

/// The service that responds to events.
pub fn handler(
    router: Router,
) -> impl Service<
    LambdaEvent<LambdaRequest>,
    Response: Serialize + Send,
    Error = Infallible,
    Future: Send,
> + Clone {
    let http_service = ServiceBuilder::new()
        .map_response(GatewayResponse)
        .service(crate::http::service(router, REQUEST_TIMEOUT));
    ServiceBuilder::new()
        .map_request(sanitize_event)
        .service(Adapter::from(http_service))
}
