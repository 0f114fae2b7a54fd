//! Archives and their checksums.

use std::fs;
use std::process::{Command, Stdio};

use super::{DistError, folder, io_error, run};

/// The owner of the archived files is root.
const OWNER: &[&str] = match cfg!(target_os = "macos") {
    true => &["--uid=0", "--gid=0", "--uname=", "--gname="],
    false => &["--owner=0", "--group=0"],
};
const CHECKSUM: (&str, &[&str]) = match cfg!(target_os = "macos") {
    true => ("shasum", &["-a", "256"]),
    false => ("sha256sum", &[]),
};

/// Packs the folder of this name into an archive beside it.
pub fn pack(name: &str) -> Result<(), DistError> {
    let mut tar = Command::new("tar");
    // Otherwise macOS adds a file `._<name>` with the extended attributes of each file.
    tar.current_dir(folder()).env("COPYFILE_DISABLE", "1");
    run(tar
        .args(OWNER)
        .args(["-czf", &format!("{name}.tar.gz"), name]))
}

/// Writes `SHA256SUMS`, which `sha256sum --check` reads.
pub fn write_checksums() -> Result<(), DistError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder()).map_err(io_error("target/dist"))? {
        let entry = entry.map_err(io_error("target/dist"))?;
        if entry.path().is_file() {
            names.push(entry.file_name());
        }
    }
    names.sort();
    let (program, arguments) = CHECKSUM;
    let mut checksum = Command::new(program);
    checksum.current_dir(folder()).args(arguments).args(names);
    let sums = checksum.stderr(Stdio::inherit()).output();
    let sums = sums.map_err(io_error(program))?;
    match sums.status.success() {
        true => fs::write(folder().join("SHA256SUMS"), sums.stdout).map_err(io_error("SHA256SUMS")),
        false => Err(DistError::Failed(program.to_owned())),
    }
}
