//! Documents that must match the code: the OpenAPI document and the table of guarantees.

use std::collections::BTreeSet;
use std::fs;
use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use lambda_http::request::LambdaRequest;
use lambda_http::{Context, LambdaEvent, Service};
use mongodb::bson::doc;
use serde_json::{Value, json};
use shared::http::REQUEST_TIMEOUT;
use utoipa_axum::router::OpenApiRouter;

use crate::access_tokens::{claims_of, expired};
use testkit::{PASSWORD, PEPPER, Response, TestService};

/// Method and path, such as `POST /org/create`.
pub type Routes = BTreeSet<String>;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn openapi_routes(document: &Value) -> Routes {
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

/// The routes of the document, and those of the pages, which it does not have.
pub fn all_routes(document: &Value) -> Routes {
    let pages = api_docs::PAGES.map(|page| format!("GET {page}"));
    openapi_routes(document).into_iter().chain(pages).collect()
}

#[tokio::test]
async fn the_openapi_document_is_made_from_the_code() {
    let service = TestService::start().await;
    let made = server::openapi_document(&service.state)
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
async fn every_response_is_documented_with_an_example() {
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
                // The 429 of /health comes from API Gateway, without a problem body. It is documented because linters require a 4xx.
                .filter(|(status, _)| status.as_str() >= "400")
                .filter(|(status, _)| (path.as_str(), status.as_str()) != ("/health", "429"))
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
async fn responses_match_the_documented_examples() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", "admin@example.com").await;
    let token = service.token_of("admin@example.com").await;
    let expired = expired(&claims_of(&token));
    let document = service.get("/openapi.json").await.body;
    let without_id = |body: &Value| {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove("request_id").unwrap();
        body
    };
    let as_documented = |route: &str, response: &Response| {
        let (method, path) = route.split_once(' ').unwrap();
        let operation = &document["paths"][path][method.to_lowercase()];
        let documented_response = &operation["responses"][response.status.as_str()];
        let examples = &documented_response["content"]["application/problem+json"]["examples"];
        let example = &examples[response.body["code"].as_str().unwrap()]["value"];
        assert_eq!(without_id(&response.body), without_id(example), "{route}");
        for header in ["www-authenticate", "retry-after"] {
            let documented = documented_response["headers"].as_object();
            let documented = documented.is_some_and(|headers| {
                headers.keys().any(|name| name.eq_ignore_ascii_case(header))
            });
            assert_eq!(documented, response.headers.contains_key(header), "{route}");
        }
    };
    for route in openapi_routes(&document) {
        let (method, path) = route.split_once(' ').unwrap();
        let operation = &document["paths"][path][method.to_lowercase()];
        if operation["requestBody"].is_object() {
            let cut_off = service.request(method, path);
            let cut_off = cut_off.header("content-type", "application/json").body("{");
            let cut_off = cut_off.header("authorization", format!("Bearer {token}"));
            as_documented(&route, &service.send(cut_off).await);
        }
        let is_secured = operation["security"] != json!([]);
        if is_secured {
            let refused = service.call(method, path, &expired, &Value::Null).await;
            as_documented(&route, &refused);
        }
        if operation["parameters"].is_array() && is_secured {
            let path = format!("{path}?unknown=1");
            as_documented(
                &route,
                &service.call(method, &path, &token, &Value::Null).await,
            );
        }
    }
    let wrong = json!({"email": "admin@example.com", "password": "wrong password"});
    let short =
        json!({"organization_name": "Other", "email": "other@example.com", "password": "short"});
    for (route, body) in [
        ("POST /admin/login", &wrong),
        ("POST /org/restore", &wrong),
        ("POST /org/create", &short),
        ("POST /admin/refresh", &json!({"refresh_token": "made up"})),
        ("DELETE /org", &json!({"password": "wrong password"})),
        (
            "POST /admin/password",
            &json!({"current_password": "wrong password", "new_password": "correct horse"}),
        ),
        (
            "POST /admin/password",
            &json!({"current_password": PASSWORD, "new_password": "short"}),
        ),
        ("PATCH /org", &json!({"organization_name": "x"})),
    ] {
        let (method, path) = route.split_once(' ').unwrap();
        as_documented(route, &service.call(method, path, &token, body).await);
    }
    let page = service
        .call("GET", "/org/audit?limit=0", &token, &Value::Null)
        .await;
    as_documented("GET /org/audit", &page);
}

#[tokio::test]
async fn cors_exposes_every_header_of_the_api() {
    let service = TestService::start().await;
    let origin = "https://app.example";
    let router = shared::http::service(server::routes(&service.state), REQUEST_TIMEOUT)
        .layer(server::cors(vec![origin.parse().unwrap()]));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, server::connected(router)).into_future());
    let request = reqwest::Client::new().get(format!("{base}/org"));
    let response = request.header("origin", origin).send().await.unwrap();
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], origin);
    let exposed = headers["access-control-expose-headers"].to_str().unwrap();
    for name in ["retry-after", "www-authenticate", "x-request-id"] {
        assert!(
            exposed.split(',').any(|exposed| exposed.trim() == name),
            "{name}: {exposed}"
        );
    }
}

