//! `cargo run`: the whole service on this machine.

use std::fmt::Write as _;
use std::future::IntoFuture;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use mongod::{Mongod, NotFound, Purpose, StartError};
use server::dotenv::{self, DotenvError};
use server::{LocalSettings, connected, cors, pepper, purge_on_schedule, routes, token_secret};
use shared::config::{ConfigErrors, ConfiguredSecret};
use shared::http::{self, REQUEST_TIMEOUT};
use shared::mongo::SchemaMismatch;
use shared::secrets::SecretsManager;
use shared::start::{StartupError, prepare};
use shared::state::AppState;
use shared::tokens::Tokens;
use tokio::net::TcpListener;
use tokio::signal;

/// Data and the signing secret, kept from one run to the next.
const FOLDER: &str = ".local";
const MONGODB_FOLDER: &str = ".local/mongodb";
/// Requests in progress get a response within ten seconds.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(11);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Dotenv(#[from] DotenvError),
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error("{address} cannot be used: {error}. PORT=<another> cargo run takes another port")]
    Address {
        address: SocketAddr,
        error: io::Error,
    },
    #[error("{FOLDER} cannot be used: {0}")]
    Folder(io::Error),
    #[error(transparent)]
    MongodNotFound(#[from] NotFound),
    #[error(transparent)]
    MongodStart(#[from] StartError),
    #[error(
        "{MONGODB_FOLDER} holds the data of {age} version of this service, which this version cannot read. To start with \
         an empty database, remove the folder: rm -r {MONGODB_FOLDER}. The other files in {FOLDER} can stay"
    )]
    OtherVersion { age: &'static str },
    #[error("its mongod has ended with {0}; start again, the data is kept")]
    MongodEnded(ExitStatus),
    #[error(transparent)]
    Refused(#[from] StartupError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Failure> {
    // Before there are threads: it sets environment variables.
    dotenv::load(&std::env::current_dir()?)?;
    let settings = LocalSettings::read()?;
    shared::log::start_text(settings.log_filter.clone());
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(settings))
}

/// The port comes first: when it is taken, nothing else needs to start.
async fn run(mut settings: LocalSettings) -> Result<(), Failure> {
    let address = SocketAddr::from((settings.host, settings.port));
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| Failure::Address { address, error })?;
    let mut mongod = match settings.own_mongod {
        true => Some(start_mongod().await?),
        false => None,
    };
    let own_uri = mongod.as_ref().map(Mongod::uri);
    if let Some(uri) = &own_uri {
        settings.config.mongodb = ConfiguredSecret::Plain(uri.clone().into());
    }
    let served = tokio::select! {
        served = serve(settings, listener, own_uri.as_deref()) => served,
        ended = end_of(mongod.as_mut()) => Err(ended),
    };
    if let Some(mongod) = mongod {
        mongod.stop().await?;
    }
    served
}

/// Waits for an unexpected end of mongod.
async fn end_of(mongod: Option<&mut Mongod>) -> Failure {
    match mongod {
        Some(mongod) => mongod
            .ended()
            .await
            .map_or_else(Failure::Io, Failure::MongodEnded),
        None => std::future::pending().await,
    }
}

async fn start_mongod() -> Result<Mongod, Failure> {
    let binary = tokio::task::spawn_blocking(mongod::find);
    let binary = binary.await.map_err(io::Error::other)??;
    eprintln!("Starting MongoDB with its data in {MONGODB_FOLDER} …");
    Ok(Mongod::start(&binary, Path::new(MONGODB_FOLDER), Purpose::Keep).await?)
}

async fn serve(
    mut settings: LocalSettings,
    listener: TcpListener,
    own_uri: Option<&str>,
) -> Result<(), Failure> {
    let pepper = pepper(settings.pepper_secret_id, Path::new(FOLDER));
    settings.config.pepper = Some(pepper.map_err(Failure::Folder)?);
    let secrets: Arc<SecretsManager> = Arc::default();
    let secret = token_secret(
        settings.jwt_secret_id,
        Arc::clone(&secrets),
        Path::new(FOLDER),
    );
    let secret = secret.map_err(Failure::Folder)?;
    let tokens = Tokens::new(settings.tokens, secret);
    let state = Arc::new(AppState::new(settings.config, tokens, secrets));
    let prepared = prepare(&state).await;
    prepared.map_err(|error| match (error, own_uri) {
        (StartupError::Schema(mismatch), Some(_)) => other_version(mismatch),
        (error, _) => error.into(),
    })?;
    let router = http::service(routes(&state), REQUEST_TIMEOUT);
    let router = match settings.cors_allowed_origins {
        // Without it OPTIONS is a method like any other, as it is behind API Gateway.
        origins if origins.is_empty() => router,
        origins => router.layer(cors(origins)),
    };
    tokio::spawn(purge_on_schedule(Arc::clone(&state)));
    println!("{}", welcome(listener.local_addr()?, own_uri));
    let (stopping, mut stopped) = tokio::sync::watch::channel(());
    let server = axum::serve(listener, connected(router)).with_graceful_shutdown(async move {
        stop_signal().await;
        drop(stopping);
    });
    tokio::select! {
        served = server.into_future() => served?,
        // Connections that do not end by themselves are left to end with the process.
        () = async { let _ = stopped.changed().await; tokio::time::sleep(SHUTDOWN_TIMEOUT).await } => {}
    }
    Ok(())
}

fn other_version(mismatch: SchemaMismatch) -> Failure {
    let age = match mismatch {
        SchemaMismatch::Older => "an earlier",
        SchemaMismatch::Newer => "a later",
    };
    Failure::OtherVersion { age }
}

fn welcome(listening: SocketAddr, own_uri: Option<&str>) -> String {
    let api = format!("http://{}", reachable(listening));
    let mongodb = own_uri.unwrap_or("as configured");
    let header = "-H 'content-type: application/json'";
    let organization = r#"{"organization_name":"Akshay Pvt Ltd","email":"admin@example.com","password":"Admin@123"}"#;
    let credentials = r#"{"email":"admin@example.com","password":"Admin@123"}"#;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "\nThe organization service is up; Ctrl-C ends it, data stays in {FOLDER}.\n"
    );
    let _ = writeln!(
        text,
        "  API      {api}\n  Docs     {api}/docs\n  MongoDB  {mongodb}\n"
    );
    let _ = writeln!(
        text,
        "  curl {api}/org/create {header} -d '{organization}'\n"
    );
    let _ = writeln!(text, "  curl {api}/admin/login {header} -d '{credentials}'");
    text
}

/// An address by which this machine reaches a server that listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Ctrl-C or SIGTERM.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = signal::ctrl_c().await;
}
