//! The templates in `examples/`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::harness::root;
use crate::rights::statements;
use crate::template::{deployed_with, of_type, resources, template};

const ROLE: &str = "github-role.yaml";
const CLOUDFRONT: &str = "cloudfront.yaml";
const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:invoices-AbCdEf";
const PRODUCT: &str = "invoices/template.yaml";
const PRODUCT_IN_RUST: &str = "invoices/rust/template.yaml";

/// The resources of an example, transformed with these parameters.
fn example(name: &str, parameters: Value) -> Value {
    let file = root().join("examples").join(name);
    let mut deployed = aws_emulator::transformed(&file, &[parameters])
        .unwrap()
        .remove(0);
    assert!(deployed.get("Refused").is_none(), "{deployed}");
    deployed["Resources"].take()
}

fn role() -> Value {
    let zone = "Z0123456789ABCDEFGHIJ";
    let key = "arn:aws:kms:eu-central-1:123456789012:key/12345678-1234-1234-1234-123456789012";
    example(
        ROLE,
        json!({"Repository": "owner/name", "HostedZoneId": zone, "KmsKeyArn": key}),
    )
}

/// Returns a string or a list of strings as a list.
fn list(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap()).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// The policy statements of the deployment role.
fn rights(role: &Value) -> Vec<Value> {
    let policies = role["DeploymentRole"]["Properties"]["ManagedPolicyArns"].as_array();
    policies
        .unwrap()
        .iter()
        .flat_map(|policy| {
            let policy = &role[policy["Ref"].as_str().unwrap()]["Properties"]["PolicyDocument"];
            policy["Statement"].as_array().unwrap().clone()
        })
        .collect()
}

#[test]
fn the_linter_finds_nothing_in_the_examples() {
    let templates =
        [ROLE, CLOUDFRONT, PRODUCT, PRODUCT_IN_RUST].map(|name| root().join("examples").join(name));
    let found = aws_emulator::lint(&templates, &[]).unwrap();
    assert!(found.trim().is_empty(), "{found}");
}

#[test]
fn s1_only_one_branch_of_one_environment_gets_the_role() {
    let role = role();
    let trust = &role["DeploymentRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"];
    assert_eq!(trust.as_array().unwrap().len(), 1);
    let expected = json!({
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": "repo:owner/name:environment:prod",
        "token.actions.githubusercontent.com:ref": "refs/heads/main",
    });
    assert_eq!(trust[0]["Condition"], json!({ "StringEquals": expected }));
}

/// The actions required to deploy a resource of this type.
fn needed(kind: &str) -> &'static [&'static str] {
    match kind {
        "AWS::ApiGatewayV2::Api"
        | "AWS::ApiGatewayV2::ApiMapping"
        | "AWS::ApiGatewayV2::DomainName" => &["apigateway:POST", "apigateway:DELETE"],
        // Includes the actions for its access log.
        "AWS::ApiGatewayV2::Stage" => &[
            "apigateway:POST",
            "logs:CreateLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:PutResourcePolicy",
        ],
        "AWS::CloudWatch::Alarm" => &["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"],
        "AWS::CloudWatch::Dashboard" => &["cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"],
        "AWS::CodeDeploy::Application" => &["codedeploy:CreateApplication"],
        "AWS::CodeDeploy::DeploymentGroup" => &[
            "codedeploy:CreateDeploymentGroup",
            "codedeploy:CreateDeployment",
            "codedeploy:GetDeployment",
            "iam:PassRole",
        ],
        "AWS::IAM::Role" => &["iam:CreateRole", "iam:DeleteRole", "iam:AttachRolePolicy"],
        "AWS::IAM::RolePolicy" => &["iam:PutRolePolicy", "iam:DeleteRolePolicy"],
        "AWS::Lambda::Alias" => &["lambda:CreateAlias", "lambda:UpdateAlias"],
        "AWS::Lambda::EventInvokeConfig" => &["lambda:PutFunctionEventInvokeConfig"],
        "AWS::Lambda::Function" => &[
            "lambda:CreateFunction",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "lambda:PutFunctionConcurrency",
            "lambda:DeleteFunctionConcurrency",
            "iam:PassRole",
            "s3:GetObject",
            "ec2:DescribeSubnets",
        ],
        "AWS::Lambda::Permission" => &["lambda:AddPermission", "lambda:RemovePermission"],
        "AWS::Lambda::Version" => &["lambda:PublishVersion"],
        "AWS::Logs::LogGroup" => &["logs:CreateLogGroup", "logs:PutRetentionPolicy"],
        "AWS::Route53::RecordSet" => &["route53:ChangeResourceRecordSets", "route53:GetChange"],
        "AWS::SNS::Topic" => &["sns:CreateTopic", "sns:Subscribe"],
        "AWS::SSM::Parameter" => &["ssm:PutParameter", "ssm:DeleteParameter"],
        "AWS::SQS::Queue" => &["sqs:CreateQueue", "sqs:DeleteQueue"],
        "AWS::Scheduler::Schedule" => &["scheduler:CreateSchedule", "iam:PassRole"],
        "AWS::SecretsManager::RotationSchedule" => &["secretsmanager:RotateSecret"],
        "AWS::SecretsManager::Secret" => &[
            "secretsmanager:CreateSecret",
            "secretsmanager:DeleteSecret",
            "secretsmanager:GetRandomPassword",
        ],
        other => panic!("add the actions required to deploy {other} to this list"),
    }
}