#[tokio::test]
async fn document_and_server_have_the_same_routes() {
    let service = TestService::start().await;
    let documented = all_routes(&service.get("/openapi.json").await.body);
    assert!(documented.contains("POST /org/create") && documented.contains("POST /admin/login"));
    for route in &documented {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.replace("{file}", "index.css");
        let response = service.send(service.request(method, &path)).await;
        assert!(
            ![404, 405].contains(&response.status.as_u16()),
            "{route}: {response:?}"
        );
        if method == "GET" {
            let get = service.send(service.request("GET", &path)).await;
            let head = service.request("HEAD", &path).send().await.unwrap();
            assert_eq!(head.status(), get.status, "{path}");
            for name in [
                "content-type",
                "content-length",
                "cache-control",
                "www-authenticate",
            ] {
                assert_eq!(
                    head.headers().get(name),
                    get.headers.get(name),
                    "{name} of {path}"
                );
            }
            assert_eq!(head.bytes().await.unwrap().len(), 0);
        }
        let other = if method == "POST" { "PUT" } else { "POST" };
        service
            .send(service.request(other, &path))
            .await
            .problem(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn pages_have_a_content_security_policy_and_unknown_files_are_404() {
    let service = TestService::start().await;
    for (page, sources) in [
        ("/", "'none'"),
        ("/docs", "'self'"),
        ("/docs/", "'self'"),
        ("/docs/index.html", "'self'"),
    ] {
        let response = service.get(page).await;
        let policy = &response.headers["content-security-policy"];
        assert!(
            policy
                .to_str()
                .unwrap()
                .starts_with(&format!("default-src {sources};")),
            "{page}"
        );
    }
    for path in [
        "/docs/%FF",
        "/docs/nothing",
        "/docs/..%2f..%2fetc%2fpasswd",
        "/docs/%00",
    ] {
        service.get(path).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn with_api_docs_disabled_the_documentation_is_404() {
    let service = TestService::start_with(&[("API_DOCS", "Disabled")]).await;
    for path in [
        "/",
        "/docs",
        "/docs/",
        "/docs/index.html",
        "/docs/swagger-ui.css",
        "/openapi.json",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let response = service.send(service.request(method, path)).await;
            assert_eq!(response.status, 404, "{method} {path}");
        }
    }
    service.get("/openapi.json").await.problem(404, "not_found");
    assert_eq!(service.get("/health").await.status, 200);
}

/// The snake_case words in quotes that follow `begin` in these files. White space does not count.
fn quoted(files: &[PathBuf], begin: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let code: String = code.split_whitespace().collect();
        for after in code.split(begin).skip(1) {
            let word = after.split('"').next().unwrap();
            if word.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                words.insert(word.to_owned());
            }
        }
    }
    words
}

#[tokio::test]
async fn open_strings_list_their_known_values() {
    let service = TestService::start().await;
    let document = service.get("/openapi.json").await.body;
    // Those of products have a dot.
    let is_of_service = |name: &str| !name.contains('.');
    let listed = |schema: &str, property: &str| -> BTreeSet<String> {
        let property = &document["components"]["schemas"][schema]["properties"][property];
        assert!(property["enum"].is_null(), "{property}");
        let description = property["description"].as_str().unwrap();
        let words = description.split('`').skip(1).step_by(2);
        let words = words.filter(|word| is_of_service(word));
        words.map(str::to_owned).collect()
    };
    let problem = root().join("shared/src/problem/code.rs");
    let mut codes = quoted(&[problem], ",\"");
    codes.retain(|code| is_of_service(code));
    assert_eq!(listed("Problem", "code"), codes);
    let event = [root().join("shared/src/model/event.rs")];
    let mut names = listed("AuditEvent", "action");
    names.extend(listed("AuditDetails", "reason"));
    assert_eq!(names, quoted(&event, "=>\""));
    let mut sources = sources();
    sources.retain(|path| !path.starts_with(root().join("dev")));
    let mut codes = quoted(&sources, "code:\"");
    codes.extend(quoted(&sources, "invalid(\""));
    assert_eq!(listed("FieldError", "code"), codes);
}

/// All tests in the sources that are not ignored, as `module::name`.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for path in sources() {
        let module = module_of(&path);
        let source = fs::read_to_string(&path).unwrap();
        tests.extend(tests_of(&source).map(|name| format!("{module}::{name}")));
    }
    tests
}

/// All source files.
fn sources() -> Vec<PathBuf> {
    let mut folders = ["shared/src", "functions", "dev"]
        .map(|folder| root().join(folder))
        .to_vec();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(path);
            }
        }
    }
    sources
}

