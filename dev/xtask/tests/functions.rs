//! Tells what a new function lacks.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;

use xtask::functions::{folders, is_of_product, of_template, root};
use xtask::generated;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn generated_parts_are_current() {
    for file in generated::files().unwrap() {
        let path = file.path.display();
        assert!(
            file.current == file.expected,
            "{path} is outdated: run cargo xtask generate"
        );
    }
}

#[test]
fn each_function_has_its_five_places() {
    let template = of_template(&read("template.yaml"));
    let events = read("events/README.md");
    let router = read("dev/server/src/api.rs");
    let (readme, architecture) = (read("README.md"), read("docs/architecture.md"));
    let mut missing = Vec::new();
    for folder in folders().unwrap() {
        if is_of_product(&folder) {
            continue;
        }
        let mut check = |has: bool, place: &str| {
            if !has {
                missing.push(format!("{folder}: {place}"));
            }
        };
        let function = template.iter().find(|function| function.folder == folder);
        check(function.is_some(), "a block in template.yaml");
        check(
            events.contains(&format!("| {folder} |")),
            "an event in events/ and its row in events/README.md",
        );
        let is_routed = function.is_some_and(|function| function.is_routed);
        let merged = format!("{}::router", folder.replace('-', "_"));
        check(
            !is_routed || router.contains(&merged),
            "its router in dev/server/src/api.rs",
        );
        check(
            architecture.contains(&format!("`{folder}`")),
            "a row in docs/architecture.md",
        );
        let routes = function.map(|function| function.routes.as_slice());
        for (method, path) in routes.unwrap_or_default() {
            let route = format!("`{method} {path}`");
            if method == "HEAD" || path.starts_with("/docs/") {
                continue;
            }
            check(readme.contains(&route), &format!("{route} in README.md"));
            let is_listed = architecture.contains(&route);
            check(is_listed, &format!("{route} in docs/architecture.md"));
        }
    }
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
}
