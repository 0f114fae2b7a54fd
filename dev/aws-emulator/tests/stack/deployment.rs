//! How the stack is deployed: what is built, which parameters are refused, what gets a new version, and how traffic
//! moves to it and back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{functions, root};
use crate::template::{deployed, deployed_with, has_route, properties, refers_to, template};

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

/// The resources of this type in a transformed template.
fn all_of<'a>(template: &'a Value, kind: &str) -> Vec<(&'a String, &'a Value)> {
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

/// CodeDeploy stops a deployment whose alarms are in the state ALARM when it starts. An alarm that only changes its
/// dimensions keeps its state; a new name makes a new alarm.
#[test]
fn an_alarm_about_an_older_version_stops_no_deployment() {
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
            // A single failure is enough, for as long as CodeDeploy needs to see it.
            assert_eq!(alarm["Threshold"], 1);
            assert_eq!(alarm["DatapointsToAlarm"], 1);
            assert_eq!(alarm["EvaluationPeriods"], 5);
        }
    }
}

#[test]
fn deployments_without_codedeploy_can_be_asked_for() {
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
    let own = json!([
        function["Environment"],
        function["VpcConfig"],
        function["Description"]
    ]);
    let parameters = template()["Parameters"].as_object().unwrap();
    let mut changed: Vec<&str> = parameters.keys().map(String::as_str).collect();
    changed.retain(|name| refers_to(&own, name));
    for name in ["MongodbUriSecretArn", "MaxOrganizations", "SubnetIds"] {
        assert!(changed.contains(&name), "{name}");
    }
    // These decide conditions. The profile and reserved concurrency are not of every function.
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
            "Tracing" => json!("Enabled"),
            _ => json!("7"),
        };
        sets.push(set);
    }
    let deployed = deployed_with(&sets);
    let before = versions(&deployed[0]);
    assert_eq!(before.len(), functions().len());
    for (name, template) in changed.iter().zip(&deployed[1..]) {
        assert!(versions(template).is_disjoint(&before), "{name}");
    }
}

/// Functions whose versions differ in two deployments, each with the properties that differ.
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

