//! The Python packages that stand in for AWS: moto, cfn-lint and the SAM translator.

use std::io;
use std::path::Path;
use std::process::Command;

use python_packages::{FetchError, PythonPackages};

/// Made from `requirements.in` by `pip-compile --generate-hashes`.
const REQUIREMENTS: &str = include_str!("../requirements.txt");
/// moto's version, which changes with the requirements.
const NAME: &str = "moto-5.2.5";

/// `python3` with the packages, which are fetched first if they have not been yet.
pub fn python() -> io::Result<Command> {
    let packages = PythonPackages {
        // Compiled packages work only with one version of Python.
        name: &format!("{NAME}-{}", version()?),
        title: "moto, which stands in for AWS, and cfn-lint (49 MB)",
        requirements: REQUIREMENTS,
    };
    let folder = packages.folder(prove).map_err(io::Error::other)?;
    Ok(with_packages(&folder))
}

fn version() -> io::Result<String> {
    let mut python = Command::new("python3");
    let asked = python.args(["-c", "import sys; print(sys.implementation.cache_tag)"]);
    let output = asked.output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn with_packages(folder: &Path) -> Command {
    let mut python = Command::new("python3");
    python
        .env("PYTHONPATH", folder)
        .env("AWS_DEFAULT_REGION", "eu-central-1");
    python
}

fn prove(folder: &Path) -> Result<(), FetchError> {
    let imports = "import cfnlint, moto.server, moto.secretsmanager, samtranslator";
    python_packages::prove(with_packages(folder).args(["-c", imports]))
}
