//! `cargo xtask`: generated files, and releases.

use std::io;
use std::process::{Command, ExitCode};

use clap::Parser;
use xtask::dist::{Architecture, Part, dist};
use xtask::functions::root;
use xtask::generated;

#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Writes the generated parts of files, and the OpenAPI document.
    Generate,
    /// Builds what a release publishes, in target/dist. Names the tools that are missing. Removes what an earlier run
    /// built there.
    Dist {
        /// What to build; everything by default.
        parts: Vec<Part>,
        /// Processor architecture to build for; both by default.
        #[arg(long)]
        architecture: Option<Architecture>,
    },
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Generate => generate().map_err(|error| error.to_string()),
        Task::Dist {
            parts,
            architecture,
        } => dist(&parts, architecture).map_err(|error| error.to_string()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn generate() -> io::Result<()> {
    for file in generated::files()? {
        if file.current != file.expected {
            std::fs::write(&file.path, file.expected)?;
            eprintln!("Wrote {}", file.path.display());
        }
    }
    // Only the local server has the routes of all functions.
    let status = Command::new(env!("CARGO"))
        .current_dir(root())
        .args([
            "test",
            "--quiet",
            "--package",
            "server",
            "--test",
            "service",
        ])
        .args(["--", "the_openapi_document_is_made_from_the_code"])
        .env("UPDATE_OPENAPI", "1")
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other("the OpenAPI document cannot be made")),
    }
}