/// Reserved concurrency is a function's and not a version's. SAM makes a new version all the same, and Lambda refuses one
/// in which nothing of a version has changed.
#[test]
fn a_change_of_reserved_concurrency_changes_what_a_version_has() {
    let sets = [
        json!({}),
        json!({"ReservedConcurrencyHashing": "10"}),
        json!({"ReservedConcurrencyOthers": "20"}),
        json!({"Profile": "production"}),
    ];
    let deployed = deployed_with(&sets);
    let hashing = [
        "CreateOrg",
        "AdminLogin",
        "AdminPassword",
        "OrganizationDeletion",
    ];
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

/// While traffic moves to the versions that read another secret, the earlier versions still read theirs.
#[test]
fn another_secret_or_key_gets_a_permission_beside_the_earlier_one() {
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

/// The SAM CLI cuts a value at its first space, unless it is quoted twice.
#[test]
fn values_that_cannot_work_are_refused() {
    let cases = [
        ("PurgeSchedule", "rate(1 hour)", true),
        ("PurgeSchedule", "rate(12 hours)", true),
        ("PurgeSchedule", "cron(0 3 * * ? *)", true),
        ("PurgeSchedule", "cron(0", false),
        ("PurgeSchedule", "rate(1", false),
        ("PurgeSchedule", "rate(2 hour)", false),
        ("PurgeSchedule", "rate(0 hours)", false),
        ("PurgeSchedule", "cron(0 3 * * ?)", false),
        ("PurgeSchedule", "hourly", false),
        (
            "MongodbUriSecretArn",
            "organization-service/mongodb-uri",
            false,
        ),
        ("MongodbUri", "mongodb+srv://user:password@host", false),
        ("ReservedConcurrencyHashing", "ten", false),
        ("ReservedConcurrencyOthers", "-1", false),
        ("AlarmEmail", "ops@example.com", true),
        ("AlarmEmail", "ops", false),
        ("AlarmTopicArn", "alarms", false),
        ("KmsKeyArn", "alias/key", false),
        ("TrustedProxySecret", "short", false),
    ];
    let sets: Vec<Value> = cases
        .iter()
        .map(|(name, value, _)| json!({*name: value}))
        .collect();
    for ((name, value, taken), template) in cases.into_iter().zip(deployed_with(&sets)) {
        let expected = (!taken).then(|| json!(name));
        assert_eq!(template.get("Refused").cloned(), expected, "{name}={value}");
    }
}

/// API Gateway's own address would be a way around the domain and what stands before it.
#[test]
fn the_api_is_reached_at_its_domain_alone() {
    let domain = json!({"DomainName": "api.example.com", "CertificateArn": "arn"});
    let disabled = deployed_with(&[json!({}), domain])
        .into_iter()
        .map(|template| {
            let body = &template["Resources"]["Api"]["Properties"]["Body"];
            body["servers"][0]["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"].clone()
        });
    assert!(disabled.eq([json!(false), json!(true)]));
}

/// CloudWatch's resource policy grows by each log group of API Gateway, but for those under this name, and is of the
/// whole account.
#[test]
fn logs_are_where_the_documentation_says() {
    let groups: BTreeSet<String> = all_of(template(), "AWS::Logs::LogGroup")
        .into_iter()
        .map(|(_, group)| {
            group["Properties"]["LogGroupName"]["Fn::Sub"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let mut expected = BTreeSet::from(["/aws/vendedlogs/${AWS::StackName}/api".to_owned()]);
    expected.extend(deployed().into_values().map(|name| {
        let name = name.trim_end_matches("Function");
        format!("/aws/lambda/${{AWS::StackName}}/{name}")
    }));
    assert_eq!(groups, expected);
}

#[test]
fn a_key_of_the_account_encrypts_secrets_and_logs() {
    let key = "arn:aws:kms:eu-central-1:123456789012:key/1234";
    let template = deployed_with(&[json!({"KmsKeyArn": key})]).remove(0);
    let mut encrypted = all_of(&template, "AWS::SecretsManager::Secret");
    encrypted.extend(all_of(&template, "AWS::Logs::LogGroup"));
    assert_eq!(encrypted.len(), 2 + 1 + functions().len());
    for (name, resource) in encrypted {
        assert_eq!(resource["Properties"]["KmsKeyId"], key, "{name}");
    }
}

#[test]
fn nothing_is_traced_unless_it_is_asked_for() {
    let production = json!({"Profile": "production"});
    let sets = [json!({}), production, json!({"Tracing": "Enabled"})];
    for (template, traced) in deployed_with(&sets).iter().zip([false, false, true]) {
        for (name, function) in all_of(template, "AWS::Lambda::Function") {
            let mode = if traced { "Active" } else { "PassThrough" };
            assert_eq!(
                function["Properties"]["TracingConfig"]["Mode"], mode,
                "{name}"
            );
        }
        let policies = all_of(template, "AWS::IAM::RolePolicy");
        assert!(
            policies
                .iter()
                .any(|(_, policy)| policy.to_string().contains("xray"))
                == traced
        );
    }
}

#[test]
fn an_address_is_told_of_alarms_in_each_profile() {
    let address = "ops@example.com";
    let sets = [
        json!({"AlarmEmail": address}),
        json!({"Profile": "production", "AlarmEmail": address}),
        json!({"AlarmEmail": address, "CreateAlarms": "Disabled"}),
    ];
    for (set, template) in sets.iter().zip(deployed_with(&sets)) {
        let (_, topic) = all_of(&template, "AWS::SNS::Topic").remove(0);
        let subscription = json!([{"Protocol": "email", "Endpoint": address}]);
        assert_eq!(topic["Properties"]["Subscription"], subscription);
        let alarms = all_of(&template, "AWS::CloudWatch::Alarm");
        let telling = alarms.iter().filter(|(name, alarm)| {
            !name.contains("Version")
                && refers_to(&alarm["Properties"]["AlarmActions"], "AlarmTopic")
        });
        assert_eq!(
            telling.count() > 0,
            set.get("CreateAlarms").is_none(),
            "{set}"
        );
    }
}

/// Whether the template's rules take these values of parameters, and of the others their defaults.
pub fn rules_take(given: &Value) -> bool {
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

/// The deployment from GitHub takes the template of the checkout, and of the build the functions alone.
#[test]
fn the_deployed_template_names_what_cargo_lambda_builds() {
    let mut sed = Command::new("sed");
    let script = root().join(".github/deployed-template.sed");
    let sed = sed.arg("-E").arg("-f").arg(script);
    let output = sed.arg(root().join("template.yaml")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for (binary, name) in deployed() {
        let (_, function) = text.split_once(&format!("\n  {name}:\n")).unwrap();
        let (function, _) = function.split_once("\n\n").unwrap();
        let code = format!("\n    Properties:\n      CodeUri: target/lambda/{binary}\n");
        assert!(function.contains(&code), "{function}");
    }
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    fs::write(file.path(), &text).unwrap();
    let again = aws_emulator::transformed(file.path(), &[Value::Null]).unwrap();
    assert_eq!(again[0]["Resources"], template()["Resources"]);
}

/// A tag can be moved to other code, a commit cannot.
#[test]
fn workflows_use_actions_by_their_commits() {
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

/// Parameters that are given to `sam deploy` replace those of samconfig.toml, all of them.
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
    // `sam delete` of one environment removes what is under its prefix.
    let prefixes: BTreeSet<&str> = deployments
        .iter()
        .filter_map(|section| section.lines().find(|line| line.starts_with("s3_prefix")))
        .collect();
    assert_eq!(prefixes.len(), deployments.len());
}

/// cargo-lambda passes the flag on to cargo.
#[test]
fn what_is_deployed_is_built_from_the_lockfile() {
    let cargo_toml = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, build) = cargo_toml
        .split_once("[workspace.metadata.lambda.build]\n")
        .unwrap();
    let (build, _) = build.split_once("\n\n").unwrap();
    assert!(build.lines().any(|line| line == "locked = true"), "{build}");
}

/// What a first deployment in a new account survives, and what a service in operation needs.
#[test]
fn the_profile_decides_what_is_not_set_otherwise() {
    let sets = [
        (json!({}), [false, false, false], "7"),
        (json!({"Profile": "production"}), [true, true, true], "90"),
        (
            json!({
                "CreateAlarms": "Enabled", "CreateDashboard": "Enabled",
                "DeploymentPreference": "Canary10Percent15Minutes", "LogRetentionDays": "1",
            }),
            [true, true, true],
            "1",
        ),
        (
            json!({
                "Profile": "production", "CreateAlarms": "Disabled", "CreateDashboard": "Disabled",
                "DeploymentPreference": "AllAtOnce", "LogRetentionDays": "3653",
            }),
            [false, false, false],
            "3653",
        ),
    ];
    let parameters: Vec<Value> = sets.iter().map(|(given, ..)| given.clone()).collect();
    for ((given, expected, retention), template) in sets.iter().zip(deployed_with(&parameters)) {
        let alarms = all_of(&template, "AWS::CloudWatch::Alarm");
        let watch_versions = |name: &String| name.contains("Version");
        let found = [
            alarms.iter().any(|(name, _)| !watch_versions(name)),
            !all_of(&template, "AWS::CloudWatch::Dashboard").is_empty(),
            alarms.iter().any(|(name, _)| watch_versions(name)),
        ];
        assert_eq!(found, *expected, "{given}");
        let kept = if given["Profile"] == "production" {
            "RetainExceptOnCreate"
        } else {
            "Delete"
        };
        for (name, secret) in all_of(&template, "AWS::SecretsManager::Secret") {
            assert_eq!(secret["DeletionPolicy"], kept, "{name} {given}");
        }
        let outputs = template["Outputs"].as_object().unwrap();
        assert_eq!(outputs.contains_key("DashboardUrl"), expected[1], "{given}");
        for (name, group) in all_of(&template, "AWS::Logs::LogGroup") {
            let days = group["Properties"]["RetentionInDays"].to_string();
            assert_eq!(days.trim_matches('"'), *retention, "{name} {given}");
        }
    }
}
