//! `template.yaml` as CloudFormation and the linter see it.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::python::python;

/// Expands the loops (AWS::LanguageExtensions), then makes plain resources (AWS::Serverless), as CloudFormation does.
const TRANSFORM: &str = include_str!("transform.py");

/// The process that runs [`TRANSFORM`]: loading its libraries takes longer than a transform.
struct Transformer {
    _process: Child,
    requests: ChildStdin,
    responses: BufReader<ChildStdout>,
}

impl Transformer {
    fn start() -> io::Result<Self> {
        let mut process = python()?
            .args(["-c", TRANSFORM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let (requests, responses) = (process.stdin.take(), process.stdout.take());
        let no_pipe = || io::Error::other("the transformer has no pipe");
        Ok(Self {
            requests: requests.ok_or_else(no_pipe)?,
            responses: BufReader::new(responses.ok_or_else(no_pipe)?),
            _process: process,
        })
    }

    fn transform(&mut self, template: &Path, parameters: &[Value]) -> io::Result<Vec<Value>> {
        let request = json!({ "template": template, "parameters": parameters });
        writeln!(self.requests, "{request}")?;
        let mut response = String::new();
        self.responses.read_line(&mut response)?;
        match serde_json::from_str(&response)? {
            Value::Array(deployed) => Ok(deployed),
            error => Err(io::Error::other(error.to_string())),
        }
    }
}

/// The template after both transforms, once for each of `parameters`: their values, or null, and references stay.
pub fn transformed(template: &Path, parameters: &[Value]) -> io::Result<Vec<Value>> {
    static TRANSFORMER: Mutex<Option<Transformer>> = Mutex::new(None);
    let mut transformer = TRANSFORMER.lock().unwrap_or_else(PoisonError::into_inner);
    let running = match transformer.take() {
        Some(running) => running,
        None => Transformer::start()?,
    };
    transformer.insert(running).transform(template, parameters)
}

/// The findings of cfn-lint in these templates, without the checks of these ids.
pub fn lint<P: AsRef<Path>>(templates: &[P], without: &[&str]) -> io::Result<String> {
    let mut command = python()?;
    let run = "import sys, cfnlint.runner.cli; sys.exit(cfnlint.runner.cli.main())";
    command.args(["-c", run, "--regions", "eu-central-1"]);
    if !without.is_empty() {
        command.arg("--ignore-checks").args(without);
    }
    command.arg("--");
    command.args(templates.iter().map(AsRef::as_ref));
    let output = command.output()?;
    let found = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&found).into_owned())
}
