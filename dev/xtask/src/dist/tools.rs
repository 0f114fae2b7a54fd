//! The tools that the parts of a release need.

use std::path::Path;
use std::process::{Command, Stdio};

use super::server::targets;
use super::{Architecture, DistError, Part, output};

const PYTHON_TOOLS: &str = "in a Python environment: pip install --no-deps --require-hashes --requirement .github/requirements.txt";

/// Names all that are missing at once.
pub fn check(parts: &[Part], architectures: &[Architecture]) -> Result<(), DistError> {
    let needs = |wanted: &[Part]| parts.iter().any(|part| wanted.contains(part));
    let mut missing = Vec::new();
    let mut check = |runs: bool, name: &str, install: &str| {
        if !runs {
            missing.push(format!("- {name} ({install})"));
        }
    };
    if needs(&[Part::Functions]) {
        check(
            runs("cargo", &["lambda", "--version"]),
            "cargo-lambda",
            PYTHON_TOOLS,
        );
    }
    if needs(&[Part::Server, Part::Image]) && cfg!(target_os = "linux") {
        check(
            runs("cargo", &["zigbuild", "--help"]),
            "cargo-zigbuild",
            PYTHON_TOOLS,
        );
    }
    if needs(&[Part::Image]) {
        check(
            runs("docker", &["info"]),
            "a Docker engine",
            "https://docs.docker.com/engine/install",
        );
    }
    if needs(&[Part::Sbom]) {
        let install = "cargo install --locked cargo-cyclonedx@0.5.9";
        check(
            runs("cargo", &["cyclonedx", "--version"]),
            "cargo-cyclonedx",
            install,
        );
    }
    if needs(&[Part::Functions, Part::Server, Part::Image]) {
        for target in targets(architectures) {
            let install = format!("rustup target add {target}");
            check(
                has_standard_library(&target),
                "Rust's standard library",
                &install,
            );
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(DistError::MissingTools(missing)),
    }
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
    let folder =
        output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]));
    folder.is_ok_and(|folder| Path::new(&folder).is_dir())
}
