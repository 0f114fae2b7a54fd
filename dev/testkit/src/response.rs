//! Responses of the service and their common assertions.

use reqwest::StatusCode;
use serde_json::{Value, json};

/// The tokens from a login or refresh response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl Tokens {
    #[track_caller]
    pub fn of(response: &Response) -> Self {
        assert_eq!(response.status, 200, "{response:?}");
        let text = |name: &str| response.body[name].as_str().unwrap().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }
}

/// A response with its body read and parsed.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Response {
    /// Returns status and body for a snapshot, with placeholders for ids, timestamps, tokens, cursors and the version.
    pub fn snapshot(&self) -> String {
        let body = match &self.body {
            Value::Null => String::new(),
            body => serde_json::to_string_pretty(&normalized(body)).unwrap(),
        };
        format!("{}\n{body}", self.status.as_u16())
            .trim()
            .to_owned()
    }

    /// Asserts that the response is the RFC 9457 problem `code`. Returns the field and code of each of its `errors`.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Vec<(String, String)> {
        assert_eq!(
            (self.status.as_u16(), &self.body["code"]),
            (status, &json!(code)),
            "{self:?}"
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(
            self.body["type"],
            format!("urn:problem-type:org-management:{code}")
        );
        assert_eq!(
            self.body["request_id"],
            self.headers["x-request-id"].to_str().unwrap()
        );
        assert!(self.body["title"].is_string() && self.body["detail"].is_string());
        assert_eq!(self.headers.contains_key("www-authenticate"), status == 401);
        assert_eq!(
            self.headers.contains_key("retry-after"),
            [429, 503].contains(&status)
        );
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        let text = |error: &Value, key: &str| error[key].as_str().unwrap().to_owned();
        errors
            .iter()
            .map(|error| (text(error, "field"), text(error, "code")))
            .collect()
    }
}

/// E1: checked for every error response in every test.
pub fn assert_no_internals(body: &str) {
    for internal in [
        "E11000",
        "dup key",
        "mongodb",
        "127.0.0.1",
        "localhost",
        "src/",
        ".rs",
        "panicked",
        "bcrypt",
        "org_",
        "$set",
        "WriteConflict",
    ] {
        assert!(
            !body.contains(internal),
            "the error response reveals {internal:?}: {body}"
        );
    }
}

fn normalized(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(normalized).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match name.as_str() {
                // It depends on the time between two requests.
                "refresh_expires_in" => (name.clone(), "<seconds>".into()),
                "version" => (name.clone(), "<version>".into()),
                _ => (name.clone(), normalized(value)),
            })
            .collect(),
        Value::String(text) => kind_of(text).map_or_else(|| value.clone(), Into::into),
        other => other.clone(),
    }
}

fn kind_of(text: &str) -> Option<&'static str> {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_base64url = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match text.len() {
        24 if is_hex(text) => Some("<id>"),
        32 if is_hex(text) => Some("<request id>"),
        24 if text.starts_with("20") && text.ends_with('Z') => Some("<time>"),
        48.. if text.chars().all(is_base64url) => Some("<token>"),
        _ => None,
    }
}
