//! The functions of each architecture, and the packaged template that refers to them.

use std::fs;
use std::process::Command;

use super::{
    Architecture, DistError, Release, archive, command, copy, folder, io_error, output, run, target,
};
use crate::functions::{folders, root};

pub fn package(release: &Release) -> Result<(), DistError> {
    let functions = folders().map_err(io_error("functions"))?;
    for architecture in &release.architectures {
        build_and_package(release, *architecture, &functions)?;
    }
    Ok(())
}

fn build_and_package(
    release: &Release,
    architecture: Architecture,
    functions: &[String],
) -> Result<(), DistError> {
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
    for (file, packaged_as) in [
        ("dev/xtask/release/aws.md", "README.md"),
        (".github/smoke-test", "smoke-test"),
        ("samconfig.toml", "samconfig.toml"),
        ("LICENSE", "LICENSE"),
    ] {
        copy(&root().join(file), &packaged.join(packaged_as))?;
    }
    archive::pack(&name)
}
