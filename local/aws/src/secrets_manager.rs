//! Secrets Manager, by moto: the SDK's real calls, answered by a process on this machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::free_port;
use crate::python::python;

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Ended with this value.
pub struct SecretsManager {
    url: String,
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
            _process: process,
        })
    }

    /// The variables by which the SDK finds it.
    pub fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ]
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}