#[test]
fn the_role_can_deploy_every_resource_of_the_stack() {
    let production = deployed_with(&[json!({"Profile": "production"})]).remove(0);
    let gradual = production["Resources"].as_object().unwrap();
    let kinds = resources().values().chain(gradual.values());
    let kinds: BTreeSet<&str> = kinds.map(|one| one["Type"].as_str().unwrap()).collect();
    assert!(kinds.contains("AWS::CodeDeploy::DeploymentGroup"));
    let role = role();
    let rights = rights(&role);
    let granted: BTreeSet<&str> = rights.iter().flat_map(|one| list(&one["Action"])).collect();
    for kind in kinds {
        for action in needed(kind) {
            assert!(
                granted.contains(action),
                "the deployment role lacks {action}, which {kind} needs"
            );
        }
    }
}

/// Otherwise a deployed template could create a role with unlimited permissions.
#[test]
fn s1_the_role_gives_no_rights_beyond_the_boundary() {
    let role = role();
    let within = json!({"StringEquals": {"iam:PermissionsBoundary": {"Ref": "Boundary"}}});
    for statement in rights(&role) {
        for action in list(&statement["Action"]) {
            assert!(action != "*" && !action.starts_with("iam:*"), "{action}");
            match action {
                "iam:CreateRole"
                | "iam:PutRolePolicy"
                | "iam:AttachRolePolicy"
                | "iam:PutRolePermissionsBoundary" => {
                    assert_eq!(statement["Condition"], within, "{action}");
                }
                "iam:PassRole" => {
                    let to = &statement["Condition"]["StringEquals"]["iam:PassedToService"];
                    let expected = BTreeSet::from([
                        "codedeploy.amazonaws.com",
                        "lambda.amazonaws.com",
                        "scheduler.amazonaws.com",
                    ]);
                    assert_eq!(list(to).into_iter().collect::<BTreeSet<_>>(), expected);
                }
                "iam:DeleteRolePermissionsBoundary" | "iam:CreatePolicyVersion" => {
                    panic!("{action} would bypass the permissions boundary")
                }
                _ => {}
            }
        }
    }
}

