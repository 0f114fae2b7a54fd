//! Deployment configuration: samconfig.toml and the GitHub workflows.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::root;
use crate::template::{deployed, properties, template};

/// Prints the packaged template, which releases and the GitHub deployment use.
fn packaged(architecture: &str, commit: &str) -> String {
    let mut script = Command::new("python3");
    let script = script.arg(root().join(".github/packaged-template"));
    let output = script.args([architecture, commit]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// So all that the tests know of template.yaml is true of it, too.
#[test]
fn the_packaged_template_differs_in_code_architecture_and_commit_alone() {
    for architecture in ["x86_64", "arm64"] {
        let text = packaged(architecture, "4f2a9c1");
        for (binary, name) in deployed() {
            let (_, function) = text.split_once(&format!("\n  {name}:\n")).unwrap();
            let (function, _) = function.split_once("\n\n").unwrap();
            let code = format!("\n    Properties:\n      CodeUri: functions/{binary}.zip\n");
            assert!(function.contains(&code), "{function}");
        }
        let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
        fs::write(file.path(), &text).unwrap();
        let packaged = aws_emulator::transformed(file.path(), &[Value::Null]).unwrap();
        let own = root().join("template.yaml");
        let mut expected = aws_emulator::transformed(&own, &[Value::Null]).unwrap();
        let mut expected = expected.remove(0);
        let version = expected["Outputs"]["Version"]["Value"].as_str().unwrap();
        expected["Outputs"]["Version"]["Value"] = json!(format!("{version} (4f2a9c1)"));
        let parameter = &mut expected["Parameters"]["Architecture"];
        parameter["Default"] = json!(architecture);
        parameter["AllowedValues"] = json!([architecture]);
        let constraint = &packaged[0]["Parameters"]["Architecture"]["ConstraintDescription"];
        let remedy = format!("Set Architecture={architecture}");
        assert!(
            constraint.as_str().unwrap().contains(&remedy),
            "{constraint}"
        );
        parameter["ConstraintDescription"] = constraint.clone();
        assert_eq!(packaged[0], expected);
    }
}

/// Also when a stack keeps the value that it has.
#[test]
fn the_packaged_template_refuses_the_other_architecture() {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    fs::write(file.path(), packaged("arm64", "4f2a9c1")).unwrap();
    let given = [
        json!({"Architecture": "x86_64"}),
        json!({"Architecture": "arm64"}),
    ];
    let deployed = aws_emulator::transformed(file.path(), &given).unwrap();
    assert_eq!(deployed[0]["Refused"], "Architecture");
    assert!(deployed[1].get("Refused").is_none());
}

/// A tag can be moved; a commit hash cannot.
#[test]
fn workflows_pin_actions_by_commit() {
    let folder = root().join(".github/workflows");
    let mut used = 0;
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text
            .lines()
            .filter(|line| line.trim_start().starts_with("- uses:"))
        {
            let (_, commit) = line.split_once('@').unwrap();
            let (commit, version) = commit.split_once(" # v").unwrap();
            assert_eq!(commit.len(), 40, "{line}");
            assert!(
                commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{line}"
            );
            assert!(!version.is_empty());
            used += 1;
        }
    }
    assert!(used > 0);
}

/// Otherwise the SAM CLI looks for samconfig.toml beside the template, and deploys without it.
#[test]
fn workflows_deploy_with_samconfig() {
    let text = fs::read_to_string(root().join(".github/workflows/deploy.yml")).unwrap();
    let deployments = text.lines().filter(|line| line.contains("--template-file"));
    let deployments: Vec<&str> = deployments.collect();
    assert_eq!(deployments.len(), 1);
    for line in deployments {
        assert!(
            line.contains("--config-file \"$PWD/samconfig.toml\""),
            "{line}"
        );
    }
}

/// Parameters passed to `sam deploy` replace all parameters of samconfig.toml.
#[test]
fn samconfig_sets_no_parameters_of_deployments() {
    let samconfig = fs::read_to_string(root().join("samconfig.toml")).unwrap();
    let deployments = samconfig
        .split("\n[")
        .filter(|section| section.contains(".deploy."));
    let deployments: Vec<&str> = deployments.collect();
    assert_eq!(deployments.len(), 2, "{deployments:?}");
    for section in &deployments {
        assert!(!section.contains("parameter_overrides"), "{section}");
    }
    // `sam delete` removes everything under the environment's prefix.
    let prefixes: BTreeSet<&str> = deployments
        .iter()
        .filter_map(|section| section.lines().find(|line| line.starts_with("s3_prefix")))
        .collect();
    assert_eq!(prefixes.len(), deployments.len());
}

/// cargo-lambda passes the flag to cargo.
#[test]
fn deployments_are_built_from_the_lockfile() {
    let cargo_toml = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, build) = cargo_toml
        .split_once("[workspace.metadata.lambda.build]\n")
        .unwrap();
    let (build, _) = build.split_once("\n\n").unwrap();
    assert!(build.lines().any(|line| line == "locked = true"), "{build}");
}

/// `sam build` passes an architecture to cargo-lambda only for arm64. Otherwise cargo-lambda uses its default.
#[test]
fn cargo_lambda_builds_for_the_stacks_default_architecture() {
    let cargo_toml = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, build) = cargo_toml
        .split_once("[workspace.metadata.lambda.build]\n")
        .unwrap();
    let (built, _) = build.split_once(" = true\n").unwrap();
    assert_eq!(template()["Parameters"]["Architecture"]["Default"], built);
    for name in deployed().into_values() {
        let architectures = &properties(name)["Architectures"];
        assert_eq!(*architectures, json!([{"Ref": "Architecture"}]), "{name}");
    }
}
