//! Secrets Manager, by moto: the SDK's real calls, answered by a process on this machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{Credentials, Region};
use mongod::free_port;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::python::python;

const REGION: &str = "eu-central-1";
/// moto takes any.
const KEY: &str = "test";
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Ended with this value.
pub struct SecretsManager {
    url: String,
    port: u16,
    _process: Child,
}

impl SecretsManager {
    /// With no secrets in it. Waits until it answers.
    pub async fn start() -> io::Result<Self> {
        let python = tokio::task::spawn_blocking(python);
        let mut command = Command::from(python.await.map_err(io::Error::other)??);
        let port = free_port()?;
        let process = command
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p"])
            .arg(port.to_string())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let started = Instant::now();
        while let Err(error) = TcpStream::connect(address).await {
            if started.elapsed() > START_TIMEOUT {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self {
            url: format!("http://{address}"),
            port,
            _process: process,
        })
    }

    /// The variables by which the SDK finds it.
    pub fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
        ]
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Speaks to it.
    pub async fn client(&self) -> Client {
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .endpoint_url(&self.url)
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(KEY, KEY, None, None, "moto"));
        Client::new(&config.load().await)
    }
}
