//! The tools that the parts of a release need.

use std::path::Path;
use std::process::{Command, Stdio};

use super::server::System;
use super::{Architecture, DistError, Part};

const PYTHON_TOOLS: &str = "in a Python environment: pip install --no-deps --require-hashes --requirement .github/requirements.txt";

/// Names all that are missing at once.
pub fn check(parts: &[Part], architectures: &[Architecture]) -> Result<(), DistError> {
    let mut missing = Vec::new();
    let mut check = |runs: bool, name: &str, install: &str| {
        if !runs {
            missing.push(format!("- {name} ({install})"));
        }
    };
    if parts.contains(&Part::Functions) {
        check(
            runs("cargo", &["lambda", "--version"]),
            "cargo-lambda",
            PYTHON_TOOLS,
        );
    }
    if server_systems(parts).contains(&System::Linux) {
        check(
            runs("cargo", &["zigbuild", "--help"]),
            "cargo-zigbuild",
            PYTHON_TOOLS,
        );
    }
    if parts.contains(&Part::Image) {
        check(
            runs("docker", &["info"]),
            "a Docker engine",
            "https://docs.docker.com/engine/install",
        );
    }
    if parts.contains(&Part::Sbom) {
        let install = "cargo install --locked cargo-cyclonedx@0.5.9";
        check(
            runs("cargo", &["cyclonedx", "--version"]),
            "cargo-cyclonedx",
            install,
        );
    }
    let mut systems = server_systems(parts);
    systems.extend(parts.contains(&Part::Functions).then_some(System::Linux));
    systems.dedup();
    for target in systems
        .iter()
        .flat_map(|system| architectures.iter().map(|one| system.target(*one)))
    {
        let install = format!("rustup target add {target}");
        check(
            has_standard_library(&target),
            "Rust's standard library",
            &install,
        );
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(DistError::MissingTools(missing)),
    }
}

/// The operating systems that the local server is built for.
fn server_systems(parts: &[Part]) -> Vec<System> {
    let server = parts.contains(&Part::Server).then_some(System::HOST);
    let image = parts.contains(&Part::Image).then_some(System::Linux);
    server.into_iter().chain(image).collect()
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let command = command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn has_standard_library(target: &str) -> bool {
    let mut print = Command::new("rustc");
    let print = print.args(["--print", "target-libdir", "--target", target]);
    let folder = print.stderr(Stdio::null()).output();
    folder.is_ok_and(|folder| {
        let folder = String::from_utf8_lossy(&folder.stdout).trim().to_owned();
        Path::new(&folder).is_dir()
    })
}
