//! Archives and their checksums.

use std::fs;
use std::process::Command;

use super::{DistError, folder, io_error, run};

/// Their files belong to root, whoever unpacks them.
const OWNER: &[&str] = match cfg!(target_os = "macos") {
    true => &["--uid=0", "--gid=0"],
    false => &["--owner=0", "--group=0"],
};

/// Packs the folder of this name into an archive beside it.
pub fn pack(name: &str) -> Result<(), DistError> {
    let mut tar = Command::new("tar");
    tar.current_dir(folder()).args(OWNER);
    run(tar.args(["-czf", &format!("{name}.tar.gz"), name]))
}

/// Writes `SHA256SUMS`, which `sha256sum --check` reads.
pub fn write_checksums() -> Result<(), DistError> {
    let entries = fs::read_dir(folder()).map_err(io_error("target/dist"))?;
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    let mut names: Vec<_> = files.map(|entry| entry.file_name()).collect();
    names.sort();
    let mut sum = match cfg!(target_os = "macos") {
        true => Command::new("shasum"),
        false => Command::new("sha256sum"),
    };
    if cfg!(target_os = "macos") {
        sum.args(["-a", "256"]);
    }
    let sums = sum.current_dir(folder()).args(names).output();
    let sums = sums.map_err(io_error("checksums"))?;
    match sums.status.success() {
        true => fs::write(folder().join("SHA256SUMS"), sums.stdout).map_err(io_error("SHA256SUMS")),
        false => Err(DistError::Failed("checksums".to_owned())),
    }
}
