//! Invokes a product's function, and turns its result into a response as API Gateway does.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde_json::Value;
use shared::problem::{Code, Problem};

/// How long API Gateway waits for a function.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest result that Lambda takes.
const MAX_RESULT: usize = 6 * 1024 * 1024;
/// Lambda's sign that the function failed. The result then describes the error.
const FUNCTION_ERROR: &str = "x-amz-function-error";

/// A function that is reached by Lambda's `Invoke`
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>).
pub struct Function {
    url: Url,
    client: reqwest::Client,
}

/// A function's result, in payload format 2.0.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, HeaderText>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum HeaderText {
    Text(String),
    Number(serde_json::Number),
    Bool(bool),
}

impl Function {
    /// Its client ignores proxies, because events contain tokens.
    pub fn new(url: &Url) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder().no_proxy();
        let client = client.redirect(Policy::none()).build()?;
        let url = url.clone();
        Ok(Self { url, client })
    }

    pub async fn invoke(&self, event: &Value) -> Result<Response, Problem> {
        let invoking = tokio::time::timeout(TIMEOUT, self.result(event));
        let result = invoking.await.unwrap_or_else(|_| {
            let detail = format!("{} did not answer within 30 seconds.", self.url);
            Err(Problem::new(Code::ServiceUnavailable, detail))
        })?;
        response(&result).ok_or_else(|| self.failed("returned no response of payload format 2.0."))
    }

    async fn result(&self, event: &Value) -> Result<Value, Problem> {
        let sending = self.client.post(self.url.clone()).body(event.to_string());
        let unreachable = |error: reqwest::Error| {
            tracing::error!(error = %error.without_url(), url = %self.url, "a product's function does not answer");
            self.failed("does not answer. Is it running?")
        };
        let mut response = sending.send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(self.failed(&format!(
                "answered with status {}.",
                response.status().as_u16()
            )));
        }
        let has_failed = response.headers().contains_key(FUNCTION_ERROR);
        let mut text = Vec::new();
        while let Some(part) = response.chunk().await.map_err(unreachable)? {
            text.extend_from_slice(&part);
            if text.len() > MAX_RESULT {
                return Err(self.failed("returned more than 6 MiB."));
            }
        }
        if has_failed {
            tracing::error!(url = %self.url, error = %String::from_utf8_lossy(&text), "a product's function failed");
            return Err(self.failed("failed: its output and the log have the reason."));
        }
        serde_json::from_slice(&text).map_err(|_| self.failed("returned no JSON."))
    }

    fn failed(&self, what: &str) -> Problem {
        let detail = format!("The function at {} {what}", self.url);
        Problem::new(Code::InternalError, detail)
    }
}

/// Returns None if the result is invalid. A result without `statusCode` is the body of a response with status 200.
fn response(result: &Value) -> Option<Response> {
    if result.get("statusCode").is_none() {
        let body = Body::from(result.to_string());
        return Response::builder()
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .ok();
    }
    let result: FunctionResponse = serde_json::from_value(result.clone()).ok()?;
    let body = result.body.unwrap_or_default();
    let body = match result.is_base64_encoded {
        true => STANDARD.decode(body).ok()?,
        false => body.into_bytes(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(result.status_code).ok()?;
    let headers = response.headers_mut();
    for (name, value) in result.headers.unwrap_or_default() {
        let value = match value {
            HeaderText::Text(text) => text,
            HeaderText::Number(number) => number.to_string(),
            HeaderText::Bool(is) => is.to_string(),
        };
        let name: HeaderName = name.parse().ok()?;
        // This server sends the body as it has it.
        if !["content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
            headers.insert(name, HeaderValue::from_str(&value).ok()?);
        }
    }
    for cookie in result.cookies.unwrap_or_default() {
        headers.append(SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    }
    let json = HeaderValue::from_static("application/json");
    headers.entry(CONTENT_TYPE).or_insert(json);
    Some(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_that_are_no_response_are_recognised() {
        for result in [
            json!({"statusCode": "two hundred"}),
            json!({"statusCode": 99}),
            json!({"statusCode": 200, "headers": {"a b": "x"}}),
            json!({"statusCode": 200, "headers": {"a": "x\r\ny: z"}}),
            json!({"statusCode": 200, "cookies": ["a=\n"]}),
            json!({"statusCode": 200, "body": "%", "isBase64Encoded": true}),
            json!({"statusCode": 200, "body": {}}),
        ] {
            assert!(response(&result).is_none(), "{result}");
        }
        assert!(response(&json!(["a list"])).is_some());
    }
}
