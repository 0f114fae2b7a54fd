//! The functions' executables, built by cargo.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Dev,
    Release,
}

/// Builds the functions' executables, and returns their folder.
pub fn build(profile: Profile) -> io::Result<PathBuf> {
    let mut cargo = cargo();
    cargo.args(["build", "--quiet", "--locked", "--bins"]);
    match profile {
        // Only the functions, and the baseline that they are compared with: other packages would add features to them.
        Profile::Release => {
            cargo.args(["--release", "--package", "baseline-function"]);
            for folder in std::fs::read_dir(root().join("functions"))? {
                cargo.arg("--package").arg(folder?.file_name());
            }
        }
        // With the features of the test build, so that no dependency is built again.
        Profile::Dev => {
            cargo.args(["--workspace", "--tests"]);
        }
    }
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
    cargo.current_dir(root());
    cargo
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
