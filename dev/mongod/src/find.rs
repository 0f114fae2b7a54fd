//! Where `mongod` comes from: `PATH`, else this user's cache, else the network.

use std::env;
use std::path::PathBuf;

use crate::fetch;

#[derive(Debug, thiserror::Error)]
#[error(
    "No MongoDB to run on. Choose one:
  - set MONGODB_URI, in the environment or in .env, to a replica set or an Atlas cluster;
  - install mongod (https://www.mongodb.com/docs/manual/installation/), so that it is on PATH;
  - have it fetched, on x86_64 Linux with Python's pip. That was tried: {reason}"
)]
pub struct NotFound {
    pub reason: String,
}

/// The path of a `mongod`, fetched into the user's cache if there is no other way.
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
