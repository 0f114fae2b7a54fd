//! Least privilege: each function has only the permissions that it needs.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::harness::root;
use crate::template::{deployed, of_type, properties, resources};

/// The policies of a role, declared as separate resources.
fn policies(role: &str) -> impl Iterator<Item = (&'static String, &'static Value)> {
    let role = json!({"Ref": role});
    of_type("AWS::IAM::RolePolicy")
        .filter(move |(_, policy)| policy["Properties"]["RoleName"] == role)
}

/// The statements of all policies of a function's role, conditional ones included.
pub fn statements(role: &str) -> Vec<Value> {
    let lists = policies(role).map(|(_, policy)| &policy["Properties"]["PolicyDocument"]);
    lists
        .flat_map(|document| document["Statement"].as_array().unwrap())
        .map(|statement| match statement.get("Fn::If") {
            Some(choice) => choice[1].clone(),
            None => statement.clone(),
        })
        .collect()
}

/// The parameter or resource that a statement refers to.
fn subject(resource: &Value) -> &str {
    match resource {
        // An ARN without and with the suffix that Secrets Manager appends.
        Value::Array(forms) => {
            let name = forms[0]["Ref"].as_str().unwrap();
            let with_suffix = json!({"Fn::Sub": format!("${{{name}}}-??????")});
            assert_eq!(forms[1], with_suffix);
            name
        }
        one => one["Ref"].as_str().unwrap(),
    }
}

/// The Secrets Manager permissions that the binary needs: action and secret.
fn rights_on_secrets(binary: &str) -> BTreeSet<(String, String)> {
    let right =
        |action: &str, secret: &str| (format!("secretsmanager:{action}"), secret.to_owned());
    if binary == "rotate-jwt-secret" {
        let actions = [
            "DescribeSecret",
            "GetSecretValue",
            "PutSecretValue",
            "UpdateSecretVersionStage",
        ];
        return actions
            .iter()
            .map(|action| right(action, "JwtSecret"))
            .collect();
    }
    let main = root().join("functions").join(binary).join("src/main.rs");
    let main = fs::read_to_string(main).unwrap();
    let needs_tokens = main.contains("Secret::Signing");
    let needs_pepper = main.contains("Secret::Pepper");
    let needs_mongodb = main.contains("lambda::start(") || main.contains("lambda::start_with(");
    let sends_mail = binary == "relay";
    let needed = [
        sends_mail.then(|| right("GetSecretValue", "SmtpUrlSecretArn")),
        needs_mongodb.then(|| right("GetSecretValue", "MongodbUriSecretArn")),
        needs_tokens.then(|| right("GetSecretValue", "JwtSecret")),
        needs_pepper.then(|| right("GetSecretValue", "PepperSecret")),
    ];
    needed.into_iter().flatten().collect()
}

#[test]
fn s1_each_function_has_only_the_rights_that_it_needs() {
    for (binary, name) in deployed() {
        let role = properties(name)["Role"]["Fn::GetAtt"][0].as_str().unwrap();
        for elsewhere in ["ManagedPolicyArns", "Policies"] {
            assert!(properties(role).get(elsewhere).is_none(), "{binary}");
        }
        let sharing = deployed().into_values();
        let sharing = sharing.filter(|other| properties(other)["Role"]["Fn::GetAtt"][0] == role);
        assert_eq!(
            sharing.count(),
            1,
            "{binary} shares its role with another function"
        );
        let log_group = properties(name)["LoggingConfig"]["LogGroup"]["Ref"]
            .as_str()
            .unwrap();
        let mut rights = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for statement in statements(role) {
            assert_eq!(statement["Effect"], "Allow");
            let actions = match &statement["Action"] {
                Value::String(one) => vec![one.clone()],
                several => serde_json::from_value(several.clone()).unwrap(),
            };
            for action in actions {
                assert!(!action.contains('*'), "{binary} has the wildcard {action}");
                let (service, _) = action.split_once(':').unwrap();
                match (service, &statement["Resource"]) {
                    ("secretsmanager", secret) => {
                        rights.insert((action, subject(secret).to_owned()));
                    }
                    ("kms", key) => {
                        assert_eq!(subject(key), "KmsKeyArn");
                        let through = &statement["Condition"]["StringEquals"]["kms:ViaService"];
                        assert!(through.to_string().contains("secretsmanager"), "{through}");
                        keys.insert(action);
                    }
                    ("sqs", queue) => {
                        assert_eq!(queue["Fn::GetAtt"], json!(["DeadLetterQueue", "Arn"]));
                        assert!(
                            ["purge-organizations", "relay"].contains(&binary.as_str()),
                            "{binary}"
                        );
                    }
                    ("ses", identity_and_set) => {
                        assert_eq!(binary, "relay");
                        assert_eq!(identity_and_set[0]["Ref"], "SesIdentityArn");
                        let set = identity_and_set[1]["Fn::If"][1].to_string();
                        assert!(set.contains("configuration-set/${SesConfigurationSet}"));
                    }
                    ("logs", group) => {
                        assert_eq!(group["Fn::GetAtt"], json!([log_group, "Arn"]), "{binary}")
                    }
                    // The functions' X-Ray and EC2 actions do not support resource-level permissions.
                    ("xray" | "ec2", Value::String(all)) => assert_eq!(all, "*"),
                    (_, other) => {
                        panic!("{binary} has an unexpected permission: {action} on {other}")
                    }
                }
            }
        }
        assert_eq!(rights, rights_on_secrets(&binary), "{binary}");
        let expected = match (rights.is_empty(), binary.as_str()) {
            (true, _) => vec![],
            (false, "rotate-jwt-secret") => vec!["kms:Decrypt", "kms:GenerateDataKey"],
            (false, _) => vec!["kms:Decrypt"],
        };
        assert!(keys.iter().eq(&expected), "{binary}: {keys:?}");
    }
}

/// Otherwise a deployment that adds a secret could start the new version before it has permission to read it.
#[test]
fn versions_are_created_after_their_permissions() {
    for (binary, name) in deployed() {
        let role = properties(name)["Role"]["Fn::GetAtt"][0].as_str().unwrap();
        let needed: BTreeSet<&str> = policies(role).map(|(policy, _)| policy.as_str()).collect();
        let made_before = resources()[name]["DependsOn"].as_array().unwrap();
        let made_before = made_before.iter().map(|one| one.as_str().unwrap());
        assert_eq!(needed, made_before.collect(), "{binary}");
    }
}
