//! Properties of `template.yaml` that a linter does not check, on the transformed template.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use api_docs::PAGES;
use serde_json::{Map, Value, json};

use crate::harness::{functions, root};
use crate::product::remove_products_resources;
use crate::rights::statements;

/// The transformed template, cached.
pub fn template() -> &'static Value {
    static TEMPLATE: OnceLock<Value> = OnceLock::new();
    TEMPLATE.get_or_init(|| deployed_with(&[Value::Null]).remove(0))
}

/// The template with the additions of `docs/extending.md` for another service behind the same API.
fn with_a_service_behind_the_authorizer() -> Value {
    let document = fs::read_to_string(root().join("docs/extending.md")).unwrap();
    let own = fs::read_to_string(source()).unwrap();
    let head = "  Api:\n    Properties:\n";
    let (_, added) = document.split_once(&format!("```yaml\n{head}")).unwrap();
    let (added, _) = added.split_once("```").unwrap();
    let (authorizers, service) = added.split_once("\n\n").unwrap();
    let (before, after) = own.split_once("Type: AWS::Serverless::HttpApi\n").unwrap();
    let (after, outputs) = after.split_once("\nOutputs:\n").unwrap();
    let properties = after.strip_prefix("    Properties:\n").unwrap();
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let text = format!(
        "{before}Type: AWS::Serverless::HttpApi\n    Properties:\n{authorizers}\n{properties}\n\
         {service}\nOutputs:\n{outputs}"
    );
    fs::write(file.path(), text).unwrap();
    let mut deployed = aws_emulator::transformed(file.path(), &[Value::Null]).unwrap();
    deployed.remove(0)
}

#[test]
fn other_services_routes_call_the_authorizers_alias() {
    let template = with_a_service_behind_the_authorizer();
    let resources = template["Resources"].as_object().unwrap();
    let body = &resources["Api"]["Properties"]["Body"];
    let route = &body["paths"]["/invoices"]["post"];
    assert_eq!(route["security"], json!([{"Admins": []}]));
    let authorizer = &body["components"]["securitySchemes"]["Admins"];
    let authorizer = &authorizer["x-amazon-apigateway-authorizer"];
    assert_eq!(authorizer["authorizerResultTtlInSeconds"], 0);
    assert!(
        refers_to(&authorizer["authorizerUri"], "AuthorizerFunctionAliaslive"),
        "{authorizer}"
    );
    let permissions = resources.values().filter(|resource| {
        let function = &resource["Properties"]["FunctionName"];
        resource["Type"] == "AWS::Lambda::Permission"
            && *function == json!({"Ref": "AuthorizerFunctionAliaslive"})
    });
    let principals: Vec<_> = permissions
        .map(|permission| &permission["Properties"]["Principal"])
        .collect();
    // This API's, and that for the APIs of other stacks.
    assert_eq!(principals, ["apigateway.amazonaws.com"; 2]);
    assert_no_circles(resources);
}

/// Names another template to test than `template.yaml`.
pub const OTHER_TEMPLATE: &str = "TEMPLATE_UNDER_TEST";

/// The template that is tested.
pub fn source() -> PathBuf {
    std::env::var_os(OTHER_TEMPLATE).map_or_else(|| root().join("template.yaml"), PathBuf::from)
}

/// Returns the transformed template for each set of parameters, without what a product has added.
pub fn deployed_with(parameters: &[Value]) -> Vec<Value> {
    let mut deployed = aws_emulator::transformed(&source(), parameters).unwrap();
    deployed.iter_mut().for_each(remove_products_resources);
    deployed
}

pub fn resources() -> &'static Map<String, Value> {
    template()["Resources"].as_object().unwrap()
}

pub fn of_type(kind: &str) -> impl Iterator<Item = (&'static String, &'static Value)> {
    resources()
        .iter()
        .filter(move |(_, resource)| resource["Type"] == kind)
}

/// Maps each function's binary name to its logical id.
pub fn deployed() -> BTreeMap<String, &'static String> {
    of_type("AWS::Lambda::Function")
        .map(|(name, function)| {
            let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str();
            (binary.unwrap().to_owned(), name)
        })
        .collect()
}

