//! The functions' executables, built by cargo.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Dev,
    Release,
}

/// Builds all of the workspace's executables, and gives the folder that they are in.
pub fn build(profile: Profile) -> io::Result<PathBuf> {
    let mut cargo = cargo();
    cargo.args(["build", "--quiet", "--locked", "--workspace", "--bins"]);
    match profile {
        // Those that run on Lambda, and what they are measured beside.
        Profile::Release => cargo.args([
            "--release",
            "--exclude",
            "aws-emulator",
            "--exclude",
            "server",
        ]),
        // With the features of the test build, so that no dependency is built again.
        Profile::Dev => cargo.arg("--tests"),
    };
    if !cargo.status()?.success() {
        return Err(io::Error::other("cargo could not build the functions"));
    }
    Ok(target()?.join(match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    }))
}

/// Cargo's target folder of the workspace.
pub fn target() -> io::Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let target = metadata
        .get("target_directory")
        .and_then(|target| target.as_str());
    let target = target.ok_or_else(|| io::Error::other("cargo names no target folder"))?;
    Ok(target.into())
}

/// Cargo in the workspace's folder.
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    cargo
}
