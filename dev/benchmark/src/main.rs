//! Measures what a request, a cold start and a tenant cost, each compared with its baseline and in one run, and writes
//! it into `docs/performance.md`: `cargo benchmark`, or with the names of some sections.

mod backend;
mod cold_start;
mod cost;
mod first_build;
mod growth;
mod latency;
mod load;
mod login_paths;
mod memory;
mod plot;
mod product;
mod replay;
mod report;
mod server;
mod size;
mod statistics;
mod summary;
mod transactions;

use std::error::Error;
use std::path::{Path, PathBuf};

pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The names of the sections, in the order in which they are measured.
const SECTIONS: [&str; 11] = [
    "machine",
    "size",
    "cold-start",
    "memory",
    "latency",
    "cost",
    "product",
    "login-paths",
    "load",
    "growth",
    "first-build",
];

/// Written after every run, from what the file has of all sections.
const SUMMARY: &str = "summary";

/// The functions that are measured, all of `functions/`.
pub fn functions() -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for folder in std::fs::read_dir(root().join("functions"))? {
        names.push(folder?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The executables that are measured: the baseline and all functions.
pub fn executables() -> Outcome<Vec<String>> {
    let mut names = vec!["baseline-function".to_owned()];
    names.extend(functions()?);
    Ok(names)
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = chosen
        .iter()
        .find(|name| !SECTIONS.contains(&name.as_str()) && *name != SUMMARY)
    {
        let sections = SECTIONS.join(", ");
        return Err(format!("no section {unknown}; there are {sections}, {SUMMARY}").into());
    }
    let measured: Vec<_> = SECTIONS
        .into_iter()
        .filter(|section| chosen.is_empty() || chosen.iter().any(|name| name == section))
        .collect();
    if !measured.is_empty() {
        measure(&measured).await?;
    }
    report::write(SUMMARY, &summary::summarize()?)
}

async fn measure(sections: &[&str]) -> Outcome<()> {
    let binaries =
        tokio::task::spawn_blocking(|| aws_emulator::build(aws_emulator::Profile::Release))
            .await??;
    for section in sections.iter().copied() {
        eprintln!("measuring: {section}");
        let measured = match section {
            "machine" => report::machine()?,
            "size" => size::measure(&binaries)?,
            "cold-start" => cold_start::measure(&binaries).await?,
            "memory" => memory::measure(&binaries).await?,
            "latency" => latency::measure(&binaries).await?,
            "cost" => cost::measure(&binaries).await?,
            "product" => product::measure(&binaries).await?,
            "login-paths" => login_paths::measure().await?,
            "load" => load::measure().await?,
            "growth" => growth::measure(&binaries).await?,
            _ => first_build::measure()?,
        };
        report::write(section, &measured)?;
    }
    Ok(())
}
