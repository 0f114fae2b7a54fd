//! Unreadable request bodies, unknown routes and the documentation page.

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::isolation::example_body;
use testkit::TestService;

const CREATE: &str =
    r#"{"organization_name":"Acme","email":"a@example.com","password":"Admin@123"}"#;
const LOGIN: &str = r#"{"email":"a@example.com","password":"Admin@123"}"#;
const ROUTES: [(&str, &str); 3] = [
    ("/org/create", CREATE),
    ("/admin/login", LOGIN),
    ("/org/restore", LOGIN),
];

/// Sends `body` as `content_type`. Asserts the problem and that nothing was written.
async fn refused(
    service: &TestService,
    path: &str,
    content_type: &str,
    body: Vec<u8>,
    expected: (u16, &str),
) {
    let request = service
        .request("POST", path)
        .header("content-type", content_type)
        .body(body);
    let response = service.send(request).await;
    response.problem(expected.0, expected.1);
    let detail = response.body["detail"].as_str().unwrap();
    assert!(
        !detail.contains("Admin@123") && !detail.contains("canary"),
        "{detail}"
    );
}

#[tokio::test]
async fn z2_f21_a_malformed_body_is_a_malformed_request() {
    let service = TestService::start().await;
    for (path, valid) in ROUTES {
        let bodies: Vec<Vec<u8>> = vec![
            b"".to_vec(),
            b"   ".to_vec(),
            b"nothing".to_vec(),
            b"null".to_vec(),
            b"true".to_vec(),
            b"17".to_vec(),
            b"[]".to_vec(),
            b"{}".to_vec(),
            br#""canary""#.to_vec(),
            format!("[{valid}]").into(),
            r#"["Acme","a@example.com","Admin@123"]"#.into(),
            r#"["a@example.com","Admin@123"]"#.into(),
            valid.trim_end_matches('}').into(),
            format!("{valid}{valid}").into(),
            format!("\u{feff}{valid}").into(),
            valid.replace('"', "'").into(),
            valid.replacen('{', r#"{"canary":"canary","#, 1).into(),
            valid
                .replacen('{', r#"{"email":"b@example.com","#, 1)
                .into(),
            valid.replace(r#""Admin@123""#, "null").into(),
            valid.replace(r#""Admin@123""#, "12345678").into(),
            valid.replace(r#""Admin@123""#, r#"["Admin@123"]"#).into(),
            valid.replace(r#""Admin@123""#, r#"{"$gt":""}"#).into(),
            valid
                .replace(r#""a@example.com""#, r#"{"$ne":"canary"}"#)
                .into(),
            valid.replace("email", "Email").into(),
            valid.replace("a@example.com", "\\ud800").into(),
            valid.replace("a@example.com", "\u{1}").into(),
            valid
                .replacen('{', &format!(r#"{{"x":{}"#, "[".repeat(10_000)), 1)
                .into(),
            [&b"{\"email\":\"\xff\xfe\","[..], &valid.as_bytes()[1..]].concat(),
        ];
        for body in bodies {
            refused(
                &service,
                path,
                "application/json",
                body,
                (400, "malformed_request"),
            )
            .await;
        }
    }
    assert_eq!(service.assert_consistent().await, 0);
}

/// A route that reads a body, with a valid body.
struct Route {
    method: String,
    path: String,
    valid: Map<String, Value>,
    /// Fields that may be absent or null.
    optional: Vec<String>,
}

/// The routes with a body in the OpenAPI document.
async fn body_routes(service: &TestService) -> Vec<Route> {
    let document = service.get("/openapi.json").await.body;
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if let Value::Object(valid) = example_body(&document, operation) {
                let (method, path) = (method.to_uppercase(), path.clone());
                routes.push(Route {
                    optional: optional_fields(&document, operation),
                    method,
                    path,
                    valid,
                });
            }
        }
    }
    assert!(
        routes.len() >= 7,
        "only {} routes read a body",
        routes.len()
    );
    routes
}

/// The fields of an operation's body that are not required, all of which may be null.
fn optional_fields(document: &Value, operation: &Value) -> Vec<String> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let reference = schema["$ref"].as_str().unwrap();
    let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.contains(&name.into()));
    let fields = schema["properties"].as_object().unwrap().iter();
    let optional = fields.filter(|(name, _)| !is_required(name));
    let nullable = |(name, property): (&String, &Value)| {
        let types = property["type"].as_array().unwrap();
        assert!(types.contains(&"null".into()), "{reference}: {name}");
        name.clone()
    };
    optional.map(nullable).collect()
}

/// Invalid variants of a valid body.
fn invalid_bodies(valid: &Map<String, Value>, optional: &[String]) -> Vec<String> {
    let text = Value::from(valid.clone()).to_string();
    let mut bodies = vec![
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        format!("[{text}]"),
        format!("{text}{text}"),
        text.replacen('{', r#"{"canary":"canary","#, 1),
        text.replacen('{', r#"{"__proto__":{},"#, 1),
        Value::from(valid.values().cloned().collect::<Vec<_>>()).to_string(),
    ];
    for (name, value) in valid {
        let (field, deep) = (json!(name), "[".repeat(10_000));
        bodies.push(text.replacen('{', &format!("{{{field}:{value},"), 1));
        let others = valid.iter().filter(|(other, _)| *other != name);
        let others: Map<_, _> = others
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let is_required = !optional.contains(name);
        if is_required {
            bodies.push(Value::from(others).to_string());
        }
        for wrong in [
            r#"{"$gt":""}"#,
            r#"{"$ne":null}"#,
            "null",
            "17",
            "true",
            r#"["Admin@123"]"#,
            &deep,
        ]
        .into_iter()
        .filter(|wrong| is_required || *wrong != "null")
        {
            bodies.push(text.replacen(&format!("{field}:{value}"), &format!("{field}:{wrong}"), 1));
        }
    }
    bodies
}

#[tokio::test]
async fn z2_f21_every_route_that_reads_a_body_is_strict() {
    let service = TestService::start().await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    let token = service.token_of("a@example.com").await;
    for Route {
        method,
        path,
        valid,
        optional,
    } in body_routes(&service).await
    {
        for body in invalid_bodies(&valid, &optional) {
            let request = service.request(&method, &path).body(body.clone());
            let request = request
                .header("content-type", "application/json")
                .header("authorization", format!("Bearer {token}"));
            let response = service.send(request).await;
            let shown = &body[..body.len().min(120)];
            assert_eq!(
                response.status, 400,
                "{method} {path}: {shown}: {response:?}"
            );
            response.problem(400, "malformed_request");
        }
    }
    assert_eq!(service.show(&token).await.body["organization_name"], "Acme");
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn only_json_is_a_supported_media_type() {
    let service = TestService::start().await;
    for (path, valid) in ROUTES {
        for media_type in ["text/plain", "application/x-www-form-urlencoded", "json"] {
            refused(
                &service,
                path,
                media_type,
                valid.into(),
                (415, "unsupported_media_type"),
            )
            .await;
        }
        let without = service.request("POST", path).body(valid);
        service
            .send(without)
            .await
            .problem(415, "unsupported_media_type");
        let compressed = service
            .request("POST", path)
            .header("content-type", "application/json")
            .header("content-encoding", "gzip")
            .body(vec![0x1f, 0x8b, 8, 0]);
        service
            .send(compressed)
            .await
            .problem(415, "unsupported_media_type");
    }
    assert_eq!(service.assert_consistent().await, 0);
}

#[tokio::test]
async fn f21_a_body_of_16_kib_is_read_and_one_byte_more_is_too_large() {
    let service = TestService::start().await;
    for (path, valid) in ROUTES {
        let padded = |length: usize| {
            let mut body = valid.as_bytes().to_vec();
            body.resize(length, b' ');
            body
        };
        let json = "application/json";
        refused(
            &service,
            path,
            json,
            padded(16 * 1024 + 1),
            (413, "payload_too_large"),
        )
        .await;
        refused(
            &service,
            path,
            json,
            padded(6 * 1024 * 1024),
            (413, "payload_too_large"),
        )
        .await;
        let fits = service
            .request("POST", path)
            .header("content-type", json)
            .body(padded(16 * 1024));
        assert!(service.send(fits).await.status.is_success());
    }
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let service = TestService::start().await;
    service.get("/nothing").await.problem(404, "not_found");
    service
        .get("/org/../admins")
        .await
        .problem(404, "not_found");
    service
        .get("/docs/nothing.js")
        .await
        .problem(404, "not_found");
    for path in ["/org/create", "/admin/login"] {
        let response = service.get(path).await;
        response.problem(405, "method_not_allowed");
        assert_eq!(response.headers["allow"], "POST");
    }
    service
        .post("/health", &json!({}))
        .await
        .problem(405, "method_not_allowed");
}

#[tokio::test]
async fn health_and_documentation_are_served() {
    let service = TestService::start().await;
    let health = service.get("/health").await;
    assert_eq!(
        (health.status.as_u16(), &health.body["status"]),
        (200, &json!("ok"))
    );
    let document = service.get("/openapi.json").await;
    assert_eq!(
        (document.status.as_u16(), &document.body["openapi"]),
        (200, &json!("3.1.0"))
    );
    let page = service.request("GET", "/docs").send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html");
    let page = page.text().await.unwrap();
    // The service serves every file that the page references.
    let files = page.split('"').filter(|text| {
        [".js", ".css", ".png"]
            .iter()
            .any(|end| text.ends_with(end))
    });
    for file in files {
        let path = format!("/docs/{}", file.trim_start_matches("./"));
        assert_eq!(service.get(&path).await.status, 200, "{path}");
    }
    assert!(!page.contains("://"), "the page names another host: {page}");
}

#[tokio::test]
async fn f21_a_body_with_too_large_a_content_length_is_refused_unread() {
    let service = TestService::start().await;
    let address = service.address();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /admin/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: 1000000000\r\n\r\n{{"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut response = [0; 12];
    connection.read_exact(&mut response).await.unwrap();
    assert_eq!(&response, b"HTTP/1.1 413");
}