pub fn properties(name: &str) -> &'static Value {
    &resources()[name]["Properties"]
}

/// Whether `value` refers to the resource or parameter `name`.
pub fn refers_to(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(object) => object.iter().any(|(key, inner)| match key.as_str() {
            "Ref" => inner == name,
            "Fn::GetAtt" => inner[0] == name,
            _ => refers_to(inner, name),
        }),
        Value::Array(list) => list.iter().any(|inner| refers_to(inner, name)),
        Value::String(text) => text.contains(&format!("${{{name}}}")),
        _ => false,
    }
}

/// Whether the function serves API Gateway requests, as a route or as the authorizer.
pub fn serves_requests(binary: &str) -> bool {
    !["purge-organizations", "relay", "rotate-jwt-secret"].contains(&binary)
}

#[test]
fn the_linter_reports_nothing() {
    let found = aws_emulator::lint(&[source()], &[]).unwrap();
    assert!(found.trim().is_empty(), "{found}");
}

#[test]
fn the_template_deploys_exactly_the_folders_of_functions() {
    let binaries: BTreeSet<String> = deployed().into_keys().collect();
    assert_eq!(binaries, functions());
    let cargo_lambda = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for binary in &binaries {
        let routed = cargo_lambda.contains(&format!("\"{binary}\""));
        assert_eq!(
            routed,
            has_route(binary),
            "{binary} in cargo-lambda's router"
        );
    }
}

pub fn has_route(binary: &str) -> bool {
    serves_requests(binary) && binary != "authorizer"
}

/// Maps each route, such as `POST /org/create`, to the logical id of its function.
fn routes() -> BTreeMap<String, String> {
    let mut routes = BTreeMap::new();
    for (_, api) in of_type("AWS::ApiGatewayV2::Api") {
        for (path, methods) in api["Properties"]["Body"]["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let uri = operation["x-amazon-apigateway-integration"]["uri"].to_string();
                let function = deployed()
                    .into_values()
                    .find(|name| uri.contains(&format!("${{{name}")));
                routes.insert(
                    format!("{} {path}", method.to_uppercase()),
                    function.unwrap().clone(),
                );
            }
        }
    }
    routes
}

#[test]
fn the_api_has_the_routes_of_the_openapi_document_and_the_pages() {
    let document = fs::read_to_string(root().join("functions/api-docs/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let mut documented = BTreeSet::from(["X-AMAZON-APIGATEWAY-ANY-METHOD $default".to_owned()]);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            documented.insert(format!("{} {path}", method.to_uppercase()));
        }
        // Every GET route supports HEAD.
        if methods.get("get").is_some() {
            documented.insert(format!("HEAD {path}"));
        }
    }
    for page in PAGES {
        documented.extend(["GET", "HEAD"].map(|method| format!("{method} {page}")));
    }
    let routes: BTreeSet<String> = routes().into_keys().collect();
    assert_eq!(routes, documented);
}

/// Conditions may be resolved before SAM reads the template, as `AWS::LanguageExtensions` does, or after.
#[test]
fn cors_is_configured_only_with_origins() {
    let origins = json!({"CorsAllowedOrigins": "https://a.example,https://b.example"});
    let deployed = deployed_with(&[Value::Null, json!({}), origins]);
    let cors = |template: &Value| {
        let body = &template["Resources"]["Api"]["Properties"]["Body"];
        body.get("x-amazon-apigateway-cors").cloned()
    };
    let configuration = |origins: Value| {
        json!({
            "allowOrigins": origins,
            "allowMethods": ["GET", "POST", "PATCH", "DELETE"],
            "allowHeaders": ["authorization", "content-type", "idempotency-key"],
            "exposeHeaders": ["retry-after", "www-authenticate", "x-request-id"],
            "maxAge": 3600,
        })
    };
    let undecided = cors(&deployed[0]).unwrap();
    // cfn-lint substitutes the parameter's default.
    let split = json!({"Fn::Split": [",", ""]});
    let choice = json!(["HasCors", configuration(split), {"Ref": "AWS::NoValue"}]);
    assert_eq!(undecided, json!({"Fn::If": choice}));
    assert_eq!(cors(&deployed[1]), None);
    let both = json!(["https://a.example", "https://b.example"]);
    assert_eq!(cors(&deployed[2]), Some(configuration(both)));
}

