//! The local server under load, by [oha](https://crates.io/crates/oha).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::Outcome;
use crate::backend::{EMAIL, PASSWORD};
use crate::latency::COST;
use crate::server::Server;
use crate::statistics::{millis, percentile};

const SECONDS: u64 = 20;
/// Concurrent callers; and so many that some of them must be refused.
const CALLERS: usize = 32;
const TOO_MANY: usize = 400;

/// Logins by so many callers, as oha reports them.
async fn logins(server: &Server, callers: usize) -> Outcome<Value> {
    let body = json!({"email": EMAIL, "password": PASSWORD}).to_string();
    let output = Command::new("oha")
        .args([
            "--no-tui",
            "--output-format",
            "json",
            "-z",
            &format!("{SECONDS}s"),
        ])
        .args([
            "-c",
            &callers.to_string(),
            "-m",
            "POST",
            "-T",
            "application/json",
            "-d",
            &body,
        ])
        .arg(format!("{}/admin/login", server.base))
        .output()
        .await
        .map_err(|error| format!("oha cannot be run ({error}): cargo install oha"))?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn count(report: &Value, status: &str) -> u64 {
    let counts = report.get("statusCodeDistribution");
    counts
        .and_then(|counts| counts.get(status)?.as_u64())
        .unwrap_or_default()
}

fn number(report: &Value, pointer: &str) -> f64 {
    report
        .pointer(pointer)
        .and_then(Value::as_f64)
        .unwrap_or_default()
}

/// Asks `/health` ten times a second until it is dropped, and gives the times in milliseconds.
async fn health(http: &reqwest::Client, server: &Server, times: &mut Vec<f64>) -> Outcome<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        let started = Instant::now();
        let answer = http.get(format!("{}/health", server.base)).send().await?;
        answer.error_for_status()?.bytes().await?;
        times.push(millis(started.elapsed()));
    }
}

/// Waits for the end of the logins that are still queued: a login that is sent after them ends after them.
async fn end_of_line(http: &reqwest::Client, server: &Server) -> Outcome<()> {
    let login = http.post(format!("{}/admin/login", server.base));
    let login = login.json(&json!({"email": EMAIL, "password": PASSWORD}));
    login.send().await?.error_for_status()?;
    Ok(())
}

/// Hashes that one core does in a second.
fn hashes_a_second() -> Outcome<f64> {
    let started = Instant::now();
    for _ in 0..20 {
        bcrypt::hash(PASSWORD, COST)?;
    }
    Ok(20.0 / started.elapsed().as_secs_f64())
}

pub async fn measure() -> Outcome<String> {
    let http = reqwest::Client::new();
    let server = Server::built().await?.with_admin(&http).await?;
    let before = tokio::task::spawn_blocking(hashes_a_second).await??;
    let mut waits = Vec::new();
    let report = tokio::select! {
        report = logins(&server, CALLERS) => report?,
        failed = health(&http, &server, &mut waits) => return Err(format!("{failed:?}").into()),
    };
    end_of_line(&http, &server).await?;
    let after = tokio::task::spawn_blocking(hashes_a_second).await??;
    let cores = std::thread::available_parallelism()?.get();
    let most = (before + after) / 2.0 * f64::from(u32::try_from(cores)?);
    // Requests that ran when time was up are not counted, though most of their work was done.
    let reached =
        f64::from(u32::try_from(count(&report, "200"))?) / number(&report, "/summary/total");
    let slow = percentile(&mut waits, 99);
    let flood = logins(&server, TOO_MANY).await?;
    Ok(format!(
        "| what | measured | its baseline or limit |\n|---|---|---|\n\
         | logins a second, {CALLERS} callers | {reached:.2} | {cores} cores × {:.2} hashes a second = {most:.2}: {:.0} % |\n\
         | their latency, p50 and p99, ms | {:.0}, {:.0} | |\n\
         | `GET /health` meanwhile, p50 and p99, ms | {:.1}, {slow:.1} | p99 20 |\n\
         | {TOO_MANY} callers: logins, refused with 503 | {}, {} | a queue of 36 per core |\n\
         | latency of all of them, p50 and p99, ms | {:.0}, {:.0} | 10,000 |\n",
        most / f64::from(u32::try_from(cores)?),
        reached / most * 100.0,
        number(&report, "/latencyPercentiles/p50") * 1000.0,
        number(&report, "/latencyPercentiles/p99") * 1000.0,
        percentile(&mut waits, 50),
        count(&flood, "200"),
        count(&flood, "503"),
        number(&flood, "/latencyPercentiles/p50") * 1000.0,
        number(&flood, "/latencyPercentiles/p99") * 1000.0,
    ))
}
