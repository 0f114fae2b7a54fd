//! What stands beside the code and must agree with it: the OpenAPI document, the template's routes, the events.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use lambda_http::request::LambdaRequest;
use lambda_http::{Context, LambdaEvent, Service};
use mongodb::bson::doc;
use serde_json::Value;
use serde_norway::Value as Yaml;

use shared::tokens::{RotationEvent, Secured, rotate};

use crate::harness::{SIGNING_SECRET, TestService, start_mongod};
use crate::secrets::SecretsManager;

/// Method and path, such as `POST /org/create`.
type Routes = BTreeSet<String>;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn openapi_routes(document: &Value) -> Routes {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods: Vec<String> = methods.as_object().unwrap().keys().cloned().collect();
        methods
            .into_iter()
            .map(|method| format!("{} {path}", method.to_uppercase()))
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

fn template() -> Yaml {
    serde_norway::from_str(&fs::read_to_string(root().join("template.yaml")).unwrap()).unwrap()
}

/// The routes of the template's functions, without `$default` and schedules.
fn template_routes() -> Routes {
    let template = template();
    let resources = template["Resources"].as_mapping().unwrap().values();
    let events = resources.filter_map(|resource| resource["Properties"]["Events"].as_mapping());
    let route = |event: &Yaml| {
        let text = |key: &str| event["Properties"][key].as_str().map(str::to_owned);
        Some(format!("{} {}", text("Method")?, text("Path")?))
    };
    events
        .flat_map(|events| events.values().filter_map(route).collect::<Vec<_>>())
        .collect()
}

#[tokio::test]
async fn the_openapi_document_is_made_from_the_code() {
    let service = TestService::start().await;
    let made = server::openapi_document(&service.app, &service.tokens)
        .to_pretty_json()
        .unwrap()
        + "\n";
    let file = root().join("functions/api-docs/openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(&file, &made).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(
        kept == made,
        "run UPDATE_OPENAPI=1 cargo test -p server openapi, and build again"
    );
}

#[tokio::test]
async fn every_answer_is_documented_with_an_example() {
    let service = TestService::start().await;
    let document = service.get("/openapi.json").await.body;
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["components"]["schemas"]["Problem"]["properties"]["request_id"].is_object());
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                operation["summary"].is_string() && responses.contains_key("500"),
                "{method} {path}"
            );
            for (status, response) in responses
                .iter()
                .filter(|(status, _)| status.as_str() >= "400")
            {
                let content = &response["content"]["application/problem+json"];
                assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem");
                let examples = content["examples"].as_object().unwrap();
                for (code, example) in examples {
                    assert_eq!(example["value"]["code"], **code, "{method} {path}");
                    assert_eq!(example["value"]["status"].to_string(), *status);
                }
                assert!(!examples.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn template_document_and_server_have_the_same_routes() {
    let service = TestService::start().await;
    let documented = openapi_routes(&service.get("/openapi.json").await.body);
    assert_eq!(template_routes(), documented);
    assert!(documented.contains("POST /org/create") && documented.contains("POST /admin/login"));
    for route in &documented {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.replace("{file}", "index.css");
        let answer = service.send(service.request(method, &path)).await;
        assert!(
            ![404, 405].contains(&answer.status.as_u16()),
            "{route}: {answer:?}"
        );
        let other = if method == "POST" { "PUT" } else { "POST" };
        service
            .send(service.request(other, &path))
            .await
            .problem(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn every_function_is_a_folder_and_has_a_resource() {
    let template = template();
    let resources = template["Resources"].as_mapping().unwrap().values();
    let binary = |resource: &Yaml| {
        let name = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        name.map(str::to_owned)
    };
    let binaries: BTreeSet<String> = resources.filter_map(binary).collect();
    let folders = fs::read_dir(root().join("functions")).unwrap();
    let folders: BTreeSet<_> = folders
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(binaries, folders);
}

/// What a `!Ref` refers to.
fn referenced(value: &Yaml) -> String {
    match value {
        Yaml::Tagged(tagged) if tagged.tag == "Ref" => tagged.value.as_str().unwrap().to_owned(),
        other => panic!("{other:?} is no !Ref"),
    }
}

#[tokio::test]
async fn s1_each_function_may_read_its_own_secrets_and_nothing_else() {
    let template = template();
    let resources = template["Resources"].as_mapping().unwrap().values();
    let functions = resources.filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    let mut count = 0;
    for function in functions {
        let binary = function["Metadata"]["BuildProperties"]["Binary"]
            .as_str()
            .unwrap();
        let [policy] = &function["Properties"]["Policies"].as_sequence().unwrap()[..] else {
            panic!("{binary} has more than one policy")
        };
        let [statement] = &policy["Statement"].as_sequence().unwrap()[..] else {
            panic!("{binary} has more than one statement")
        };
        assert_eq!(statement["Effect"], "Allow");
        if binary != "rotate-jwt-secret" {
            let read = "secretsmanager:GetSecretValue";
            assert_eq!(statement["Action"], read, "{binary}");
        }
        let resources = match &statement["Resource"] {
            Yaml::Sequence(several) => several.iter().map(referenced).collect(),
            one => vec![referenced(one)],
        };
        let main = root().join("functions").join(binary).join("src/main.rs");
        let needs_tokens = fs::read_to_string(main)
            .unwrap()
            .contains("start_with_tokens");
        let expected = match (binary, needs_tokens) {
            ("rotate-jwt-secret", _) => vec!["JwtSecret"],
            (_, true) => vec!["MongodbUriSecretArn", "JwtSecret"],
            (_, false) => vec!["MongodbUriSecretArn"],
        };
        assert_eq!(resources, expected, "{binary}");
        count += 1;
    }
    assert_eq!(
        count,
        fs::read_dir(root().join("functions")).unwrap().count()
    );
}

/// Names of the tests in all sources.
fn tests() -> BTreeSet<String> {
    let mut folders = vec![
        root().join("shared/src"),
        root().join("functions"),
        root().join("local"),
    ];
    let mut tests = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(path).unwrap();
                let names = source.split("fn ").skip(1);
                tests.extend(names.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
            }
        }
    }
    tests
}

#[test]
fn each_row_of_the_security_table_names_tests_that_there_are() {
    let document = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let (tests, mut named) = (tests(), BTreeSet::new());
    let (promises, _) = document.split_once("## Measured").unwrap();
    let rows = promises
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| row "));
    for row in rows {
        let code = row.split('`').skip(1).step_by(2);
        let deciding: Vec<_> = code
            .filter_map(|name| Some(name.split_once("::")?.1))
            .collect();
        assert!(!deciding.is_empty(), "no test decides {row}");
        for name in deciding {
            assert!(tests.contains(name), "{name} is no test");
            named.insert(name.to_owned());
        }
    }
    assert!(named.len() > 60, "only {} tests are named", named.len());
    // A test that is named after a row stands in the table.
    let is_row = |name: &String| {
        let row = name.split('_').next().unwrap();
        let (letter, number) = row.split_at(1);
        "patzbelsnf".contains(letter)
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    };
    let missing: Vec<_> = tests
        .iter()
        .filter(|name| is_row(name) && !named.contains(*name))
        .collect();
    assert!(missing.is_empty(), "not in SECURITY.md: {missing:?}");
}

/// Gives the event to the function, as the Lambda runtime does, and the answer as its invoker gets it.
pub async fn invoke(service: &TestService, function: &str, event: &str) -> Value {
    let (app, tokens) = (service.app.clone(), service.tokens.clone());
    let mut context = Context::default();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    context.deadline = u64::try_from(now.as_millis()).unwrap() + 20_000;
    let router = match function {
        "authorizer" => {
            let (event, secured) = (
                serde_json::from_str(event).unwrap(),
                Secured { app, tokens },
            );
            let answer = authorizer::authorize(&secured, event).await.unwrap();
            return serde_json::to_value(answer).unwrap();
        }
        "rotate-jwt-secret" => {
            let event: RotationEvent = serde_json::from_str(event).unwrap();
            let manager = SecretsManager::start(&[(&event.secret_id, SIGNING_SECRET)]).await;
            rotate(&manager.client().await, &event).await.unwrap();
            return Value::Null;
        }
        "purge-organizations" => {
            let answer = purge_organizations::purge(&app, &context).await.unwrap();
            return serde_json::to_value(answer).unwrap();
        }
        "create-org" => create_org::router(app),
        "admin-login" => admin_login::router(app, tokens),
        "admin-password" => admin_password::router(app, tokens),
        "organization" => organization::router(app, tokens),
        "organization-deletion" => organization_deletion::router(app, tokens),
        "session" => session::router(app, tokens),
        "api-docs" => api_docs::router(app),
        other => panic!("no function {other}"),
    };
    let payload: LambdaRequest = serde_json::from_str(event).unwrap();
    let mut handler = shared::lambda::handler(router.into());
    let response = handler
        .call(LambdaEvent { payload, context })
        .await
        .unwrap();
    serde_json::to_value(response).unwrap()
}

fn with_tokens(event: String, login: &Value) -> String {
    ["access_token", "refresh_token"]
        .iter()
        .fold(event, |event, name| {
            let place = format!("<{name} of POST /admin/login>");
            event.replace(&place, login[*name].as_str().unwrap_or(&place))
        })
}

#[tokio::test]
async fn every_event_gets_the_status_that_is_documented_for_it() {
    let service = TestService::start().await;
    let folder = root().join("events");
    let table = fs::read_to_string(folder.join("README.md")).unwrap();
    let (mut documented, mut login) = (BTreeSet::new(), Value::Null);
    for row in table.lines().filter(|line| line.contains(".json |")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, file, function, status, code, _] = cells[..] else {
            panic!("{row}")
        };
        let event = fs::read_to_string(folder.join(file)).unwrap();
        let event = with_tokens(event, &login);
        let answer = invoke(&service, function, &event).await;
        documented.insert(file.to_owned());
        if let Some(expected) = status.strip_prefix('`') {
            let expected: Value = serde_json::from_str(expected.trim_end_matches('`')).unwrap();
            for (key, value) in expected.as_object().into_iter().flatten() {
                assert_eq!(&answer[key], value, "{file}: {answer}");
            }
            continue;
        }
        assert_eq!(answer["statusCode"].to_string(), status, "{file}: {answer}");
        if !code.is_empty() {
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert_eq!(
                (&body["code"], &body["request_id"]),
                (&code.into(), &"JKJaXmPLvHcESHA=".into())
            );
        }
        if file == "admin-login.json" {
            login = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        }
    }
    let files = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<_> = files.filter(|file| file.ends_with(".json")).collect();
    assert_eq!(files, documented);
    assert_eq!(service.whole().await, 2);
}

#[tokio::test]
async fn f22_an_event_that_is_delivered_twice_makes_one_organization() {
    let service = TestService::start().await;
    let event = fs::read_to_string(root().join("events/create-org.json")).unwrap();
    let mut repeatable: Value = serde_json::from_str(&event).unwrap();
    repeatable["headers"]["idempotency-key"] = "one".into();
    let other =
        r#"{"organization_name":"Other","email":"other@example.com","password":"Admin@123"}"#;
    repeatable["body"] = other.into();
    for (event, second) in [(event, 409), (repeatable.to_string(), 201)] {
        let twice = || invoke(&service, "create-org", &event);
        let (one, two) = tokio::join!(twice(), twice());
        let mut statuses = [&one, &two].map(|answer| answer["statusCode"].as_u64().unwrap());
        statuses.sort_unstable();
        assert_eq!(
            statuses,
            if second == 201 {
                [201, 201]
            } else {
                [201, 409]
            }
        );
        if second == 201 {
            assert_eq!(one["body"], two["body"]);
        }
        assert_eq!(twice().await["statusCode"], second);
    }
    assert_eq!(service.whole().await, 2);
}

/// Asks `/health` with so much time left until the function's deadline.
async fn health_with(service: &TestService, left: Duration) -> Value {
    let event = fs::read_to_string(root().join("events/health.json")).unwrap();
    let payload: LambdaRequest = serde_json::from_str(&event).unwrap();
    let mut handler = shared::lambda::handler(api_docs::router(service.app.clone()).into());
    let mut context = Context::default();
    let deadline = UNIX_EPOCH.elapsed().unwrap() + left;
    context.deadline = u64::try_from(deadline.as_millis()).unwrap();
    let event = LambdaEvent { payload, context };
    serde_json::to_value(handler.call(event).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_function_answers_before_its_own_deadline() {
    let mongod = start_mongod().await;
    let service = TestService::start_on(&mongod.uri(), &[]).await;
    let left = Duration::from_secs(4);
    assert_eq!(health_with(&service, left).await["statusCode"], 200);
    let hangs = doc! { "failCommands": ["ping"], "blockConnection": true, "blockTimeMS": 12_000 };
    service.failpoint(doc! { "times": 1 }, hangs).await;
    let started = Instant::now();
    let answer = health_with(&service, left).await;
    let took = started.elapsed();
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert!(
        (Duration::from_millis(2500)..Duration::from_millis(3500)).contains(&took),
        "after {took:?}"
    );
    assert_eq!(service.failpoint_off().await, 1);
    // Whose deadline has passed already is told so at once.
    let answer = health_with(&service, Duration::ZERO).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
}
