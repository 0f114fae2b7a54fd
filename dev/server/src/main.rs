//! `cargo run`: the whole service on this machine.

use std::future::IntoFuture;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use clap::Parser;
use env_file::EnvFileError;
use mongod::{Ended, Mongod, NotFound, Purpose, StartError};
use relay::SenderError;
use server::{
    Arguments, Command, DevRefused, LocalSettings, Options, ProductCommand, ProductCommandError,
    ProductRoute, apply_product, connected, cors, dev_password, own_url, pepper, permit_dev,
    purge_on_schedule, relay_mail, routes, token_secret, welcome, with_dev_routes,
    with_product_routes,
};
use shared::clock::Clock;
use shared::config::{ConfigErrors, ConfiguredSecret};
use shared::http::{self, REQUEST_TIMEOUT};
use shared::mongo::SchemaMismatch;
use shared::outbox::LinkBaseInvalid;
use shared::secrets::SecretsManager;
use shared::start::{StartupError, prepare};
use shared::state::AppState;
use shared::store::Mongo;
use shared::tokens::{SecretSource, Tokens};
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
    EnvFile(#[from] EnvFileError),
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error("port {port} is in use: set PORT to another one, or to 0 for any free one")]
    PortInUse { port: u16 },
    #[error("HOST={host} with PORT={port} cannot be used: {error}")]
    Address {
        host: String,
        port: u16,
        error: io::Error,
    },
    #[error("--route {0} and --route {1} overlap")]
    OverlappingRoutes(String, String),
    #[error("the functions of --route cannot be called: {0}")]
    Functions(#[from] reqwest::Error),
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
    #[error("{0}. Start the server again; the data is kept")]
    MongodEnded(Ended),
    #[error(transparent)]
    Refused(#[from] StartupError),
    #[error(transparent)]
    Product(#[from] ProductCommandError),
    #[error(transparent)]
    Dev(#[from] DevRefused),
    #[error(transparent)]
    Mail(#[from] SenderError),
    #[error(transparent)]
    OwnUrl(#[from] LinkBaseInvalid),
    #[error(transparent)]
    Mongodb(#[from] mongodb::error::Error),
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
    let Arguments { command, options } = Arguments::parse();
    let routes = &options.routes;
    if let Some((one, other)) = ProductRoute::first_overlap(routes) {
        return Err(Failure::OverlappingRoutes(
            one.to_string(),
            other.to_string(),
        ));
    }
    // Before there are threads: it sets environment variables.
    let names = env_file::load(&std::env::current_dir()?)?;
    warn_of_unknown(&names);
    let settings = LocalSettings::read()?;
    shared::log::start_text(settings.log_filter.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match command {
        Some(command) => runtime.block_on(run_command(settings, command)),
        None => runtime.block_on(run(settings, options)),
    }
}

async fn run_command(settings: LocalSettings, command: Command) -> Result<(), Failure> {
    if settings.own_mongod {
        return Err(ProductCommandError::NoMongodb.into());
    }
    let mongo = Mongo::new(settings.config, Arc::default(), Clock::default());
    let Command::Product(ProductCommand::Apply(arguments)) = command;
    Ok(apply_product(&mongo, arguments).await?)
}

/// Names the lines of `.env` that change nothing. `AWS_…` configures the AWS SDK.
fn warn_of_unknown(names: &[String]) {
    let known = LocalSettings::names();
    let unknown = |name: &&String| !known.contains(*name) && !name.starts_with("AWS_");
    for name in names.iter().filter(unknown) {
        eprintln!(".env: {name} is not a setting of the local server (.env.example lists them)");
    }
}

/// The port comes first: when it is taken, nothing else needs to start.
async fn run(mut settings: LocalSettings, options: Options) -> Result<(), Failure> {
    let listener = listen(&settings.host, settings.port).await?;
    if options.dev {
        permit_dev(listener.local_addr()?, settings.own_mongod)?;
    }
    let mut mongod = match settings.own_mongod {
        true => Some(start_mongod().await?),
        false => None,
    };
    let own_uri = mongod.as_ref().map(Mongod::uri);
    if let Some(uri) = &own_uri {
        settings.config.mongodb = ConfiguredSecret::Plain(uri.clone().into());
    }
    let started = Started {
        options: &options,
        own_uri: own_uri.as_deref(),
    };
    let served = tokio::select! {
        served = serve(settings, listener, started) => served,
        ended = end_of(mongod.as_mut()) => Err(ended),
    };
    if let Some(mongod) = mongod {
        mongod.stop().await?;
    }
    served
}

async fn listen(host: &str, port: u16) -> Result<TcpListener, Failure> {
    let listening = TcpListener::bind((host, port)).await;
    listening.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Failure::PortInUse { port },
        _ => Failure::Address {
            host: host.to_owned(),
            port,
            error,
        },
    })
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

/// What the server was started with.
#[derive(Clone, Copy)]
struct Started<'a> {
    options: &'a Options,
    /// Of the server's own MongoDB.
    own_uri: Option<&'a str>,
}

async fn serve(
    mut settings: LocalSettings,
    listener: TcpListener,
    started: Started<'_>,
) -> Result<(), Failure> {
    let pepper = pepper(settings.pepper_secret_id.take(), Path::new(FOLDER));
    settings.config.pepper = Some(pepper.map_err(Failure::Folder)?);
    let secrets: Arc<SecretsManager> = Arc::default();
    let id = settings.jwt_secret_id.take();
    let secret = token_secret(id, Arc::clone(&secrets), Path::new(FOLDER));
    let secret = secret.map_err(Failure::Folder)?;
    let tokens = Tokens::new(settings.tokens.clone(), secret.clone());
    let state = Arc::new(AppState::new(settings.config.clone(), tokens, secrets));
    let prepared = prepare(&state).await;
    prepared.map_err(|error| match (error, started.own_uri) {
        (StartupError::Schema(mismatch), Some(_)) => other_version(mismatch),
        (error, _) => error.into(),
    })?;
    let mail = settings.mail.take();
    let router = router(settings, secret, &state, started).await?;
    tokio::spawn(purge_on_schedule(Arc::clone(&state)));
    if let Some(mail) = mail {
        let own = own_url(listener.local_addr()?).parse()?;
        relay_mail(Arc::clone(&state), mail, own, Path::new(FOLDER)).await?;
    }
    let mongodb = started.own_uri.unwrap_or(match state.mongo.is_connected() {
        true => "as configured",
        false => "as configured, cannot be reached: requests get 503 until it can",
    });
    println!("{}", welcome(listener.local_addr()?, mongodb));
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

/// All routes: those of the service, of the products, and for development.
async fn router(
    settings: LocalSettings,
    secret: SecretSource,
    state: &Arc<AppState>,
    started: Started<'_>,
) -> Result<Router, Failure> {
    let router = http::service(routes(state), REQUEST_TIMEOUT);
    let router = match settings.cors_allowed_origins {
        // Without it OPTIONS is a method like any other, as it is behind API Gateway.
        origins if origins.is_empty() => router,
        origins => router.layer(cors(origins)),
    };
    let router = with_product_routes(router, &started.options.routes, state)?;
    match started.own_uri {
        Some(uri) if started.options.dev => {
            let (config, tokens) = (settings.config, settings.tokens);
            let password = dev_password(Path::new(FOLDER)).map_err(Failure::Folder)?;
            Ok(with_dev_routes(router, config, tokens, secret, password, uri).await?)
        }
        _ => Ok(router),
    }
}

fn other_version(mismatch: SchemaMismatch) -> Failure {
    let age = match mismatch {
        SchemaMismatch::Older => "an earlier",
        SchemaMismatch::Newer => "a later",
    };
    Failure::OtherVersion { age }
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
