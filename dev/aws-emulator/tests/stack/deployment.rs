//! Deployments: new function versions, gradual traffic shifting and rollback.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::functions;
use crate::template::{deployed, deployed_with, has_route, properties, refers_to, template};

/// Returns the resources of this type in a transformed template.
pub fn all_of<'a>(template: &'a Value, kind: &str) -> Vec<(&'a String, &'a Value)> {
    let resources = template["Resources"].as_object().unwrap().iter();
    resources
        .filter(|(_, resource)| resource["Type"] == kind)
        .collect()
}

#[test]
fn a_failing_new_version_is_rolled_back() {
    let template = deployed_with(&[json!({"Profile": "production"})]).remove(0);
    let groups = all_of(&template, "AWS::CodeDeploy::DeploymentGroup");
    for (binary, name) in deployed() {
        let alias = &template["Resources"][&format!("{name}Aliaslive")];
        let update = &alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"];
        let group = groups.iter().find(|(group, _)| refers_to(update, group));
        let (_, group) = group.unwrap_or_else(|| panic!("{binary} is not deployed gradually"));
        let rollback = &group["Properties"]["AutoRollbackConfiguration"];
        let events = rollback["Events"].as_array().unwrap();
        assert!(events.contains(&json!("DEPLOYMENT_STOP_ON_ALARM")));
        let watched = group["Properties"]["AlarmConfiguration"]["Alarms"].as_array();
        let metrics: Vec<&str> = watched
            .unwrap()
            .iter()
            .map(|alarm| {
                let alarm = &template["Resources"][alarm["Name"]["Ref"].as_str().unwrap()];
                alarm["Properties"]["MetricName"].as_str().unwrap()
            })
            .collect();
        let expected: &[&str] = match has_route(&binary) {
            true => &["Errors", "ServerErrors"],
            false => &["Errors"],
        };
        assert_eq!(metrics, expected, "{binary}");
    }
}

/// CodeDeploy stops a deployment if an alarm is in the state ALARM when it starts. Changed dimensions keep the state of
/// an alarm; a new name creates a new alarm.
#[test]
fn deployments_watch_only_the_new_version() {
    let template = deployed_with(&[json!({"Profile": "production"})]).remove(0);
    for (name, group) in all_of(&template, "AWS::CodeDeploy::DeploymentGroup") {
        let function = name.trim_end_matches("DeploymentGroup");
        let alias = &template["Resources"][&format!("{function}Aliaslive")];
        let version = &alias["Properties"]["FunctionVersion"];
        assert!(version["Fn::GetAtt"].is_array(), "{version}");
        let alarms = group["Properties"]["AlarmConfiguration"]["Alarms"].as_array();
        for alarm in alarms.unwrap() {
            let alarm =
                &template["Resources"][alarm["Name"]["Ref"].as_str().unwrap()]["Properties"];
            let of_name = &alarm["AlarmName"]["Fn::Sub"][1]["Version"];
            assert_eq!(of_name, version, "{name}");
            let dimensions = alarm["Dimensions"].as_array().unwrap();
            assert!(
                dimensions.iter().any(|one| one["Value"] == *version),
                "{name}"
            );
            // One failure triggers the alarm and keeps it in ALARM until CodeDeploy detects it.
            assert_eq!(alarm["Threshold"], 1);
            assert_eq!(alarm["DatapointsToAlarm"], 1);
            assert_eq!(alarm["EvaluationPeriods"], 5);
        }
    }
}

