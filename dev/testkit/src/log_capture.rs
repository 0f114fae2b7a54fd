//! Captures the log lines of all services in a test run. A secret in a log line aborts the run.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Mutex, Once};

use serde_json::Value;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::{PASSWORD, PEPPER, SIGNING_SECRET};

/// Strings that must not be logged: the tests' passwords and secrets, prefixes of hashes and tokens, and connection
/// string credentials.
const CANARIES: &[&str] = &[
    PASSWORD,
    "Admin@124",
    "correct horse",
    "canary",
    SIGNING_SECRET,
    "$bcrypt-sha256$",
    "$2a$",
    "$2b$",
    "$2y$",
    "eyJ",
    "hunter2",
    PEPPER,
];
/// Length of a refresh token in characters. No other logged word is that long.
const REFRESH_TOKEN: usize = 80;
/// Maximum number of captured lines.
const KEPT: usize = 20_000;

static LINES: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// Captures the logs of all services in this process at every level.
pub fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let everything = Targets::new().with_default(LevelFilter::TRACE);
        shared::log::start_json(everything, || Capture);
    });
}

/// Returns the secret in `text`, if any.
pub fn secret_in(text: &str) -> Option<&str> {
    let base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut runs = text.split(|c| !base64url(c));
    let canary = CANARIES.iter().find(|canary| text.contains(**canary));
    canary
        .copied()
        .or_else(|| runs.find(|run| run.len() >= REFRESH_TOKEN))
}

/// Aborts the run if `text` contains a secret.
pub fn assert_no_secret(text: &str) {
    if let Some(secret) = secret_in(text) {
        eprintln!("L1: {secret:?} was logged: {text}");
        std::process::abort();
    }
}

struct Capture;

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        assert_no_secret(&text);
        if std::env::var_os("RUST_LOG").is_some() {
            eprint!("{text}");
        }
        let mut lines = LINES.lock().unwrap();
        lines.push_back(text);
        if lines.len() > KEPT {
            lines.pop_front();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the log lines of the request with this id.
pub fn lines_of(request_id: &str) -> Vec<Value> {
    let lines = LINES.lock().unwrap();
    let found = lines.iter().filter(|line| line.contains(request_id));
    found
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
