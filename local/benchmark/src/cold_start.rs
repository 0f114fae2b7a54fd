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
    let mut starts = vec![("floor".to_owned(), false)];
    starts.extend(functions()?.into_iter().map(|name| (name, false)));
    // Without the connection string's secret.
    starts.extend(["create-org", "admin-login"].map(|name| (name.to_owned(), true)));
    let mut times = vec![Vec::new(); starts.len()];
    for _ in 0..ROUNDS {
        for ((name, by_uri), times) in starts.iter().zip(&mut times) {
            let function = match by_uri {
                true => backend.function_by_uri(binaries, name).await?,
                false => backend.function(binaries, name).await?,
            };
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
    for ((name, by_uri), times) in starts.iter().zip(&mut times) {
        let how = if *by_uri { ", with `MongodbUri`" } else { "" };
        let (middle, slow) = (median(times), percentile(times, 90));
        table += &format!(
            "| {name}{how} | {middle:.1} | {slow:.1} | {:.1} |\n",
            middle / floor
        );
    }
    let asked = secrets_manager(&backend).await?;
    let first = first_login(&backend, binaries).await?;
    Ok(format!(
        "{table}\nOne question to moto takes {asked:.1} ms on a connection that is there already. A function asks it for \
         the connection string, and one that makes tokens, at the same time, for the signing secret. The first login of a new \
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