#[test]
fn without_gradual_deployment_the_stack_has_no_codedeploy() {
    let sets = [
        (json!({}), None),
        (
            json!({"Profile": "production", "DeploymentPreference": "AllAtOnce"}),
            None,
        ),
        (
            json!({"Profile": "production"}),
            Some("Canary10Percent5Minutes"),
        ),
        (
            json!({"DeploymentPreference": "Linear10PercentEvery1Minute"}),
            Some("Linear10PercentEvery1Minute"),
        ),
    ];
    let parameters: Vec<Value> = sets.iter().map(|(given, _)| given.clone()).collect();
    for ((given, expected), template) in sets.iter().zip(deployed_with(&parameters)) {
        let groups = all_of(&template, "AWS::CodeDeploy::DeploymentGroup");
        let aliases = all_of(&template, "AWS::Lambda::Alias");
        assert_eq!(aliases.len(), functions().len());
        for (_, alias) in aliases {
            assert_eq!(alias.get("UpdatePolicy").is_some(), expected.is_some());
        }
        let Some(expected) = expected else {
            assert!(groups.is_empty(), "{given}");
            let text = template.to_string();
            assert!(!text.contains("ExecutedVersion"), "{given}");
            assert!(!text.contains("codedeploy"), "{given}");
            continue;
        };
        assert_eq!(groups.len(), functions().len(), "{given}");
        for (_, group) in groups {
            let config = &group["Properties"]["DeploymentConfigName"]["Fn::Sub"][1]["ConfigName"];
            assert_eq!(config, expected, "{given}");
        }
    }
}

/// The logical ids of the function versions in a transformed template.
fn versions(template: &Value) -> BTreeSet<&String> {
    let resources = template["Resources"].as_object().unwrap().iter();
    let versions = resources.filter(|(_, resource)| resource["Type"] == "AWS::Lambda::Version");
    versions.map(|(name, _)| name).collect()
}

/// An alias keeps its version until a deployment creates a new one.
#[test]
fn a_changed_parameter_creates_a_new_version() {
    let function = &properties("HealthFunction");
    let own = json!([
        function["Environment"],
        function["VpcConfig"],
        function["Description"]
    ]);
    let parameters = template()["Parameters"].as_object().unwrap();
    let mut changed: Vec<&str> = parameters.keys().map(String::as_str).collect();
    changed.retain(|name| refers_to(&own, name));
    for name in ["MongodbUriSecretArn", "MaxOrganizations", "SubnetIds"] {
        assert!(
            changed.contains(&name),
            "{name} does not affect HealthFunction"
        );
    }
    // `Tracing` takes effect through a condition. The profile and reserved concurrency do not affect every function.
    changed.push("Tracing");
    changed.retain(|name| !["Profile", "ReservedConcurrencyOthers"].contains(name));
    let mut sets = vec![json!({"SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"})];
    for name in &changed {
        let mut set = sets[0].clone();
        set[name] = match *name {
            "MongodbUri" => json!("mongodb://other"),
            "MongodbUriSecretArn" => {
                json!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:other-AbCdEf")
            }
            "TrustedProxySecret" => json!("a secret of the proxy"),
            "ApiDocs" => json!("Disabled"),
            "MailTransport" => json!("smtp"),
            "Tracing" => json!("Enabled"),
            _ => json!("7"),
        };
        sets.push(set);
    }
    let deployed = deployed_with(&sets);
    let before = versions(&deployed[0]);
    assert_eq!(before.len(), functions().len());
    for (name, template) in changed.iter().zip(&deployed[1..]) {
        // The relay has few of the settings.
        let relay = refers_to(properties("RelayFunction"), name);
        let concerned = |version: &&&String| relay || !version.starts_with("RelayFunction");
        let before: BTreeSet<&String> = before.iter().filter(concerned).copied().collect();
        assert!(
            versions(template).is_disjoint(&before),
            "{name} does not create a new version of every function"
        );
    }
}

/// The functions whose versions differ between two deployments, with their changed properties.
fn changed_functions(before: &Value, after: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let kept = versions(before);
    let is_new = |name: &str| {
        let alias = &after["Resources"][&format!("{name}Aliaslive")];
        let version = alias["Properties"]["FunctionVersion"]["Fn::GetAtt"][0].as_str();
        !kept.contains(&version.unwrap().to_owned())
    };
    let new = deployed().into_values().filter(|name| is_new(name));
    new.map(|name| {
        let of = |template: &Value| {
            template["Resources"][name]["Properties"]
                .as_object()
                .unwrap()
                .clone()
        };
        let (before, after) = (of(before), of(after));
        let properties = before.keys().chain(after.keys());
        let differ = properties.filter(|property| before.get(*property) != after.get(*property));
        (name.clone(), differ.cloned().collect())
    })
    .collect()
}

