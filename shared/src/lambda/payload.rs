//! The payload format of API Gateway's events. The functions require version 2.0; version 1.0 gets an explanatory
//! error.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny};
use serde_json::value::RawValue;

use crate::problem::{Code, PROBLEM_JSON, Problem};

/// Error message for integrations with payload format 1.0.
pub const NEEDS_VERSION_2: &str = "This function needs events of API Gateway's payload format 2.0, and got one of format \
    1.0. Set PayloadFormatVersion (of an authorizer: AuthorizerPayloadFormatVersion) to 2.0; a REST API has no format 2.0.";

/// An event of payload format 2.0, or a marker for an event of format 1.0.
pub enum Payload<T> {
    Version2(T),
    Version1,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Format {
    version: Option<String>,
    /// Only in version 1.0; version 2.0 has it in `requestContext.http`.
    http_method: Option<IgnoredAny>,
}

impl<'de, T: for<'t> Deserialize<'t>> Deserialize<'de> for Payload<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event: Box<RawValue> = Deserialize::deserialize(deserializer)?;
        let is_version_1 = serde_json::from_str::<Format>(event.get()).is_ok_and(|format| {
            format.version.as_deref() == Some("1.0") || format.http_method.is_some()
        });
        if is_version_1 {
            return Ok(Self::Version1);
        }
        serde_json::from_str(event.get())
            .map(Self::Version2)
            .map_err(D::Error::custom)
    }
}

/// A response to an event of either format.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum PayloadResponse<T> {
    Version2(T),
    Version1(Version1Response),
}

/// A response in payload format 1.0.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version1Response {
    status_code: u16,
    headers: BTreeMap<&'static str, &'static str>,
    body: String,
    is_base64_encoded: bool,
}

impl<T> PayloadResponse<T> {
    pub fn needs_version_2(context: &lambda_runtime::Context) -> Self {
        tracing::error!(request_id = context.request_id, "{NEEDS_VERSION_2}");
        let problem = Problem::new(Code::InternalError, NEEDS_VERSION_2);
        Self::Version1(Version1Response {
            status_code: problem.code.status().as_u16(),
            headers: BTreeMap::from([("content-type", PROBLEM_JSON)]),
            body: problem.to_json(&context.request_id),
            is_base64_encoded: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_payload_format_is_detected() {
        let is_version_1 = |event: Value| {
            let payload: Payload<Value> = serde_json::from_value(event).unwrap();
            matches!(payload, Payload::Version1)
        };
        assert!(is_version_1(
            json!({"version": "1.0", "httpMethod": "GET", "path": "/org"})
        ));
        // A REST API sends no version.
        assert!(is_version_1(
            json!({"resource": "/org", "httpMethod": "GET", "path": "/org"})
        ));
        assert!(is_version_1(
            json!({"version": "1.0", "type": "REQUEST", "methodArn": "arn"})
        ));
        assert!(!is_version_1(json!({"version": "2.0", "rawPath": "/org"})));
    }
}
