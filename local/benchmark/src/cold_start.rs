//! Cold starts: from the process's start to its first request for work, with everything connected.

use std::path::Path;

use crate::backend::{Backend, creation, login, send};
use crate::statistics::{median, millis, percentile};
use crate::{Outcome, functions};

const ROUNDS: usize = 30;

/// All functions in turn, so that whatever else the machine does meets all of them alike.
pub async fn measure(binaries: &Path) -> Outcome<String> {
    let backend = Backend::start().await?;
    let create = backend.function(binaries, "create-org").await?;
    send(&create, &creation("Acme", "acme@example.com")?, 201).await?;
    let mut names = vec!["floor".to_owned()];
    names.extend(functions()?);
    let mut times = vec![Vec::new(); names.len()];
    for _ in 0..ROUNDS {
        for (name, times) in names.iter().zip(&mut times) {
            let function = backend.function(binaries, name).await?;
            times.push(millis(function.cold_start()));
        }
    }
    let floor = times
        .first_mut()
        .map(|times| median(times))
        .ok_or("nothing measured")?;
    let mut table = format!(
        "| function | median of {ROUNDS}, ms | p90, ms | × the floor |\n|---|---|---|---|\n"
    );
    for (name, times) in names.iter().zip(&mut times) {
        let (middle, slow) = (median(times), percentile(times, 90));
        table += &format!(
            "| {name} | {middle:.1} | {slow:.1} | {:.1} |\n",
            middle / floor
        );
    }
    let asked = secrets_manager(&backend).await?;
    let first = first_login(&backend, binaries).await?;
    Ok(format!(
        "{table}\nOne question to moto takes {asked:.1} ms here, and a function that makes tokens asks it three: the \
         connection string, and then two versions of the signing secret at once. The first login of a new \
         environment, its start included, takes {first:.0} ms."
    ))
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
