//! The sample events and the responses of the functions' executables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::harness::{Stack, functions, root};

/// Replaces the placeholders with the login's tokens.
fn filled(event: &str, login: &Value) -> Value {
    let event = ["access_token", "refresh_token"]
        .iter()
        .fold(event.to_owned(), |event, name| {
            let place = format!("<{name} of POST /admin/login>");
            event.replace(&place, login[*name].as_str().unwrap_or(&place))
        });
    serde_json::from_str(&event).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_gets_its_documented_response() {
    let stack = Stack::start().await;
    let rotation = fs::read_to_string(root().join("events/rotate-jwt-secret.json")).unwrap();
    let rotation: Value = serde_json::from_str(&rotation).unwrap();
    let version = rotation["ClientRequestToken"].as_str().unwrap();
    stack.stage_pending(version).await;
    let mut running = BTreeMap::new();
    for name in functions() {
        let function = stack.function(&name).await;
        running.insert(name, function);
    }
    let folder = root().join("events");
    let table = fs::read_to_string(folder.join("README.md")).unwrap();
    let (mut documented, mut login) = (BTreeSet::new(), Value::Null);
    for row in table
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains(".json |"))
    {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, file, function, status, code, _] = cells[..] else {
            panic!("{row}")
        };
        let event = fs::read_to_string(folder.join(file)).unwrap();
        let event = filled(&event, &login);
        let response = running[function].invoke(&event).await;
        let response = response.unwrap_or_else(|error| panic!("{file}: {error}"));
        documented.insert(file.to_owned());
        if let Some(expected) = status.strip_prefix('`') {
            let expected: Value = serde_json::from_str(expected.trim_end_matches('`')).unwrap();
            for (key, value) in expected.as_object().into_iter().flatten() {
                assert_eq!(&response[key], value, "{file}: {response}");
            }
            continue;
        }
        assert_eq!(
            response["statusCode"].to_string(),
            status,
            "{file}: {response}"
        );
        let body = || serde_json::from_str::<Value>(response["body"].as_str().unwrap()).unwrap();
        if !code.is_empty() {
            assert_eq!(
                (&body()["code"], &body()["request_id"]),
                (&code.into(), &event["requestContext"]["requestId"])
            );
        }
        if file == "admin-login.json" {
            login = body();
        }
    }
    let files = fs::read_dir(&folder).unwrap();
    let files: BTreeSet<_> = files
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file.ends_with(".json"))
        .collect();
    assert_eq!(files, documented);
}