#[test]
fn the_boundary_lets_the_stacks_roles_do_what_they_need() {
    let role = role();
    let boundary = &role["Boundary"]["Properties"]["PolicyDocument"]["Statement"];
    let boundary = boundary.as_array().unwrap().iter();
    let allowed: BTreeSet<&str> = boundary.flat_map(|one| list(&one["Action"])).collect();
    for (name, of_stack) in of_type("AWS::IAM::Role") {
        let inline = of_stack["Properties"]["Policies"].as_array();
        let inline = inline.into_iter().flatten();
        let inline = inline.map(|policy| policy["PolicyDocument"]["Statement"].clone());
        let inline = inline.flat_map(|statements| match statements {
            Value::Array(several) => several,
            one => vec![one],
        });
        for statement in inline.chain(statements(name)) {
            for action in list(&statement["Action"]) {
                assert!(
                    allowed.contains(action),
                    "the boundary denies {action} to {name}"
                );
            }
        }
        // Every role accepts a permissions boundary.
        assert!(
            of_stack["Properties"]["PermissionsBoundary"]["Fn::If"].is_array(),
            "{name}"
        );
    }
}

/// IAM rejects larger managed policies.
#[test]
fn the_roles_policies_have_a_size_that_aws_takes() {
    let role = role();
    let policies = role.as_object().unwrap().iter();
    let policies = policies.filter(|(_, one)| one["Type"] == "AWS::IAM::ManagedPolicy");
    for (name, policy) in policies {
        let size = policy["Properties"]["PolicyDocument"].to_string().len();
        // Below IAM's limit, because unresolved references are shorter than a long stack name.
        assert!(size < 5_500, "{name}: {size}");
    }
}

#[test]
fn cloudfront_proves_to_the_service_that_it_is_the_trusted_proxy() {
    let secret = "a-secret-of-the-proxy";
    let given = json!({
        "DomainName": "api.example.com",
        "ApiDomainName": "api-origin.example.com",
        "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1234",
        "OriginSecret": secret,
    });
    let resources = example(CLOUDFRONT, given);
    let distribution = &resources["Distribution"]["Properties"]["DistributionConfig"];
    let header = json!([{"HeaderName": "x-origin-verify", "HeaderValue": secret}]);
    assert_eq!(distribution["Origins"][0]["OriginCustomHeaders"], header);
    assert_eq!(
        distribution["Origins"][0]["DomainName"],
        "api-origin.example.com"
    );
    let acl = &resources["WebAcl"]["Properties"];
    assert_eq!(acl["Scope"], "CLOUDFRONT");
    let rule = &acl["Rules"][0]["Statement"]["RateBasedStatement"];
    assert_eq!(rule["AggregateKeyType"], "IP");
    assert_eq!(
        distribution["WebACLId"],
        json!({"Fn::GetAtt": ["WebAcl", "Arn"]})
    );
}

/// The service's authorizer decides about every route of the product, and no header is required before it is asked.
#[test]
fn the_products_api_asks_the_services_authorizer() {
    let product = example(
        PRODUCT,
        json!({"ServiceStack": "organization-service", "MongodbUriSecretArn": SECRET}),
    );
    let body = &product["Api"]["Properties"]["Body"];
    let scheme = &body["components"]["securitySchemes"]["Organizations"];
    let authorizer = &scheme["x-amazon-apigateway-authorizer"];
    let export = "organization-service-AuthorizerFunctionArn";
    assert!(
        authorizer["authorizerUri"].to_string().contains(export),
        "{authorizer}"
    );
    assert_eq!(authorizer["authorizerResultTtlInSeconds"], 0);
    assert_eq!(authorizer["enableSimpleResponses"], true);
    assert_eq!(authorizer["authorizerPayloadFormatVersion"], "2.0");
    assert_eq!(authorizer["identitySource"], json!([]));
    for methods in body["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            assert_eq!(operation["security"], json!([{"Organizations": []}]));
        }
    }
    let stage = product.as_object().unwrap().values();
    let mut stages = stage.filter(|one| one["Type"] == "AWS::ApiGatewayV2::Stage");
    let variables = &stages.next().unwrap()["Properties"]["StageVariables"];
    assert_eq!(*variables, json!({"authorizer_mode": "pass"}));
}

