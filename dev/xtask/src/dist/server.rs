//! The local server.

use std::fs;
use std::path::PathBuf;

use super::{
    Architecture, DistError, Release, archive, command, copy, folder, io_error, run, target,
};
use crate::functions::root;

/// The oldest glibc that it runs with: that of Debian 10 and RHEL 8.
const GLIBC: &str = "2.28";

pub fn package(release: &Release) -> Result<(), DistError> {
    for architecture in &release.architectures {
        let server = build(release, *architecture)?;
        let system = if cfg!(target_os = "macos") {
            "macos"
        } else {
            "linux"
        };
        let name = release.name(&format!("server-{system}-{}", architecture.name()));
        let packaged = folder().join(&name);
        fs::create_dir_all(&packaged).map_err(io_error(name.clone()))?;
        copy(&server, &packaged.join("server"))?;
        for (file, packaged_as) in [
            ("dev/xtask/release/server.md", "README.md"),
            (".env.example", ".env.example"),
            ("LICENSE", "LICENSE"),
        ] {
            copy(&root().join(file), &packaged.join(packaged_as))?;
        }
        archive::pack(&name)?;
    }
    Ok(())
}

/// Returns the executable.
pub fn build(release: &Release, architecture: Architecture) -> Result<PathBuf, DistError> {
    let rust_target = rust_target(architecture);
    let mut build = command("cargo", release);
    match cfg!(target_os = "macos") {
        true => build.args(["build", "--target", &rust_target]),
        false => build.args(["zigbuild", "--target", &format!("{rust_target}.{GLIBC}")]),
    };
    run(build.args(["--locked", "--profile", "server", "--package", "server"]))?;
    Ok(target().join(rust_target).join("server/server"))
}

/// Rust's names of what is built for.
pub fn targets(architectures: &[Architecture]) -> Vec<String> {
    architectures.iter().map(|one| rust_target(*one)).collect()
}

fn rust_target(architecture: Architecture) -> String {
    let system = match cfg!(target_os = "macos") {
        true => "apple-darwin",
        false => "unknown-linux-gnu",
    };
    format!("{}-{system}", architecture.rust_name())
}