#[test]
fn every_function_has_a_trigger() {
    for (binary, name) in deployed() {
        let called = match binary.as_str() {
            // Routes of other services reference it by this output.
            "authorizer" => refers_to(
                &template()["Outputs"]["AuthorizerFunctionArn"],
                &format!("{name}Aliaslive"),
            ),
            "purge-organizations" | "relay" => {
                of_type("AWS::Scheduler::Schedule").any(|(_, schedule)| {
                    refers_to(
                        &schedule["Properties"]["Target"],
                        &format!("{name}Aliaslive"),
                    )
                })
            }
            "rotate-jwt-secret" => {
                of_type("AWS::SecretsManager::RotationSchedule").any(|(_, rotation)| {
                    refers_to(
                        &rotation["Properties"]["RotationLambdaARN"],
                        &format!("{name}Aliaslive"),
                    )
                })
            }
            _ => routes().values().any(|function| function == name),
        };
        assert!(called, "{binary} has no trigger");
    }
}

/// By default, Lambda would retry a failed run twice in addition to the schedule. A failed run raises an alarm.
#[test]
fn a_failed_scheduled_run_is_not_retried() {
    for (binary, role) in [
        ("purge-organizations", "PurgeOrganizationsRole"),
        ("relay", "RelayRole"),
    ] {
        let name = deployed()[binary];
        let of_function = |(_, lambda): &(_, &'static Value)| {
            lambda["Properties"]["FunctionName"] == json!({"Ref": name})
        };
        let (_, lambda) = of_type("AWS::Lambda::EventInvokeConfig")
            .find(of_function)
            .unwrap();
        let lambda = &lambda["Properties"];
        // The scheduler invokes the alias, which has its own invoke configuration.
        assert_eq!(lambda["Qualifier"], "live");
        assert_eq!(lambda["MaximumRetryAttempts"], 0);
        let alias = format!("{name}Aliaslive");
        let invokes = |(_, schedule): &(_, &'static Value)| {
            refers_to(&schedule["Properties"]["Target"]["Arn"], &alias)
        };
        let (_, schedule) = of_type("AWS::Scheduler::Schedule").find(invokes).unwrap();
        let target = &schedule["Properties"]["Target"];
        assert_eq!(target["RetryPolicy"]["MaximumRetryAttempts"], 0);
        // Undelivered events and failed runs go to the dead-letter queue.
        let queue = json!({"Fn::GetAtt": ["DeadLetterQueue", "Arn"]});
        assert_eq!(target["DeadLetterConfig"]["Arn"], queue);
        assert_eq!(
            lambda["DestinationConfig"]["OnFailure"]["Destination"],
            queue
        );
        let statements = statements(role).into_iter();
        let mut sending = statements.filter(|one| one["Action"] == "sqs:SendMessage");
        assert!(sending.any(|one| one["Resource"] == queue));
        let scheduler = target["RoleArn"]["Fn::GetAtt"][0].as_str();
        let policies = &properties(scheduler.unwrap())["Policies"];
        assert!(refers_to(policies, "DeadLetterQueue"), "{policies}");
    }
}

/// Names generated by CloudFormation are unique. An alias name is scoped to its function.
#[test]
fn names_do_not_collide_in_one_region() {
    const NAMES: [&str; 6] = [
        "Name",
        "FunctionName",
        "RoleName",
        "LogGroupName",
        "AlarmName",
        "DashboardName",
    ];
    for (name, resource) in resources() {
        if resource["Type"] == "AWS::Lambda::Alias" {
            continue;
        }
        for property in NAMES {
            let fixed = &resource["Properties"][property];
            assert!(!fixed.is_string(), "{name} has the fixed name {fixed}");
        }
    }
}