/// The module name of a file, which is the folder name for `mod.rs`.
fn module_of(path: &Path) -> String {
    let named_after = match path.file_name().unwrap().to_str().unwrap() {
        "mod.rs" => path.parent().unwrap(),
        _ => path,
    };
    named_after
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// The functions with a test attribute and without `ignore`.
fn tests_of(source: &str) -> impl Iterator<Item = &str> {
    let mut attributes = Vec::new();
    source.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with("#[") {
            attributes.push(line);
            return None;
        }
        let declared = line
            .strip_prefix("async ")
            .unwrap_or(line)
            .strip_prefix("fn ");
        let name = declared.and_then(|rest| Some(rest.split_once('(')?.0));
        let is_test = |of: &&&str| of.starts_with("#[test]") || of.starts_with("#[tokio::test");
        let is_ignored = |of: &&&str| of.starts_with("#[ignore") || of.starts_with("#[cfg");
        let runs = attributes.iter().any(|of| is_test(&of))
            && !attributes.iter().any(|of| is_ignored(&of));
        attributes.clear();
        name.filter(|_| runs)
    })
}

#[test]
fn only_functions_that_are_run_as_tests_are_tests() {
    let source = "
        #[test]
        fn plain() {}
        #[tokio::test(flavor = \"multi_thread\")]
        async fn of_tokio() {}
        #[test]
        #[ignore = \"slow\"]
        fn ignored() {}
        fn no_test() {}
        proptest! {
            #[test]
            fn with_inputs(text in \".*\") {}
        }
    ";
    let found: Vec<_> = tests_of(source).collect();
    assert_eq!(found, ["plain", "of_tokio", "with_inputs"]);
    assert!(tests().contains("documents::only_functions_that_are_run_as_tests_are_tests"));
    assert!(!tests().contains("attempts::only_functions_that_are_run_as_tests_are_tests"));
}

#[test]
fn each_row_of_the_table_of_guarantees_names_existing_tests() {
    let document = fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let (tests, mut named) = (tests(), BTreeSet::new());
    let (promises, _) = document.split_once("## Measured").unwrap();
    let (_, promises) = promises.split_once("## Guarantees").unwrap();
    let rows = promises
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| row "));
    for row in rows {
        let code = row.split('`').skip(1).step_by(2);
        let deciding: Vec<_> = code.filter(|name| name.contains("::")).collect();
        assert!(
            !deciding.is_empty(),
            "docs/testing.md lists no test for {row}"
        );
        for name in deciding {
            assert!(
                tests.contains(name),
                "docs/testing.md lists {name}, which is not a test"
            );
            named.insert(name.to_owned());
        }
    }
    assert!(
        named.len() > 60,
        "docs/testing.md lists only {} tests",
        named.len()
    );
    // Every test named after a row is listed in the table.
    let is_row = |name: &String| {
        let row = name.split("::").nth(1).unwrap().split('_').next().unwrap();
        let (letter, number) = row.split_at(1);
        "patzbelsnfkqw".contains(letter)
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    };
    let missing: Vec<_> = tests
        .iter()
        .filter(|name| is_row(name) && !named.contains(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "tests missing in docs/testing.md: {missing:?}"
    );
}

/// Invokes a function as the Lambda runtime does, with the remaining time `left`.
pub async fn invoke(function: OpenApiRouter, event: &str, left: Duration) -> Value {
    let payload: LambdaRequest = serde_json::from_str(event).unwrap();
    let mut context = Context::default();
    let deadline = UNIX_EPOCH.elapsed().unwrap() + left;
    context.deadline = u64::try_from(deadline.as_millis()).unwrap();
    let event = LambdaEvent { payload, context };
    let mut handler = shared::lambda::handler(function.into());
    serde_json::to_value(handler.call(event).await.unwrap()).unwrap()
}

async fn health_with(service: &TestService, left: Duration) -> Value {
    let event = fs::read_to_string(root().join("events/health.json")).unwrap();
    invoke(health::router(service.state.clone()), &event, left).await
}

#[tokio::test]
async fn a_function_responds_before_its_own_deadline() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    let left = Duration::from_secs(4);
    assert_eq!(health_with(&service, left).await["statusCode"], 200);
    let hangs = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": 5_000 };
    service.failpoint(doc! { "times": 1 }, hangs).await;
    let response = tokio::time::timeout(left, health_with(&service, left)).await;
    let response = response.expect("no response before the function's deadline");
    assert_eq!(response["statusCode"], 503, "{response}");
    assert_eq!(service.failpoint_off().await, 1);
    // After the deadline, the response is immediate.
    let response = health_with(&service, Duration::ZERO).await;
    assert_eq!(response["statusCode"], 503, "{response}");
}

#[tokio::test]
async fn k1_the_database_does_not_hold_the_pepper() {
    let service = TestService::start().await;
    service.create("Acme", "a@example.com").await;
    service.log_in("a@example.com", "wrong password").await;
    service.session_of("a@example.com").await;
    let mut searched = 0;
    for name in service.master().list_collection_names().await.unwrap() {
        for document in testkit::all(service.master().collection(&name)).await {
            assert!(!document.to_string().contains(PEPPER), "{name}");
            searched += 1;
        }
        assert_ne!(name, "keys");
    }
    assert!(searched > 5, "only {searched} documents were searched");
}
