//! Peak memory of a function after a hundred requests.

use std::fs;
use std::path::Path;

use aws_emulator::Function;
use serde_json::Value;

use crate::Outcome;
use crate::backend::{Backend, creation, event, first_organization, login, send, showing};

const REQUESTS: usize = 100;

/// The most that the process has had resident, in megabytes.
pub fn peak(process_id: u32) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{process_id}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|text| text.split_whitespace().next());
    Ok(kibibytes.ok_or("no VmHWM")?.parse::<f64>()? * 1.024 / 1000.0)
}

async fn after(
    function: &Function,
    events: impl Iterator<Item = Outcome<Value>>,
    status: u16,
) -> Outcome<f64> {
    for event in events {
        send(function, &event?, status).await?;
    }
    peak(function.process_id().ok_or("the process has ended")?)
}

pub async fn measure(binaries: &Path) -> Outcome<String> {
    let backend = Backend::start().await?;
    let mut hash = event("health.json")?;
    if let Some(path) = hash.get_mut("rawPath") {
        *path = "/hash".into();
    }
    let baseline = backend.function(binaries, "baseline-function").await?;
    let baseline = after(&baseline, std::iter::once(Ok(hash)), 200).await?;
    let create = backend.function(binaries, "create-org").await?;
    let log_in = backend.function(binaries, "admin-login").await?;
    let organization = backend.function(binaries, "organization").await?;
    let token = first_organization(&create, &log_in).await?;
    let creations = (0..REQUESTS)
        .map(|number| creation(&format!("Acme {number}"), &format!("{number}@example.com")));
    let rows = [
        ("baseline, one bcrypt hash", baseline),
        ("create-org", after(&create, creations, 201).await?),
        (
            "admin-login",
            after(&log_in, (0..REQUESTS).map(|_| login()), 200).await?,
        ),
        (
            "organization, `GET /org`",
            after(&organization, (0..REQUESTS).map(|_| showing(&token)), 200).await?,
        ),
    ];
    let mut table = format!(
        "| function, {REQUESTS} requests | peak, MB | above the baseline, MB |\n|---|---|---|\n"
    );
    for (name, peak) in rows {
        table += &format!("| {name} | {peak:.1} | {:.1} |\n", peak - baseline);
    }
    Ok(table)
}
