//! The functions' executables, built by cargo.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Dev,
    Release,
}

/// Builds all of the workspace's executables, and gives the folder that they are in.
pub fn build(profile: Profile) -> io::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&root)
        .args(["build", "--quiet", "--locked", "--workspace", "--bins"]);
    match profile {
        // Those that run on Lambda, and what they are measured beside.
        Profile::Release => cargo.args([
            "--release",
            "--exclude",
            "aws-emulator",
            "--exclude",
            "server",
        ]),
        // With the features of the test build, so that no dependency is built again.
        Profile::Dev => cargo.arg("--tests"),
    };
    if !cargo.status()?.success() {
        return Err(io::Error::other("cargo could not build the functions"));
    }
    Ok(target()?.join(match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    }))
}

/// Where cargo builds, wherever that is: this process's own executable is in `<target>/<profile>`, or in `deps` there.
fn target() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().map(|folder| match folder.ends_with("deps") {
        true => folder.parent().unwrap_or(folder),
        false => folder,
    });
    let target = folder.and_then(Path::parent);
    let target = target.ok_or_else(|| io::Error::other("this process was not built by cargo"))?;
    Ok(target.to_owned())
}
