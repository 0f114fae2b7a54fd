//! Cold starts: from the process's start to its first request for work, with everything connected.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::backend::{Backend, creation, login, send};
use crate::replay::Replay;
use crate::statistics::{median, millis, percentile};
use crate::{Outcome, executables, plot};

const ROUNDS: usize = 40;
/// Times the baseline that a cold start should take at most.
const TARGET: f64 = 4.0;

/// A function, and the source of its secrets.
struct Start {
    name: String,
    /// Behind its name.
    how: &'static str,
    settings: Vec<(&'static str, String)>,
    /// Milliseconds.
    times: Vec<f64>,
}

impl Start {
    async fn again(&mut self, backend: &Backend, binaries: &Path) -> Outcome<()> {
        let function = backend.function_with(binaries, &self.name, &self.settings);
        self.times.push(millis(function.await?.cold_start()));
        Ok(())
    }
}

/// Every executable with replayed secrets; some without the connection string's secret; and some
/// with secrets from moto.
fn starts(backend: &Backend, replay: &Replay) -> Outcome<Vec<Start>> {
    let at_once = ("AWS_ENDPOINT_URL", replay.url().to_owned());
    let by_uri = [
        at_once.clone(),
        ("MONGODB_URI_SECRET_ID", String::new()),
        ("MONGODB_URI", backend.mongod.uri()),
    ];
    let executables = executables()?;
    let executables = executables.iter().map(String::as_str);
    let all = executables.map(|name| (name, "", vec![at_once.clone()]));
    let without = ["create-org", "admin-login"].map(|name| (name, ", by URI", by_uri.to_vec()));
    let moto = ["create-org", "admin-login"].map(|name| (name, ", moto", Vec::new()));
    let starts = all.chain(without).chain(moto);
    let start = |(name, how, settings): (&str, _, _)| Start {
        name: name.to_owned(),
        how,
        settings,
        times: Vec::new(),
    };
    Ok(starts.map(start).collect())
}

/// All functions in turn, so that other load on the machine affects all of them equally.
pub async fn measure(binaries: &Path) -> Outcome<String> {
    let unpacked = unpacked(binaries)?;
    let binaries = unpacked.path();
    let backend = Backend::start().await?;
    let create = backend.function(binaries, "create-org").await?;
    send(&create, &creation("Acme", "acme@example.com")?, 201).await?;
    let replay = Replay::start(backend.manager.url().to_owned()).await?;
    let mut starts = starts(&backend, &replay)?;
    for _ in 0..ROUNDS {
        for start in &mut starts {
            start.again(&backend, binaries).await?;
        }
    }
    let baseline = starts.first_mut().map(|start| median(&mut start.times));
    let baseline = baseline.ok_or("nothing measured")?;
    let mut table = format!(
        "| function | median of {ROUNDS}, ms | p90, ms | × the baseline |\n|---|---|---|---|\n"
    );
    let mut bars = Vec::new();
    for start in &mut starts {
        let (middle, slow) = (median(&mut start.times), percentile(&mut start.times, 90));
        let (label, ratio) = (format!("{}{}", start.name, start.how), middle / baseline);
        table += &format!("| {label} | {middle:.1} | {slow:.1} | {ratio:.1} |\n");
        bars.push((label, ratio));
    }
    let axis = "times the baseline; the line is the target";
    plot::bars("cold-start.svg", axis, TARGET, &bars)?;
    let asked = secrets_manager(&backend).await?;
    let first = first_login(&backend, binaries).await?;
    Ok(format!(
        "{table}\n![Cold starts](cold-start.svg)\n\nA function asks Secrets Manager for the connection string \
         (but for those by URI, with the parameter `MongodbUri`), and at the same time for the signing secret \
         and the pepper, if it needs them. They get moto's responses, replayed immediately; one from moto itself takes \
         {asked:.1} ms, {:.1} times the baseline. The first login of a new environment, its start and moto included, \
         takes {first:.0} ms.",
        asked / baseline
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

/// One request to Secrets Manager, by a client that is already connected.
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
