//! The functions of each architecture, and the packaged template that refers to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{
    Architecture, DistError, Release, archive, command, copy, copy_files, folder, io_error, output,
    run, target,
};
use crate::functions::{folders, root};

pub fn package(release: &Release) -> Result<(), DistError> {
    let functions = folders().map_err(io_error("functions"))?;
    for architecture in &release.architectures {
        let built = build(release, *architecture, &functions)?;
        assemble(release, *architecture, &functions, &built)?;
    }
    Ok(())
}

/// Returns the folder with a folder for each function.
fn build(
    release: &Release,
    architecture: Architecture,
    functions: &[String],
) -> Result<PathBuf, DistError> {
    let built = target().join("dist-functions").join(architecture.name());
    let mut build = command("cargo", release);
    build.args([
        "lambda",
        "build",
        "--release",
        "--locked",
        "--output-format",
        "zip",
    ]);
    build.arg("--lambda-dir").arg(&built);
    build.arg(match architecture {
        Architecture::X86_64 => "--x86-64",
        Architecture::Arm64 => "--arm64",
    });
    for function in functions {
        build.args(["--package", function]);
    }
    run(&mut build)?;
    Ok(built)
}

/// Makes the archive.
fn assemble(
    release: &Release,
    architecture: Architecture,
    functions: &[String],
    built: &Path,
) -> Result<(), DistError> {
    let name = release.name(&format!("aws-{}", architecture.name()));
    let packaged = folder().join(&name);
    fs::create_dir_all(packaged.join("functions")).map_err(io_error(name.clone()))?;
    for function in functions {
        let zip = packaged.join("functions").join(format!("{function}.zip"));
        copy(&built.join(function).join("bootstrap.zip"), &zip)?;
    }
    let mut script = Command::new("python3");
    script.args([
        ".github/packaged-template",
        architecture.name(),
        &release.commit,
    ]);
    let template = output(&mut script)? + "\n";
    fs::write(packaged.join("template.yaml"), template).map_err(io_error("template.yaml"))?;
    let files = [
        ("dev/xtask/release/aws.md", "README.md"),
        (".github/smoke-test", "smoke-test"),
        ("samconfig.toml", "samconfig.toml"),
        ("CHANGELOG.md", "CHANGELOG.md"),
        ("LICENSE", "LICENSE"),
    ];
    copy_files(&files, &packaged)?;
    // With files that the documents link to. Links that remain are about the development of the service.
    let documents = [
        "docs",
        "examples",
        "SECURITY.md",
        "CONTRIBUTING.md",
        ".env.example",
        "shared/public-api.txt",
    ];
    copy_tracked(&documents, &packaged)?;
    archive::pack(&name)
}

/// Copies what Git knows of these files and folders: a build or a Python environment may lie in them. `check` needs the repository.
fn copy_tracked(paths: &[&str], to: &Path) -> Result<(), DistError> {
    let files = output(Command::new("git").arg("ls-files").args(paths))?;
    for file in files.lines().filter(|file| !file.ends_with("/check")) {
        let copied = to.join(file);
        let folder = copied.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(io_error(file))?;
        copy(&root().join(file), &copied)?;
    }
    Ok(())
}
