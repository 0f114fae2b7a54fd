//! `cargo xtask generate`: writes the generated parts of files, and the OpenAPI document.

use std::io;
use std::process::{Command, ExitCode};

use xtask::functions::root;
use xtask::generated;

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["generate"] => generate(),
        _ => {
            eprintln!("Usage: cargo xtask generate");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn generate() -> io::Result<ExitCode> {
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
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
