//! `cargo run -p aws-emulator`: the dependencies of functions, on this machine, for `sam local`, `cargo lambda` and others that run
//! them: a MongoDB, and a Secrets Manager that has the signing secret and the pepper.

mod docker_bridge;

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;

use aws_emulator::SecretsManager;
use aws_sdk_secretsmanager::Client;
use env_file::EnvFileError;
use mongod::{Mongod, NotFound, Purpose, StartError};
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

/// Data, kept from one run to the next, and the settings, written anew by each.
const FOLDER: &str = ".local";
const JWT_SECRET_ID: &str = "organization-service/jwt";
/// The version that events/rotate-jwt-secret.json asks for.
const PENDING_VERSION: &str = "5048d0a9-8a1c-4a5b-9c5e-3f0e6f1d2c3b";
const PEPPER_SECRET_ID: &str = "organization-service/pepper";
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    EnvFile(#[from] EnvFileError),
    #[error(transparent)]
    MongodNotFound(#[from] NotFound),
    #[error(transparent)]
    MongodStart(#[from] StartError),
    #[error("{FOLDER}/lambda.json and {FOLDER}/lambda.env cannot be written: {0}")]
    Settings(io::Error),
    #[error("moto: {0}")]
    Moto(io::Error),
    #[error("a secret cannot be made: {0}")]
    Secret(Box<aws_sdk_secretsmanager::Error>),
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
    env_file::load(&std::env::current_dir()?)?;
    tokio::runtime::Runtime::new()?.block_on(run())
}

/// Runs until Ctrl-C or SIGTERM. Dropping the future ends MongoDB and moto.
async fn run() -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        failed = serve() => failed,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

async fn serve() -> Result<(), Failure> {
    let mongodb = MongoDb::configured_or_started().await?;
    let secrets = SecretsManager::start().await.map_err(Failure::Moto)?;
    let client = secrets.client().await;
    for id in [JWT_SECRET_ID, PEPPER_SECRET_ID] {
        make_secret(&client, id).await?;
    }
    begin_rotation(&client).await?;
    write_settings(&mongodb, &secrets).map_err(Failure::Settings)?;
    let mut ports = vec![secrets.port()];
    if let MongoDb::Own(mongod) = &mongodb {
        ports.push(mongod.port());
    }
    forward_from_containers(&ports).await;
    println!(
        "\nMongoDB and Secrets Manager are up for the functions; Ctrl-C ends them. In another terminal:\n\n  \
         sam local invoke CreateOrgFunction --event events/create-org.json\n  \
         sam local start-api\n  \
         cargo lambda watch --env-file {FOLDER}/lambda.env\n"
    );
    std::future::pending().await
}

/// The MongoDB of the functions.
enum MongoDb {
    /// The connection string `MONGODB_URI`.
    Configured(String),
    Own(Mongod),
}

impl MongoDb {
    async fn configured_or_started() -> Result<Self, Failure> {
        let configured = std::env::var("MONGODB_URI").unwrap_or_default();
        if !configured.trim().is_empty() {
            return Ok(Self::Configured(configured));
        }
        let binary = tokio::task::spawn_blocking(mongod::find);
        let binary = binary.await.map_err(io::Error::other)??;
        let data = Path::new(FOLDER).join("mongodb-of-functions");
        let own = Mongod::start(&binary, &data, Purpose::Keep).await?;
        Ok(Self::Own(own))
    }

    /// The connection string for functions that reach this machine as `host`.
    fn uri(&self, host: &str) -> String {
        match self {
            Self::Configured(uri) => uri.clone(),
            Self::Own(mongod) => {
                format!("mongodb://{host}:{}/?directConnection=true", mongod.port())
            }
        }
    }
}

async fn make_secret(client: &Client, id: &str) -> Result<(), Failure> {
    let made = client.create_secret().name(id);
    let made = made.set_secret_string(random(client).await?).send().await;
    made.map_err(|error| Failure::Secret(Box::new(error.into())))?;
    Ok(())
}

/// Stages a version of the signing secret, as Secrets Manager does when a rotation begins. moto requires a value.
async fn begin_rotation(client: &Client) -> Result<(), Failure> {
    let put = client.put_secret_value().secret_id(JWT_SECRET_ID);
    let put = put
        .client_request_token(PENDING_VERSION)
        .version_stages("AWSPENDING");
    let put = put.set_secret_string(random(client).await?).send().await;
    put.map_err(|error| Failure::Secret(Box::new(error.into())))?;
    Ok(())
}

async fn random(client: &Client) -> Result<Option<String>, Failure> {
    let random = client.get_random_password().password_length(64);
    let random = random.exclude_punctuation(true).send().await;
    let random = random.map_err(|error| Failure::Secret(Box::new(error.into())))?;
    Ok(random.random_password)
}

/// For containers (`sam local --env-vars`), and for processes (`cargo lambda watch --env-file`).
fn write_settings(mongodb: &MongoDb, secrets: &SecretsManager) -> io::Result<()> {
    let of = |host: &str| {
        let manager = secrets.port();
        json!({
            "MONGODB_URI": mongodb.uri(host),
            "MONGODB_URI_SECRET_ID": "",
            "JWT_SECRET_ID": JWT_SECRET_ID,
            "PEPPER_SECRET_ID": PEPPER_SECRET_ID,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": format!("http://{host}:{manager}"),
            // All callers have one address.
            "LOGIN_ATTEMPTS_PER_ADDRESS": "0",
            "ONBOARDINGS_PER_ADDRESS": "0",
        })
    };
    let parameters = json!({ "Parameters": of("host.docker.internal") });
    fs::create_dir_all(FOLDER)?;
    fs::write(
        Path::new(FOLDER).join("lambda.json"),
        format!("{parameters:#}\n"),
    )?;
    let mut variables = of("127.0.0.1")
        .as_object()
        .cloned()
        .unwrap_or_else(Map::new);
    for (name, value) in secrets.settings() {
        // The endpoint is Secrets Manager's alone.
        if name != "AWS_ENDPOINT_URL" {
            variables.insert(name.to_owned(), value.into());
        }
    }
    let line = |(name, value): (&String, &Value)| {
        format!("{name}=\"{}\"\n", value.as_str().unwrap_or_default())
    };
    let lines: String = variables.iter().map(line).collect();
    fs::write(Path::new(FOLDER).join("lambda.env"), lines)
}

/// Lets containers reach these ports of loopback. They stay unreachable from other machines.
async fn forward_from_containers(ports: &[u16]) {
    let Some(bridge) = docker_bridge::address().await else {
        eprintln!(
            "Docker does not answer, so containers of `sam local` cannot reach this machine. Start Docker, and then this \
             command again. `cargo lambda` needs no Docker."
        );
        return;
    };
    for &port in ports {
        // It cannot be used where Docker runs in a virtual machine, as on macOS. There containers reach loopback themselves.
        if let Ok(listener) = TcpListener::bind((bridge, port)).await {
            tokio::spawn(forward(listener, port));
        }
    }
}

async fn forward(listener: TcpListener, port: u16) {
    while let Ok((mut container, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut own = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
            tokio::io::copy_bidirectional(&mut container, &mut own).await
        });
    }
}
