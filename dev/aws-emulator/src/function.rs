//! A function's executable as Lambda runs it.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::runtime_api::RuntimeApi;

/// Lambda gives a start ten seconds.
const START_TIMEOUT: Duration = Duration::from_secs(10);

type Output = Arc<Mutex<Vec<u8>>>;

/// One environment: a process that serves one event after another, and ends with this value.
pub struct Function {
    api: RuntimeApi,
    process: Child,
    output: Output,
    /// From the process's start until it requested its first event.
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
                let output = collect(&mut process);
                Ok(Self { api, process, output, cold_start })
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

    /// The log: everything that the process has printed.
    pub fn output(&self) -> String {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&output).into_owned()
    }

    /// The response to `event`, or the error that the function reports.
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

/// Reads both pipes all the time: a full one would stop the process.
fn collect(process: &mut Child) -> Output {
    let output = Output::default();
    if let Some(stdout) = process.stdout.take() {
        tokio::spawn(append(stdout, Arc::clone(&output)));
    }
    if let Some(stderr) = process.stderr.take() {
        tokio::spawn(append(stderr, Arc::clone(&output)));
    }
    output
}

async fn append(mut pipe: impl AsyncRead + Unpin, output: Output) {
    let mut bytes = Vec::new();
    while pipe.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.append(&mut bytes);
    }
}
