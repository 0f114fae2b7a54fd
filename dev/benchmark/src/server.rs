//! The local server, built as the container's image has it, while it is measured.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::backend::{EMAIL, PASSWORD};
use crate::{Outcome, root};

/// Ends with this value, and its mongod with it.
pub struct Server {
    pub base: String,
    pub mongodb: String,
    process: Child,
    /// Open as long as it may print.
    _output: BufReader<ChildStdout>,
    _folder: TempDir,
}

impl Server {
    /// On a database of its own, with the cost of production and without a limit of login attempts.
    pub fn start(executable: &Path) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let mut process = Command::new(executable)
            .current_dir(folder.path())
            .env_remove("MONGODB_URI")
            .env("PORT", "0")
            .env("LOGIN_ATTEMPTS_PER_ACCOUNT", "0")
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().ok_or("no output")?;
        let mut output = BufReader::new(output);
        let (mut base, mut mongodb) = (None, None);
        while base.is_none() || mongodb.is_none() {
            let mut line = String::new();
            if output.read_line(&mut line)? == 0 {
                return Err("the server ended".into());
            }
            let value = |name: &str| Some(line.trim().strip_prefix(name)?.trim().to_owned());
            base = base.or_else(|| value("API"));
            mongodb = mongodb.or_else(|| value("MongoDB"));
        }
        Ok(Self {
            base: base.unwrap_or_default(),
            mongodb: mongodb.unwrap_or_default(),
            process,
            _output: output,
            _folder: folder,
        })
    }

    /// Builds it, with the profile of the container's image.
    pub async fn built() -> Outcome<Self> {
        let build = || {
            let mut cargo = Command::new("cargo");
            cargo
                .current_dir(root())
                .args(["build", "--quiet", "--locked"]);
            cargo
                .args(["--profile", "server", "--package", "server"])
                .status()
        };
        if !tokio::task::spawn_blocking(build).await??.success() {
            return Err("the server cannot be built".into());
        }
        let target = aws_emulator::target()?;
        Self::start(&target.join("server/server"))
    }

    pub async fn post(&self, http: &reqwest::Client, path: &str, body: &Value) -> Outcome<u16> {
        let answer = http
            .post(format!("{}{path}", self.base))
            .json(body)
            .send()
            .await?;
        let status = answer.status().as_u16();
        answer.bytes().await?;
        Ok(status)
    }

    /// With the admin [`EMAIL`].
    pub async fn with_admin(self, http: &reqwest::Client) -> Outcome<Self> {
        let body =
            json!({"organization_name": "Akshay Pvt Ltd", "email": EMAIL, "password": PASSWORD});
        match self.post(http, "/org/create", &body).await? {
            201 => Ok(self),
            status => Err(format!("no organization: {status}").into()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
