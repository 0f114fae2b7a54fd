//! How the stack is deployed: what is built, which parameters are refused, what gets a new version, and how traffic
//! moves to it and back.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::harness::{functions, root};
use crate::template::{
    deployed, deployed_with, has_route, of_type, properties, refers_to, resources, template,
};

/// `sam build` asks for arm64 only, and leaves the other architecture to cargo-lambda.
#[test]
fn what_is_built_unasked_is_what_the_stack_runs() {
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

#[test]
fn a_new_version_goes_back_when_an_alarm_rings() {
    let groups: Vec<_> = of_type("AWS::CodeDeploy::DeploymentGroup").collect();
    for (binary, name) in deployed() {
        let alias = &resources()[&format!("{name}Aliaslive")];
        let update = &alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"];
        let group = groups.iter().find(|(group, _)| refers_to(update, group));
        let (_, group) = group.unwrap_or_else(|| panic!("{binary} is not deployed gradually"));
        let rollback = &group["Properties"]["AutoRollbackConfiguration"];
        assert!(
            rollback["Events"]
                .as_array()
                .unwrap()
                .contains(&json!("DEPLOYMENT_STOP_ON_ALARM"))
        );
        let alarms = &group["Properties"]["AlarmConfiguration"];
        let errors = format!("{}ErrorsAlarm", name.trim_end_matches("Function"));
        assert!(refers_to(alarms, &errors), "{binary}");
        assert_eq!(
            refers_to(alarms, "ServerErrorsAlarm"),
            has_route(&binary) || binary == "authorizer",
            "{binary}"
        );
    }
}

/// What the functions' aliases point to, where the parameters have these values.
fn versions(template: &Value) -> BTreeSet<&String> {
    let resources = template["Resources"].as_object().unwrap().iter();
    let versions = resources.filter(|(_, resource)| resource["Type"] == "AWS::Lambda::Version");
    versions.map(|(name, _)| name).collect()
}

/// An alias stays at the version that it has until there is another one, whatever a deployment has changed.
#[test]
fn a_parameter_of_a_function_makes_a_new_version_of_it() {
    let function = &properties("HealthFunction");
    let own = json!([function["Environment"], function["VpcConfig"]]);
    let parameters = template()["Parameters"].as_object().unwrap();
    let mut changed: Vec<&str> = parameters.keys().map(String::as_str).collect();
    changed.retain(|name| refers_to(&own, name));
    for name in ["MongodbUriSecretArn", "MaxOrganizations", "SubnetIds"] {
        assert!(changed.contains(&name), "{name}");
    }
    // A version does not have this one, and cannot be made for it alone.
    changed.push("ReservedConcurrency");
    let mut sets = vec![json!({"SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"})];
    for name in &changed {
        let mut set = sets[0].clone();
        set[name] = json!("7");
        sets.push(set);
    }
    let deployed = deployed_with(&sets);
    let before = versions(&deployed[0]);
    assert_eq!(before.len(), functions().len());
    for (name, template) in changed.iter().zip(&deployed[1..]) {
        match *name {
            "ReservedConcurrency" => assert_eq!(versions(template), before),
            _ => assert!(versions(template).is_disjoint(&before), "{name}"),
        }
    }
}

/// Whether the template's rules take these values of parameters, and of the others their defaults.
fn rules_take(given: &Value) -> bool {
    fn holds(assertion: &Value, value: &dyn Fn(&Value) -> Value) -> bool {
        let (function, arguments) = assertion.as_object().unwrap().iter().next().unwrap();
        let mut arguments = arguments.as_array().unwrap().iter();
        match function.as_str() {
            "Fn::Or" => arguments.any(|argument| holds(argument, value)),
            "Fn::And" => arguments.all(|argument| holds(argument, value)),
            "Fn::Not" => arguments.all(|argument| !holds(argument, value)),
            "Fn::Equals" => value(arguments.next().unwrap()) == value(arguments.next().unwrap()),
            other => panic!("{other}"),
        }
    }
    let value = |operand: &Value| match operand["Ref"].as_str() {
        Some(name) => match given.get(name) {
            Some(value) => value.clone(),
            None => template()["Parameters"][name]["Default"].clone(),
        },
        None => operand.clone(),
    };
    let rules = template()["Rules"].as_object().unwrap().values();
    let mut assertions = rules.flat_map(|rule| rule["Assertions"].as_array().unwrap());
    assertions.all(|assertion| holds(&assertion["Assert"], &value))
}

#[test]
fn parameters_that_would_be_ignored_are_refused() {
    let mongodb = |more: Value| {
        let mut given = json!({"MongodbUriSecretArn": "arn"});
        given
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        given
    };
    let (domain, certificate) = ("api.example.com", "arn");
    for taken in [
        json!({}),
        json!({"DomainName": domain, "CertificateArn": certificate}),
        json!({"DomainName": domain, "CertificateArn": certificate, "HostedZoneId": "Z1"}),
    ] {
        assert!(rules_take(&mongodb(taken.clone())), "{taken}");
    }
    for refused in [
        json!({"MongodbUri": "mongodb://h"}),
        json!({"DomainName": domain}),
        json!({"CertificateArn": certificate}),
        json!({"HostedZoneId": "Z1"}),
    ] {
        assert!(!rules_take(&mongodb(refused.clone())), "{refused}");
    }
    assert!(!rules_take(&json!({})));
}

/// Parameters that are given to `sam deploy` replace those of samconfig.toml, all of them.
#[test]
fn traffic_moves_slowly_unless_asked_otherwise() {
    let default = &template()["Parameters"]["DeploymentPreference"]["Default"];
    assert_eq!(default, "Canary10Percent5Minutes");
    let samconfig = fs::read_to_string(root().join("samconfig.toml")).unwrap();
    let deployments = samconfig
        .split("\n[")
        .filter(|section| section.contains(".deploy."));
    let deployments: Vec<&str> = deployments.collect();
    assert_eq!(deployments.len(), 2, "{deployments:?}");
    for section in deployments {
        assert!(!section.contains("parameter_overrides"), "{section}");
    }
}
