//! Template parameters: rejected values, and the effect of valid ones.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::deployment::all_of;
use crate::harness::functions;
use crate::template::{deployed, deployed_with, refers_to, template};

/// The SAM CLI truncates a value at its first space unless it is quoted twice.
#[test]
fn invalid_parameter_values_are_refused() {
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

/// The default endpoint would bypass the domain and its proxy.
#[test]
fn with_a_domain_the_api_has_no_other_address() {
    let domain = json!({"DomainName": "api.example.com", "CertificateArn": "arn"});
    let disabled = deployed_with(&[json!({}), domain])
        .into_iter()
        .map(|template| {
            let body = &template["Resources"]["Api"]["Properties"]["Body"];
            body["servers"][0]["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"].clone()
        });
    assert!(disabled.eq([json!(false), json!(true)]));
}

/// API Gateway's log groups enlarge the account-wide CloudWatch resource policy, except under `/aws/vendedlogs/`.
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
fn tracing_is_off_by_default() {
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
fn an_alarm_email_creates_alarms_in_each_profile() {
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
        let notifying = alarms.iter().filter(|(name, alarm)| {
            !name.contains("Version")
                && refers_to(&alarm["Properties"]["AlarmActions"], "AlarmTopic")
        });
        assert_eq!(
            notifying.count() > 0,
            set.get("CreateAlarms").is_none(),
            "{set}"
        );
    }
}

/// Whether these parameters, with defaults for the others, satisfy the template's rules.
pub fn satisfies_rules(given: &Value) -> bool {
    fn holds(assertion: &Value, value: &dyn Fn(&Value) -> Value) -> bool {
        let (function, arguments) = assertion.as_object().unwrap().iter().next().unwrap();
        let mut arguments = arguments.as_array().unwrap().iter();
        match function.as_str() {
            "Fn::Or" => arguments.any(|argument| holds(argument, value)),
            "Fn::And" => arguments.all(|argument| holds(argument, value)),
            "Fn::Not" => arguments.all(|argument| !holds(argument, value)),
            "Fn::Equals" => value(arguments.next().unwrap()) == value(arguments.next().unwrap()),
            other => panic!("the test does not evaluate {other}"),
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
fn contradicting_parameters_are_refused() {
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
        json!({"MailTransport": "ses", "MailFrom": "a@example.com", "SesIdentityArn": "arn"}),
        json!({"MailTransport": "smtp", "MailFrom": "a@example.com", "SmtpUrlSecretArn": "arn"}),
    ] {
        assert!(
            satisfies_rules(&mongodb(taken.clone())),
            "a rule rejects the valid parameters {taken}"
        );
    }
    for refused in [
        json!({"MongodbUri": "mongodb://h"}),
        json!({"DomainName": domain}),
        json!({"CertificateArn": certificate}),
        json!({"HostedZoneId": "Z1"}),
        json!({"MailTransport": "ses", "MailFrom": "a@example.com"}),
        json!({"MailTransport": "smtp", "SmtpUrlSecretArn": "arn"}),
    ] {
        assert!(
            !satisfies_rules(&mongodb(refused.clone())),
            "no rule rejects {refused}"
        );
    }
    assert!(!satisfies_rules(&json!({})));
}

/// The default profile fits a first deployment in a new account; `production` fits a service in operation.
#[test]
fn the_profile_sets_the_defaults() {
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
