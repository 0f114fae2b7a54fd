//! Property tests: any input gets a documented response without the password.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use testkit::{Response, TestService};

/// Default number of cases, which `PROPTEST_CASES` overrides. Each successful creation computes a hash.
const CASES: u32 = 96;

fn config() -> Config {
    let config = Config::default();
    let told = std::env::var_os("PROPTEST_CASES").is_some();
    Config {
        cases: if told { config.cases } else { CASES },
        failure_persistence: None,
        ..config
    }
}

static SERVICE: LazyLock<(Runtime, TestService)> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let service = runtime.block_on(TestService::start_with(&[(
        "LOGIN_ATTEMPTS_PER_ACCOUNT",
        "0",
    )]));
    (runtime, service)
});

fn send(method: &str, path: &str, headers: &[(&str, &[u8])], body: Vec<u8>) -> Response {
    let (runtime, service) = &*SERVICE;
    let mut request = service.request(method, path).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    runtime.block_on(service.send(request))
}

/// A value for a body field. Expected types are more frequent.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => "\\PC{0,120}".prop_map(Value::from),
        2 => "[a-z]{1,9}@[a-z]{1,9}\\.example".prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!({"$gt": ""})),
        1 => Just(json!([["nested"], {"deeply": [true]}])),
    ]
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec![
            "organization_name", "email", "password", "refresh_token", "current_password", "new_password",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ]
}

fn route() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "/org/create",
        "/admin/login",
        "/admin/refresh",
        "/org/restore",
    ])
}

fn check_documented_form(response: &Response) -> Result<(), TestCaseError> {
    let status = response.status.as_u16();
    prop_assert!(
        [200, 201, 400, 401, 409, 413, 415, 422].contains(&status),
        "{response:?}"
    );
    if status >= 400 {
        prop_assert_eq!(
            &response.headers["content-type"],
            "application/problem+json"
        );
        prop_assert!(response.body["code"].is_string() && response.body["request_id"].is_string());
    }
    Ok(())
}

/// A valid access token.
static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let (runtime, service) = &*SERVICE;
    runtime.block_on(async {
        let created = service.create("Acme", "acme@token.example").await;
        assert_eq!(created.status, 201);
        let token = service.token_of("acme@token.example").await;
        assert_eq!(service.show(&token).await.status, 200);
        token
    })
});

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_fields_get_a_documented_response(
        path in route(),
        fields in prop::collection::vec((field(), value()), 0..5),
        password in "secret-\\PC{8,70}",
    ) {
        let mut body: Map<_, _> = fields.into_iter().collect();
        body.insert("password".to_owned(), json!(password));
        let json = [("content-type", &b"application/json"[..])];
        let response = send("POST", path, &json, Value::Object(body).to_string().into());
        check_documented_form(&response)?;
        let text = response.body.to_string();
        let quoted = json!(password).to_string();
        prop_assert!(!text.contains(quoted.trim_matches('"')), "{}", text);
    }

    #[test]
    fn any_bytes_get_a_documented_response(
        path in route(),
        media_type in prop_oneof!["application/json", "[ -~]{0,30}"],
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let response = send("POST", path, &[("content-type", media_type.as_bytes())], body);
        check_documented_form(&response)?;
        prop_assert!(response.status.as_u16() >= 400);
    }

    #[test]
    fn any_invented_token_is_refused(token in "[!-~]{0,300}") {
        let bearer = format!("Bearer {token}");
        let response = send("GET", "/org", &[("authorization", bearer.as_bytes())], Vec::new());
        response.problem(401, "invalid_token");
    }

    #[test]
    fn any_changed_token_is_refused(
        place in any::<prop::sample::Index>(),
        change in "[A-Za-z0-9_.=-]{0,3}",
        length in 0_usize..4,
    ) {
        let token = TOKEN.as_str();
        let start = place.index(token.len() + 1);
        let end = (start + length).min(token.len());
        let changed = format!("{}{change}{}", &token[..start], &token[end..]);
        prop_assume!(changed != token);
        let bearer = format!("Bearer {changed}");
        let response = send("GET", "/org", &[("authorization", bearer.as_bytes())], Vec::new());
        response.problem(401, "invalid_token");
    }

    #[test]
    fn any_header_and_query_get_a_documented_response(
        header in prop::collection::vec(prop_oneof![0x20..=0x7e_u8, 0x80..=0xff_u8], 0..80),
        query in "[!-\"$-~]{0,80}",
    ) {
        for name in ["authorization", "idempotency-key", "content-type", "x-forwarded-for"] {
            let path = format!("/org/audit?{query}");
            check_documented_form(&send("GET", &path, &[(name, &header)], Vec::new()))?;
            check_documented_form(&send("POST", "/org/create", &[(name, &header)], b"{}".to_vec()))?;
        }
    }
}
