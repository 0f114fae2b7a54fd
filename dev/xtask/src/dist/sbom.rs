//! Software bills of materials: what each executable is built from, as CycloneDX.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{DistError, Release, archive, command, folder, io_error, output, run};
use crate::functions::{folders, root};

/// The dependencies are those for Linux, where the functions run.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Writes one for each function, and one for the local server.
pub fn write(release: &Release) -> Result<(), DistError> {
    let mut cyclonedx = command("cargo", release);
    cyclonedx.args([
        "cyclonedx",
        "-qq",
        "--format",
        "json",
        "--spec-version",
        "1.5",
    ]);
    // It writes a file into each package's folder. Git ignores them.
    run(cyclonedx.args([
        "--describe",
        "binaries",
        "--no-build-deps",
        "--target",
        TARGET,
    ]))?;

    let name = release.name("sbom");
    fs::create_dir_all(folder().join(&name)).map_err(io_error(name.clone()))?;
    let functions = folders().map_err(io_error("functions"))?;
    let mut executables: Vec<_> = functions
        .iter()
        .map(|function| (function.as_str(), root().join("functions").join(function)))
        .collect();
    executables.push(("server", root().join("dev/server")));
    for (executable, package) in executables {
        let written = package.join(format!("{executable}_bin.cdx.json"));
        let text = fs::read_to_string(&written).map_err(io_error(written.display().to_string()))?;
        let text = of_executable(&text, executable)?;
        let file = folder().join(&name).join(format!("{executable}.cdx.json"));
        fs::write(&file, text).map_err(io_error(file.display().to_string()))?;
    }
    archive::pack(&name)
}

/// Leaves out what cargo-cyclonedx lists and the executable does not contain: optional dependencies whose feature is off.
fn of_executable(text: &str, executable: &str) -> Result<String, DistError> {
    let failed = |error: String| DistError::Failed(format!("the SBOM of {executable}: {error}"));
    let text = text.replace(&format!("file://{}", root().display()), "file://.");
    let mut document: Value =
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let list = |document: &mut Value, name: &str| {
        let list = document.get_mut(name).and_then(Value::as_array_mut);
        list.map(std::mem::take)
            .ok_or_else(|| failed(format!("it has no {name}")))
    };
    let (mut components, mut dependencies) = (
        list(&mut document, "components")?,
        list(&mut document, "dependencies")?,
    );

    let used = dependencies_of(executable)?;
    components.retain(|one| {
        used.contains(&format!(
            "{} v{}",
            text_of(one, "name"),
            text_of(one, "version")
        ))
    });
    let mut kept: BTreeSet<&str> = components
        .iter()
        .map(|one| text_of(one, "bom-ref"))
        .collect();
    kept.extend(
        document
            .pointer("/metadata/component")
            .map(|own| text_of(own, "bom-ref")),
    );
    dependencies.retain(|one| kept.contains(text_of(one, "ref")));
    for one in &mut dependencies {
        if let Some(references) = one.get_mut("dependsOn").and_then(Value::as_array_mut) {
            references.retain(|reference| {
                reference
                    .as_str()
                    .is_some_and(|reference| kept.contains(reference))
            });
        }
    }
    if let Some(members) = document.as_object_mut() {
        members.insert("components".to_owned(), components.into());
        members.insert("dependencies".to_owned(), dependencies.into());
    }
    serde_json::to_string_pretty(&document).map_err(|error| failed(error.to_string()))
}

/// Names and versions of the packages that an executable is built from, such as `axum v0.8.9`.
fn dependencies_of(executable: &str) -> Result<BTreeSet<String>, DistError> {
    let mut tree = Command::new("cargo");
    tree.args(["tree", "--quiet", "--locked", "--package", executable]);
    tree.args(["--edges", "normal", "--prefix", "none", "--target", TARGET]);
    let lines = output(&mut tree)?;
    let packages = lines.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some(format!("{} {}", words.next()?, words.next()?))
    });
    Ok(packages.collect())
}

fn text_of<'a>(object: &'a Value, member: &str) -> &'a str {
    object
        .get(member)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
