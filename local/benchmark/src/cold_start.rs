//! Cold starts: from the process's start to its first request for work, with everything connected.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::backend::{Backend, creation, login, send};
use crate::statistics::{median, millis, percentile};
use crate::{Outcome, executables, plot};

const ROUNDS: usize = 40;
/// Times the floor that a cold start should take at most.
const TARGET: f64 = 4.0;

/// A function, and how it learns where MongoDB is.
struct Start {
    name: String,
    by_uri: bool,
    /// Milliseconds.
    times: Vec<f64>,
}

impl Start {
    fn new(name: &str, by_uri: bool) -> Self {
        Self {
            name: name.to_owned(),
            by_uri,
            times: Vec::new(),
        }
    }

    async fn again(&mut self, backend: &Backend, binaries: &Path) -> Outcome<()> {
        let function = match self.by_uri {
            true => backend.function_by_uri(binaries, &self.name).await?,
            false => backend.function(binaries, &self.name).await?,
        };
        self.times.push(millis(function.cold_start()));
        Ok(())
    }

    fn label(&self) -> String {
        let how = if self.by_uri { ", by URI" } else { "" };
        format!("{}{how}", self.name)
    }
}

/// All functions in turn, so that whatever else the machine does meets all of them alike.
pub async fn measure(binaries: &Path) -> Outcome<String> {
    let unpacked = unpacked(binaries)?;
    let binaries = unpacked.path();
    let backend = Backend::start().await?;
    let create = backend.function(binaries, "create-org").await?;
    send(&create, &creation("Acme", "acme@example.com")?, 201).await?;
    let executables = executables()?;
    let mut starts: Vec<Start> = executables
        .iter()
        .map(|name| Start::new(name, false))
        .collect();
    // Without the connection string's secret.
    starts.extend(["create-org", "admin-login"].map(|name| Start::new(name, true)));
    for _ in 0..ROUNDS {
        for start in &mut starts {
            start.again(&backend, binaries).await?;
        }
    }
    let floor = starts.first_mut().map(|start| median(&mut start.times));
    let floor = floor.ok_or("nothing measured")?;
    let mut table = format!(
        "| function | median of {ROUNDS}, ms | p90, ms | × the floor |\n|---|---|---|---|\n"
    );
    let mut bars = Vec::new();
    for start in &mut starts {
        let (middle, slow) = (median(&mut start.times), percentile(&mut start.times, 90));
        let (label, ratio) = (start.label(), middle / floor);
        table += &format!("| {label} | {middle:.1} | {slow:.1} | {ratio:.1} |\n");
        bars.push((label, ratio));
    }
    let axis = "times the floor; the line is the target";
    plot::bars("cold-start.svg", axis, TARGET, &bars)?;
    let asked = secrets_manager(&backend).await?;
    let first = first_login(&backend, binaries).await?;
    Ok(format!(
        "{table}\n![Cold starts](cold-start.svg)\n\nOne answer of moto takes {asked:.1} ms, {:.1} times the floor. \
         A function asks for the connection string (but for those by URI, with the parameter `MongodbUri`), and one \
         that makes or checks tokens, at the same time, for the signing secret. The first login of a new \
         environment, its start included, takes {first:.0} ms.",
        asked / floor
    ))
}

/// The executables as Lambda has them: written from beginning to end. A linker leaves their pages otherwise, and
/// the first process of that takes longer.
fn unpacked(binaries: &Path) -> Outcome<TempDir> {
    let folder = tempfile::tempdir()?;
    for name in executables()? {
        fs::copy(binaries.join(&name), folder.path().join(&name))?;
    }
    Ok(folder)
}

/// One question to Secrets Manager, by a client that has asked before.
async fn secrets_manager(backend: &Backend) -> Outcome<f64> {
    let client = backend.manager.client().await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let started = std::time::Instant::now();
        client.get_secret_value().secret_id("jwt").send().await?;
        times.push(millis(started.elapsed()));
    }
    Ok(median(&mut times))
}

async fn first_login(backend: &Backend, binaries: &Path) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..5 {
        let function = backend.function(binaries, "admin-login").await?;
        let started = std::time::Instant::now();
        let mut event = login()?;
        if let Some(body) = event.get_mut("body") {
            *body = r#"{"email":"acme@example.com","password":"Admin@123"}"#.into();
        }
        send(&function, &event, 200).await?;
        times.push(millis(started.elapsed() + function.cold_start()));
    }
    Ok(median(&mut times))
}
