//! `cargo run -p aws-emulator`: the dependencies of functions, on this machine, for `sam local`, `cargo lambda` and others that run
//! them: a MongoDB, and a Secrets Manager that has the signing secret and the pepper.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;

use aws_emulator::SecretsManager;
use mongod::{Mongod, NotFound, Purpose, StartError};
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};

/// Data, kept from one run to the next, and the settings, written anew by each.
const FOLDER: &str = ".local";
const JWT_SECRET_ID: &str = "organization-service/jwt";
const PEPPER_SECRET_ID: &str = "organization-service/pepper";
/// By this address of ours containers reach us, on Linux. Docker's desktop editions reach loopback itself.
const BRIDGE: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    MongodNotFound(#[from] NotFound),
    #[error(transparent)]
    MongodStart(#[from] StartError),
    #[error("{FOLDER}/lambda.json and {FOLDER}/lambda.env cannot be written: {0}")]
    Settings(io::Error),
    #[error("moto: {0}")]
    Moto(io::Error),
    #[error("a secret cannot be made: {0}")]
    Secret(aws_sdk_secretsmanager::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let binary = tokio::task::spawn_blocking(mongod::find);
    let binary = binary.await.map_err(io::Error::other)??;
    let data = Path::new(FOLDER).join("mongodb-of-functions");
    let mongod = Mongod::start(&binary, &data, Purpose::Keep).await?;
    let secrets = SecretsManager::start().await.map_err(Failure::Moto)?;
    for id in [JWT_SECRET_ID, PEPPER_SECRET_ID] {
        make_secret(&secrets, id).await?;
    }
    write_settings(&mongod, &secrets).map_err(Failure::Settings)?;
    for port in [mongod.port(), secrets.port()] {
        forward_from_containers(port).await;
    }
    println!(
        "\nMongoDB and Secrets Manager are up for the functions; Ctrl-C ends them. In another terminal:\n\n  \
         sam local invoke CreateOrgFunction --event events/create-org.json\n  \
         sam local start-api\n  \
         cargo lambda watch --env-file {FOLDER}/lambda.env\n"
    );
    tokio::signal::ctrl_c().await?;
    Ok(mongod.stop().await?)
}

async fn make_secret(secrets: &SecretsManager, id: &str) -> Result<(), Failure> {
    let client = secrets.client().await;
    let random = client.get_random_password().password_length(64);
    let random = random.exclude_punctuation(true).send().await;
    let random = random.map_err(|error| Failure::Secret(error.into()))?;
    let made = client.create_secret().name(id);
    let made = made.set_secret_string(random.random_password).send().await;
    made.map_err(|error| Failure::Secret(error.into()))?;
    Ok(())
}

/// For containers (`sam local --env-vars`), and for processes (`cargo lambda watch --env-file`).
fn write_settings(mongod: &Mongod, secrets: &SecretsManager) -> io::Result<()> {
    let of = |host: &str| {
        let (mongodb, manager) = (mongod.port(), secrets.port());
        json!({
            "MONGODB_URI": format!("mongodb://{host}:{mongodb}/?directConnection=true"),
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

/// Lets containers reach this port of loopback. It stays unreachable from other machines.
async fn forward_from_containers(port: u16) {
    // Without the bridge there is no Docker, or one that needs no help.
    let Ok(listener) = TcpListener::bind((BRIDGE, port)).await else {
        return;
    };
    tokio::spawn(async move {
        while let Ok((mut container, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut own = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
                tokio::io::copy_bidirectional(&mut container, &mut own).await
            });
        }
    });
}
