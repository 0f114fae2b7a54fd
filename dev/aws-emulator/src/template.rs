//! `template.yaml` as CloudFormation and the linter see it.

use std::io;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::python::python;

/// Expands the loops (AWS::LanguageExtensions), then makes plain resources (AWS::Serverless), as CloudFormation does.
const TRANSFORM: &str = include_str!("transform.py");

/// The template after both transforms, once for each of `parameters`: their values, or null, and references stay.
pub fn transformed(template: &Path, parameters: &[Value]) -> io::Result<Vec<Value>> {
    let mut command = python()?;
    command.args(["-c", TRANSFORM]).arg(template);
    command.args(parameters.iter().map(Value::to_string));
    let output = command.stderr(Stdio::inherit()).output()?;
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout)?),
        false => Err(io::Error::other("the template cannot be transformed")),
    }
}

/// What cfn-lint finds wrong with the templates, without the checks of these ids; nothing, hopefully.
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