/// Reserved concurrency belongs to the function, not the version. SAM still creates a new version, which Lambda rejects
/// if none of the version's properties changed.
#[test]
fn a_change_of_reserved_concurrency_changes_the_version() {
    let sets = [
        json!({}),
        json!({"ReservedConcurrencyHashing": "10"}),
        json!({"ReservedConcurrencyOthers": "20"}),
        json!({"Profile": "production"}),
    ];
    let deployed = deployed_with(&sets);
    let hashing = ["CreateOrg", "AdminLogin", "Account", "OrganizationDeletion"];
    let others = ["Session", "Organization", "Authorizer", "Health"];
    let all = [hashing, others].concat();
    let expected: [(&[&str], [Option<&str>; 2]); 4] = [
        (&[], [None, None]),
        (&hashing, [Some("10"), None]),
        (&others, [None, Some("20")]),
        (&all, [Some("25"), Some("50")]),
    ];
    for ((given, template), (changed, reserved)) in sets.iter().zip(&deployed).zip(expected) {
        let found = changed_functions(&deployed[0], template);
        let names: BTreeSet<String> = changed
            .iter()
            .map(|name| format!("{name}Function"))
            .collect();
        assert!(found.keys().eq(&names), "{given}: {found:?}");
        for (name, differ) in found {
            assert!(differ.contains("Description"), "{given}: {name} {differ:?}");
        }
        for (name, function) in all_of(template, "AWS::Lambda::Function") {
            let name = name.trim_end_matches("Function");
            let expected = match (hashing.contains(&name), others.contains(&name)) {
                (true, _) => reserved[0],
                (_, true) => reserved[1],
                _ => None,
            };
            let found = function["Properties"].get("ReservedConcurrentExecutions");
            let found = found.map(|number| number.to_string().trim_matches('"').to_owned());
            assert_eq!(found.as_deref(), expected, "{name} {given}");
        }
    }
}

/// While traffic shifts to versions that read another secret, the previous versions still read theirs.
#[test]
fn another_secret_or_key_gets_a_policy_of_its_own() {
    let secret =
        |name: &str| format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}");
    let key = |id: &str| format!("arn:aws:kms:eu-central-1:123456789012:key/{id}");
    let given = json!({"MongodbUriSecretArn": secret("prod/mongodb-AbCdEf")});
    let with = |name: &str, value: &str| {
        let mut with = given.clone();
        with[name] = json!(value);
        with
    };
    let sets = [
        given.clone(),
        with("BcryptCost", "11"),
        with("MongodbUriSecretArn", &secret("prod/mongodb-2-AbCdEf")),
        with("MongodbUriSecretArn", ""),
        with("KmsKeyArn", &key("mrk-1234")),
    ];
    let names = |template: &Value| -> BTreeMap<String, String> {
        let policies = all_of(template, "AWS::IAM::RolePolicy").into_iter();
        let reading = policies.filter(|(name, _)| {
            name.ends_with("Rights") && !name.starts_with("ApiDocs") && !name.starts_with("Rotate")
        });
        reading
            .map(|(name, policy)| (name.clone(), policy["Properties"]["PolicyName"].to_string()))
            .collect()
    };
    let deployed = deployed_with(&sets);
    let before = names(&deployed[0]);
    assert!(!before.is_empty());
    assert_eq!(names(&deployed[1]), before);
    for (set, template) in sets.iter().zip(&deployed).skip(2) {
        for (policy, name) in names(template) {
            assert_ne!(name, before[&policy], "{policy} {set}");
        }
    }
}
