//! The duration of the first build of the local server.

use std::process::Command;
use std::time::Instant;

use crate::{Outcome, root};

pub fn measure() -> Outcome<String> {
    let target = tempfile::tempdir()?;
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(root())
        .args(["build", "--quiet", "--locked", "--package", "server"]);
    let started = Instant::now();
    if !cargo
        .arg("--target-dir")
        .arg(target.path())
        .status()?
        .success()
    {
        return Err("the server cannot be built".into());
    }
    let seconds = started.elapsed().as_secs_f64();
    let mut tree = Command::new("cargo");
    tree.current_dir(root())
        .args(["tree", "--package", "server", "--edges", "normal,build"]);
    let output = tree
        .args(["--prefix", "none", "--format", "{p}"])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let crates: std::collections::BTreeSet<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    Ok(format!(
        "`cargo run` compiles {} crates in {seconds:.0} seconds, everything fetched already.",
        crates.len()
    ))
}
