//! The local server.

use std::fs;
use std::path::PathBuf;

use super::{
    Architecture, DistError, Release, archive, command, copy, copy_files, folder, io_error, run,
    target,
};

/// The oldest glibc that it runs with: that of Debian 10 and RHEL 8.
const GLIBC: &str = "2.28";

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    Linux,
    Macos,
}

impl System {
    /// That of this machine.
    pub const HOST: Self = match cfg!(target_os = "macos") {
        true => Self::Macos,
        false => Self::Linux,
    };

    fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Macos => "macos",
        }
    }

    /// Rust's target triple.
    pub fn target(self, architecture: Architecture) -> String {
        let system = match self {
            Self::Linux => "unknown-linux-gnu",
            Self::Macos => "apple-darwin",
        };
        format!("{}-{system}", architecture.rust_name())
    }
}

/// For the operating system of this machine.
pub fn package(release: &Release) -> Result<(), DistError> {
    for architecture in &release.architectures {
        let server = build(release, System::HOST, *architecture)?;
        let system = System::HOST.name();
        let name = release.name(&format!("server-{system}-{}", architecture.name()));
        let packaged = folder().join(&name);
        fs::create_dir_all(&packaged).map_err(io_error(name.clone()))?;
        copy(&server, &packaged.join("server"))?;
        let files = [
            ("dev/xtask/release/server.md", "README.md"),
            (".env.example", ".env.example"),
            ("LICENSE", "LICENSE"),
        ];
        copy_files(&files, &packaged)?;
        archive::pack(&name)?;
    }
    Ok(())
}

/// Returns the executable. Linux's is built with zig, on every machine.
pub fn build(
    release: &Release,
    system: System,
    architecture: Architecture,
) -> Result<PathBuf, DistError> {
    let triple = system.target(architecture);
    let mut build = command("cargo", release);
    match system {
        System::Linux => build.args(["zigbuild", "--target", &format!("{triple}.{GLIBC}")]),
        System::Macos => build.args(["build", "--target", &triple]),
    };
    run(build.args(["--locked", "--profile", "server", "--package", "server"]))?;
    Ok(target().join(triple).join("server/server"))
}