/// What an example imports is exported by the stack.
#[test]
fn the_stack_exports_what_the_products_import() {
    let outputs = template()["Outputs"].as_object().unwrap().values();
    let exported = outputs.filter_map(|output| output["Export"]["Name"]["Fn::Sub"].as_str());
    let exported: Vec<String> = exported
        .map(|name| name.replace("AWS::StackName", "ServiceStack"))
        .collect();
    for (product, count) in [(PRODUCT, 4), (PRODUCT_IN_RUST, 7)] {
        let text = fs::read_to_string(root().join("examples").join(product)).unwrap();
        let lines = text.lines();
        let imports = lines.filter_map(|line| line.split_once("Fn::ImportValue: !Sub "));
        let imports: Vec<&str> = imports.map(|(_, name)| name).collect();
        assert_eq!(imports.len(), count, "{product}");
        for import in imports {
            assert!(
                exported.iter().any(|name| name == import),
                "{import}: {exported:?}"
            );
        }
    }
}

#[test]
fn the_documentation_shows_the_examples_product_file() {
    let file = fs::read_to_string(root().join("examples/invoices/product.json")).unwrap();
    let page = fs::read_to_string(root().join("docs/extending.md")).unwrap();
    assert!(page.contains(&format!("```json\n{file}```")));
}

/// Each function of a product reads the secrets that it needs, and no others.
#[test]
fn s1_the_products_read_their_secrets_alone() {
    let signing = json!({ "Fn::ImportValue": "organization-service-JwtSecretArn" });
    for (product, function, secrets) in [
        (PRODUCT, "InvoicesFunction", json!(SECRET)),
        (PRODUCT, "RemindersFunction", json!(SECRET)),
        (
            PRODUCT_IN_RUST,
            "InvoicesFunction",
            json!([SECRET, signing]),
        ),
        (PRODUCT_IN_RUST, "RemindersFunction", json!(SECRET)),
    ] {
        let given = json!({"ServiceStack": "organization-service", "MongodbUriSecretArn": SECRET});
        let role = &example(product, given)[format!("{function}Role")]["Properties"];
        let statements: Vec<_> = role["Policies"].as_array().unwrap().iter().collect();
        let [policy] = &statements[..] else {
            panic!("{statements:?}")
        };
        let expected = json!([{ "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secrets }]);
        assert_eq!(
            policy["PolicyDocument"]["Statement"], expected,
            "{product}: {function}"
        );
    }
}

/// A product's own API has another id, so the permission names all APIs of the account and region.
#[test]
fn other_stacks_apis_may_call_the_authorizer_and_no_other_function() {
    let permissions = of_type("AWS::Lambda::Permission").filter(|(_, permission)| {
        let source = permission["Properties"]["SourceArn"].to_string();
        source.contains(":*/authorizers/*")
    });
    let permissions: Vec<_> = permissions.map(|(_, one)| &one["Properties"]).collect();
    let [permission] = permissions[..] else {
        panic!("{permissions:?}")
    };
    assert_eq!(
        permission["FunctionName"],
        json!({"Ref": "AuthorizerFunctionAliaslive"})
    );
    assert_eq!(permission["Principal"], "apigateway.amazonaws.com");
    let source =
        "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:*/authorizers/*";
    assert_eq!(permission["SourceArn"], json!({ "Fn::Sub": source }));
}

/// Each output that is exported is a parameter of Systems Manager as well, with the same value.
#[test]
fn exports_are_parameters_of_systems_manager() {
    let outputs = template()["Outputs"].as_object().unwrap();
    let exported = outputs
        .iter()
        .filter(|(_, output)| output.get("Export").is_some());
    let mut count = 0;
    for (name, output) in exported {
        let parameter = &resources()[&format!("{name}Parameter")];
        assert_eq!(parameter["Type"], "AWS::SSM::Parameter", "{name}");
        assert_eq!(parameter["Properties"]["Value"], output["Value"], "{name}");
        assert_eq!(
            parameter.get("Condition"),
            output.get("Condition"),
            "{name}"
        );
        count += 1;
    }
    assert_eq!(of_type("AWS::SSM::Parameter").count(), count);
}
