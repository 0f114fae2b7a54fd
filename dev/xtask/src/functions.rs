//! The functions, as their folders and their blocks in `template.yaml` describe them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A function of `template.yaml`.
#[derive(Debug, Default)]
pub struct Function {
    /// Name of its folder and its executable, such as `create-org`.
    pub folder: String,
    /// Name of its resource without the suffix `Function`, such as `CreateOrg`.
    pub name: String,
    /// Method and path of its routes.
    pub routes: Vec<(String, String)>,
    /// Whether it serves routes of the HTTP API.
    pub is_routed: bool,
    /// The text of `main.rs`, which names the secrets that it reads.
    main: String,
}

impl Function {
    /// Whether a client waits for its response.
    pub fn responds(&self) -> bool {
        self.is_routed || self.main.contains("Authorizer")
    }

    pub fn uses_mongodb(&self) -> bool {
        self.main.contains("lambda::start(") || self.main.contains("lambda::start_with(")
    }

    pub fn reads(&self, secret: &str) -> bool {
        self.main.contains(&format!("Secret::{secret}"))
    }
}

/// The workspace's folder.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = package.ancestors().nth(2).unwrap_or(package);
    workspace.to_owned()
}

/// The names of the folders of `functions/`.
pub fn folders() -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("functions"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Whether the function is a product's: its `Cargo.toml` has `[package.metadata.product]`. It has the generated parts of a
/// function, and the tests of this service leave it alone.
pub fn is_of_product(folder: &str) -> bool {
    let manifest = root().join("functions").join(folder).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap_or_default();
    manifest
        .lines()
        .any(|line| line.trim() == "[package.metadata.product]")
}

/// The functions of the template, in its order.
pub fn of_template(template: &str) -> Vec<Function> {
    let mut functions: Vec<Function> = Vec::new();
    let (mut is_function, mut method) = (false, String::new());
    for line in template.lines() {
        if let Some(resource) = resource(line) {
            is_function = resource.ends_with("Function");
            if let Some(name) = resource.strip_suffix("Function") {
                functions.push(Function {
                    name: name.to_owned(),
                    ..Function::default()
                });
            }
        }
        let Some(function) = functions.last_mut().filter(|_| is_function) else {
            continue;
        };
        match line.trim().split_once(": ") {
            Some(("Binary", folder)) => {
                let main = root().join("functions").join(folder).join("src/main.rs");
                function.main = fs::read_to_string(main).unwrap_or_default();
                function.folder = folder.to_owned();
            }
            Some(("Type", "HttpApi")) => function.is_routed = true,
            Some(("Method", name)) => method = name.to_owned(),
            Some(("Path", path)) => function.routes.push((method.clone(), path.to_owned())),
            _ => {}
        }
    }
    functions.retain(|function| !function.folder.is_empty());
    functions
}

/// The resource whose block begins with this line.
fn resource(line: &str) -> Option<&str> {
    let key = line.strip_prefix("  ")?.strip_suffix(':')?;
    (!key.starts_with([' ', '#'])).then_some(key)
}
