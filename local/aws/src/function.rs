//! A function's executable as Lambda runs it.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::runtime_api::RuntimeApi;

/// Lambda gives a start ten seconds.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// One environment: a process that serves one event after another, and ends with this value.
pub struct Function {
    api: RuntimeApi,
    process: Child,
    /// From the process's start until it asked for its first event.
    cold_start: Duration,
}

#[derive(Debug)]
pub enum NotStarted {
    Io(io::Error),
    /// The process ended by itself, and this is what it printed.
    Ended {
        status: ExitStatus,
        output: String,
    },
    TooSlow,
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Function {
    /// Starts the executable with Lambda's variables and `settings` as its whole environment, and waits until it
    /// is ready.
    pub async fn start(executable: &Path, settings: &[(&str, String)]) -> Result<Self, NotStarted> {
        let api = RuntimeApi::start().await?;
        let mut command = Command::new(executable);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/function")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_rust")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let started = Instant::now();
        let mut process = command.spawn()?;
        tokio::select! {
            ready = api.ready() => {
                let cold_start = ready.unwrap_or(started) - started;
                drain(&mut process);
                Ok(Self { api, process, cold_start })
            }
            status = process.wait() => {
                let output = printed(&mut process).await?;
                Err(NotStarted::Ended { status: status?, output })
            }
            () = tokio::time::sleep(START_TIMEOUT) => Err(NotStarted::TooSlow),
        }
    }

    pub fn cold_start(&self) -> Duration {
        self.cold_start
    }

    /// Of the process, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// The answer to `event`, or the error that the function reports.
    pub async fn invoke(&self, event: &Value) -> Result<Value, Value> {
        let outcome = self.api.invoke(Bytes::from(event.to_string())).await;
        let read = |bytes: Bytes| serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        match outcome {
            Ok(outcome) => outcome.map(read).map_err(read),
            Err(_) => Err(Value::Null),
        }
    }
}

async fn printed(process: &mut Child) -> io::Result<String> {
    let mut output = String::new();
    if let Some(stdout) = &mut process.stdout {
        stdout.read_to_string(&mut output).await?;
    }
    if let Some(stderr) = &mut process.stderr {
        stderr.read_to_string(&mut output).await?;
    }
    Ok(output)
}

/// A full pipe would stop the process.
fn drain(process: &mut Child) {
    if let Some(mut stdout) = process.stdout.take() {
        tokio::spawn(async move { tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await });
    }
    if let Some(mut stderr) = process.stderr.take() {
        tokio::spawn(async move { tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await });
    }
}
