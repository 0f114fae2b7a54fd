//! The generated parts of files, and generated files. A part is between the lines `# generated: <name>` and `# end of generated`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::functions::{Function, of_template, root};
use crate::requests::requests;

const BEGIN: &str = "# generated: ";
const END: &str = "# end of generated";

/// A file with its generated parts as they should be.
pub struct File {
    pub path: PathBuf,
    pub current: String,
    pub expected: String,
}

/// All files that have generated parts.
pub fn files() -> io::Result<Vec<File>> {
    let template = fs::read_to_string(root().join("template.yaml"))?;
    let functions = of_template(&template);
    let mut files = Vec::new();
    for path in ["template.yaml", "Cargo.toml", "dev/server/Cargo.toml"] {
        let path = root().join(path);
        let current = fs::read_to_string(&path)?;
        let expected = regenerated(&current, &functions)?;
        files.push(File {
            path,
            current,
            expected,
        });
    }
    let path = root().join("events/requests.http");
    files.push(File {
        current: fs::read_to_string(&path).unwrap_or_default(),
        expected: requests()?,
        path,
    });
    Ok(files)
}

fn regenerated(text: &str, functions: &[Function]) -> io::Result<String> {
    let mut expected = String::new();
    let mut is_generated = false;
    for line in text.lines() {
        if line.trim() == END {
            is_generated = false;
        }
        if !is_generated {
            expected.push_str(line);
            expected.push('\n');
        }
        if let Some(name) = line.trim().strip_prefix(BEGIN) {
            let indent = line.len() - line.trim_start().len();
            let lines = part(name, functions)
                .ok_or_else(|| io::Error::other(format!("nothing generates {name:?}")))?;
            for line in lines {
                expected.push_str(&" ".repeat(indent));
                expected.push_str(&line);
                expected.push('\n');
            }
            is_generated = true;
        }
    }
    Ok(expected)
}

/// The lines of a generated part.
fn part(name: &str, functions: &[Function]) -> Option<Vec<String>> {
    let names = |chosen: &dyn Fn(&Function) -> bool| yaml_list(functions, chosen, "", "");
    Some(match name {
        "all functions" => names(&|_| true),
        "functions that respond to requests" => names(&Function::responds),
        "functions with routes" => names(&|function| function.is_routed),
        "functions with MongoDB" => names(&Function::uses_mongodb),
        "functions without MongoDB" => names(&|function| !function.uses_mongodb()),
        "functions that read the signing secret" => names(&|function| function.reads("Signing")),
        "functions that read the pepper" => names(&|function| function.reads("Pepper")),
        "references to functions that respond" => {
            yaml_list(functions, &Function::responds, "!Ref ", "Function")
        }
        "roles with MongoDB" => {
            yaml_list(functions, &Function::uses_mongodb, "!GetAtt ", "Role.Arn")
        }
        "routes of cargo lambda watch" => watch_routes(functions),
        "functions of the local server" => server_dependencies(functions),
        "version" => vec![format!("Value: {}", env!("CARGO_PKG_VERSION"))],
        _ => return None,
    })
}

fn yaml_list(
    functions: &[Function],
    chosen: &dyn Fn(&Function) -> bool,
    prefix: &str,
    suffix: &str,
) -> Vec<String> {
    let chosen = functions.iter().filter(|function| chosen(function));
    chosen
        .map(|function| format!("- {prefix}{}{suffix}", function.name))
        .collect()
}

/// For each path its function, or a list with a function for each method.
fn watch_routes(functions: &[Function]) -> Vec<String> {
    let mut by_path: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for function in functions {
        for (method, path) in &function.routes {
            let methods = by_path.entry(path).or_default();
            methods.push((method, &function.folder));
        }
    }
    let mut lines = Vec::new();
    for (path, methods) in by_path {
        let first = methods.first().map(|(_, folder)| *folder);
        let is_alone = methods.iter().all(|(_, folder)| Some(*folder) == first);
        if let Some(folder) = first.filter(|_| is_alone) {
            lines.push(format!("{path:?} = {folder:?}"));
            continue;
        }
        lines.push(format!("{path:?} = ["));
        for (method, folder) in methods {
            lines.push(format!(
                "    {{ function = {folder:?}, method = {method:?} }},"
            ));
        }
        lines.push("]".to_owned());
    }
    lines
}

fn server_dependencies(functions: &[Function]) -> Vec<String> {
    let mut lines: Vec<_> = functions
        .iter()
        .filter(|function| function.is_routed)
        .map(|function| {
            let folder = &function.folder;
            format!("{folder} = {{ path = \"../../functions/{folder}\" }}")
        })
        .collect();
    lines.sort();
    lines
}
