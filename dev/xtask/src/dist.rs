//! `cargo xtask dist`: what a release publishes, in `target/dist`.
//!
//! "Release" in CONTRIBUTING.md lists the files.

mod archive;
mod functions;
mod image;
mod sbom;
mod server;
mod tools;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::functions::root;

/// What can be built by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Part {
    /// The functions and the packaged template, for AWS.
    Functions,
    /// The local server, for this operating system.
    Server,
    /// The container image. It contains the local server for Linux.
    Image,
    /// The OpenAPI document.
    Openapi,
    /// The software bills of materials.
    Sbom,
}

/// A processor architecture, by the name that Lambda has for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Architecture {
    #[value(name = "x86_64")]
    X86_64,
    #[value(name = "arm64")]
    Arm64,
}

impl Architecture {
    const ALL: [Self; 2] = [Self::X86_64, Self::Arm64];

    fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// The name that Rust has for it.
    fn rust_name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// The name that Docker has for it.
    fn docker_name(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DistError {
    #[error("Missing tools:\n{}\nOr name parts that do not need them: cargo xtask dist --help", .0.join("\n"))]
    MissingTools(Vec<String>),
    #[error("{0} failed, see above")]
    Failed(String),
    #[error("{what}: {error}")]
    Io { what: String, error: io::Error },
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> DistError {
    let what = what.into();
    |error| DistError::Io { what, error }
}

/// The release that is built.
struct Release {
    /// Version of the workspace, such as `0.1.0`.
    version: &'static str,
    /// Such as `4f2a9c1`, or `4f2a9c1-dirty` if files differ from the commit.
    commit: String,
    architectures: Vec<Architecture>,
}

impl Release {
    /// The name of a file or folder, such as `organization-service-0.1.0-openapi.json`.
    fn name(&self, rest: &str) -> String {
        format!("organization-service-{}-{rest}", self.version)
    }
}

/// Where the release is made.
fn folder() -> PathBuf {
    target().join("dist")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds these parts, or all parts, for this architecture, or for both.
pub fn dist(parts: &[Part], architecture: Option<Architecture>) -> Result<(), DistError> {
    let parts = match parts {
        [] => <Part as clap::ValueEnum>::value_variants(),
        parts => parts,
    };
    let has = |part: Part| parts.contains(&part);
    let architectures = architecture.map_or(Architecture::ALL.to_vec(), |one| vec![one]);
    tools::check(parts, &architectures)?;
    let release = Release {
        version: env!("CARGO_PKG_VERSION"),
        commit: output(Command::new("git").args([
            "describe",
            "--always",
            "--exclude=*",
            "--dirty",
        ]))?,
        architectures,
    };
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(io_error("the previous target/dist"))?;
    }
    fs::create_dir_all(&folder).map_err(io_error("target/dist"))?;
    if has(Part::Functions) {
        functions::package(&release)?;
    }
    if has(Part::Server) {
        server::package(&release)?;
    }
    if has(Part::Image) {
        image::package(&release)?;
    }
    if has(Part::Openapi) {
        let document = root().join("functions/api-docs/openapi.json");
        copy(&document, &folder.join(release.name("openapi.json")))?;
    }
    if has(Part::Sbom) {
        sbom::write(&release)?;
    }
    archive::write_checksums()?;
    eprintln!(
        "{} of {} is in {}",
        release.version,
        release.commit,
        folder.display()
    );
    Ok(())
}

/// A command that runs in the workspace's folder and knows the commit.
fn command(program: &str, release: &Release) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(root())
        .env("SOURCE_COMMIT", &release.commit);
    command
}

fn run(command: &mut Command) -> Result<(), DistError> {
    let line = line(command);
    eprintln!("$ {line}");
    let status = command.status().map_err(io_error(line.clone()))?;
    match status.success() {
        true => Ok(()),
        false => Err(DistError::Failed(line)),
    }
}

/// What a command prints, without the last line break.
fn output(command: &mut Command) -> Result<String, DistError> {
    let line = line(command);
    let output = command
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .map_err(io_error(line.clone()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(DistError::Failed(line)),
    }
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

/// Copies files of the workspace, each with its path in `to`.
fn copy_files(files: &[(&str, &str)], to: &Path) -> Result<(), DistError> {
    for (file, copied_as) in files {
        copy(&root().join(file), &to.join(copied_as))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), DistError> {
    fs::copy(from, to).map_err(io_error(from.display().to_string()))?;
    Ok(())
}