#[test]
fn functions_time_out_before_api_gateway() {
    for (binary, name) in deployed() {
        let timeout = properties(name)["Timeout"].as_u64().unwrap();
        match serves_requests(&binary) {
            // Request timeout of 10 seconds plus 1 second to respond. API Gateway times out after 30.
            true => assert!((11..30).contains(&timeout), "{binary}: {timeout}"),
            false => assert!(timeout <= 900, "{binary}: {timeout}"),
        }
    }
}

/// Settings of the local server only.
const LOCAL: [&str; 4] = ["CORS_ALLOWED_ORIGINS", "HOST", "PORT", "SMTP_URL"];
/// Settings of the function `relay` only. It has no others than these and those of [`SHARED_WITH_RELAY`].
const OF_RELAY: [&str; 6] = [
    "APP_URL",
    "MAIL_FROM",
    "MAIL_TEMPLATES",
    "SERVICE_NAME",
    "SES_CONFIGURATION_SET",
    "SMTP_URL_SECRET_ID",
];
const SHARED_WITH_RELAY: [&str; 9] = [
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "MAIL_TRANSPORT",
    "MASTER_DB",
    "METRICS_NAMESPACE",
    "MONGODB_URI",
    "MONGODB_URI_SECRET_ID",
    "PEPPER_SECRET_ID",
    "RUST_LOG",
    "TENANT_DB",
];

#[test]
fn every_documented_setting_is_set_by_the_stack() {
    let document = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let (_, table) = document
        .split_once("| variable | default | meaning |")
        .unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let names = table
        .lines()
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| {
            let names: Vec<_> = cell
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect();
            names
        });
    let documented: BTreeSet<String> = names
        .filter(|name| !LOCAL.contains(&name.as_str()))
        .collect();
    for (binary, name) in deployed() {
        let variables = properties(name)["Environment"]["Variables"]
            .as_object()
            .unwrap();
        let mut given: BTreeSet<String> = variables.keys().cloned().collect();
        // Path of Amazon Linux, not a documented setting.
        assert!(given.remove("SSL_CERT_FILE"), "{binary}");
        let expected: BTreeSet<String> = match binary.as_str() {
            "relay" => [OF_RELAY.as_slice(), &SHARED_WITH_RELAY]
                .concat()
                .iter()
                .map(ToString::to_string)
                .collect(),
            _ => documented
                .iter()
                .filter(|name| !OF_RELAY.contains(&name.as_str()))
                .cloned()
                .collect(),
        };
        assert!(expected.is_subset(&documented), "{binary}");
        assert_eq!(given, expected, "{binary}");
    }
}

/// Collects the resources that `value` refers to, `DependsOn` included.
fn references<'a>(
    value: &Value,
    resources: &'a Map<String, Value>,
    found: &mut BTreeSet<&'a String>,
) {
    match value {
        Value::String(text) => found.extend(
            resources
                .keys()
                .filter(|name| text == *name || text.contains(&format!("${{{name}"))),
        ),
        Value::Array(list) => list
            .iter()
            .for_each(|inner| references(inner, resources, found)),
        Value::Object(object) => object
            .values()
            .for_each(|inner| references(inner, resources, found)),
        _ => {}
    }
}

/// CloudFormation reports circular dependencies only at deployment.
fn assert_no_circles(resources: &Map<String, Value>) {
    let mut open: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (name, resource) in resources {
        let mut found = BTreeSet::new();
        references(resource, resources, &mut found);
        found.remove(name);
        open.insert(name, found);
    }
    while !open.is_empty() {
        let free = |needed: &BTreeSet<&String>| needed.iter().all(|name| !open.contains_key(name));
        let made: Vec<&String> = open
            .iter()
            .filter(|(_, needed)| free(needed))
            .map(|(name, _)| *name)
            .collect();
        assert!(
            !made.is_empty(),
            "circular dependency among {:?}",
            open.keys()
        );
        open.retain(|name, _| !made.contains(name));
    }
}

#[test]
fn no_resource_depends_on_itself() {
    assert_no_circles(resources());
}
