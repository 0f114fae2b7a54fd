//! The container image: the last stage of `Dockerfile`, with a server that is already built.

use std::env;
use std::fs;

use super::server::System;
use super::{DistError, Release, command, copy, folder, io_error, run, server, target};
use crate::functions::root;

const RUNTIME_STAGE: &str = "FROM ${RUNTIME_IMAGE}\n";

pub fn package(release: &Release) -> Result<(), DistError> {
    for architecture in &release.architectures {
        let context = target().join("dist-image").join(architecture.name());
        fs::create_dir_all(context.join("out/data")).map_err(io_error("dist-image"))?;
        copy(
            &server::build(release, System::Linux, *architecture)?,
            &context.join("out/server"),
        )?;
        let dockerfile =
            fs::read_to_string(root().join("Dockerfile")).map_err(io_error("Dockerfile"))?;
        fs::write(
            context.join("Dockerfile"),
            without_build_stage(&dockerfile)?,
        )
        .map_err(io_error("dist-image"))?;

        let docker_name = architecture.docker_name();
        let tag = format!("organization-service:{}-{docker_name}", release.version);
        let mut build = command("docker", release);
        build.args([
            "build",
            "--tag",
            &tag,
            "--platform",
            &format!("linux/{docker_name}"),
        ]);
        if let Ok(image) = env::var("RUNTIME_IMAGE") {
            build.args(["--build-arg", &format!("RUNTIME_IMAGE={image}")]);
        }
        run(build.arg(&context))?;
        let file = folder().join(release.name(&format!("image-{}.tar", architecture.name())));
        run(command("docker", release)
            .args(["save", "--output"])
            .arg(&file)
            .arg(&tag))?;
        run(command("gzip", release).arg(&file))?;
    }
    Ok(())
}

/// What follows the build stage, which copies from the context instead.
fn without_build_stage(dockerfile: &str) -> Result<String, DistError> {
    let argument = dockerfile
        .lines()
        .find(|line| line.starts_with("ARG RUNTIME_IMAGE="));
    let stage = dockerfile.split_once(RUNTIME_STAGE);
    match (argument, stage) {
        (Some(argument), Some((_, stage))) => Ok(format!(
            "{argument}\n{RUNTIME_STAGE}{}",
            stage.replace(" --from=build", "")
        )),
        _ => Err(DistError::Failed(
            "finding the last stage of Dockerfile".to_owned(),
        )),
    }
}
