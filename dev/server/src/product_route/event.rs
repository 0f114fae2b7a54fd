//! The events that API Gateway makes of a request: payload format 2.0
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, USER_AGENT};
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use httpdate::HttpDate;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use serde_json::{Map, Value, json};
use shared::http::{ClientAddress, RequestLog};

/// Headers that concern a connection (RFC 9110, section 7.6.1). They are not passed on.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// The product's API has one route, which takes all requests.
const ROUTE: &str = "$default";

/// The event of a request, before the authorizer's answer.
pub struct RequestEvent(Map<String, Value>);

impl RequestEvent {
    pub fn new(parts: &Parts, address: Option<ClientAddress>, body: &[u8]) -> Self {
        let address = address
            .map(|address| address.0.to_string())
            .unwrap_or_default();
        let query = parts.uri.query().unwrap_or_default();
        let mut event = Map::new();
        let mut set = |name: &str, value: Value| event.insert(name.to_owned(), value);
        set("version", "2.0".into());
        set("routeKey", ROUTE.into());
        set("rawPath", parts.uri.path().into());
        set("rawQueryString", query.into());
        set("headers", headers(&parts.headers, &address));
        let cookies: Vec<&str> = text_of(&parts.headers, &COOKIE).split("; ").collect();
        if cookies != [""] {
            set("cookies", cookies.into());
        }
        if !query.is_empty() {
            set("queryStringParameters", query_parameters(query));
        }
        set("requestContext", request_context(parts, &address));
        set("stageVariables", json!({ "authorizer_mode": "pass" }));
        let text = std::str::from_utf8(body).ok();
        let text = text.filter(|_| is_text(&parts.headers));
        set(
            "isBase64Encoded",
            (text.is_none() && !body.is_empty()).into(),
        );
        if !body.is_empty() {
            let encoded = || STANDARD.encode(body);
            set("body", text.map_or_else(encoded, str::to_owned).into());
        }
        Self(event)
    }

    /// With the authorizer's context, as the product's function gets it.
    pub fn authorized(mut self, context: Value) -> Value {
        if let Some(request) = self
            .0
            .get_mut("requestContext")
            .and_then(Value::as_object_mut)
        {
            request.insert("authorizer".to_owned(), json!({ "lambda": context }));
        }
        self.0.into()
    }
}

/// The authorizer's event: that of the request, without the body.
pub fn authorizer_event(
    request: &RequestEvent,
) -> serde_json::Result<ApiGatewayV2CustomAuthorizerV2Request> {
    let mut event = request.0.clone();
    event.remove("body");
    event.remove("isBase64Encoded");
    event.insert("type".to_owned(), "REQUEST".into());
    serde_json::from_value(event.into())
}

fn request_context(parts: &Parts, address: &str) -> Value {
    let host = text_of(&parts.headers, &HOST);
    let log = parts.extensions.get::<RequestLog>();
    let now = SystemTime::now();
    let epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({
        "accountId": "123456789012",
        "apiId": "local",
        "domainName": host,
        "domainPrefix": host.split('.').next(),
        "http": {
            "method": parts.method.as_str(),
            "path": parts.uri.path(),
            "protocol": "HTTP/1.1",
            "sourceIp": address,
            "userAgent": text_of(&parts.headers, &USER_AGENT),
        },
        "requestId": log.map(RequestLog::request_id),
        "routeKey": ROUTE,
        "stage": "$default",
        "time": common_log_time(now),
        "timeEpoch": u64::try_from(epoch.as_millis()).unwrap_or_default(),
    })
}

/// Names in lower case, several values joined by commas. Cookies are not among them.
fn headers(headers: &HeaderMap, address: &str) -> Value {
    let mut event = Map::new();
    for name in headers.keys() {
        if *name != COOKIE && !HOP_BY_HOP.contains(&name.as_str()) {
            let values = headers.get_all(name).iter();
            let values: Vec<_> = values
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            event.insert(name.as_str().to_owned(), values.join(",").into());
        }
    }
    let forwarded = event.get("x-forwarded-for").and_then(Value::as_str);
    let forwarded = match forwarded {
        Some(before) => format!("{before}, {address}"),
        None => address.to_owned(),
    };
    event.insert("x-forwarded-for".to_owned(), forwarded.into());
    event.insert("x-forwarded-proto".to_owned(), "http".into());
    event.into()
}

/// Decoded, several values joined by commas.
fn query_parameters(query: &str) -> Value {
    let mut parameters: Map<String, Value> = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let joined = match parameters.get(name.as_ref()).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.into_owned(),
        };
        parameters.insert(name.into_owned(), joined.into());
    }
    parameters.into()
}

/// Whether API Gateway passes on a body of this type as text, without Base64.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = text_of(headers, &CONTENT_TYPE);
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || matches!(
            kind,
            "" | "application/json"
                | "application/xml"
                | "application/javascript"
                | "application/x-www-form-urlencoded"
        )
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
}

fn text_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// Such as `27/Nov/2026:21:38:55 +0000`, from `Fri, 27 Nov 2026 21:38:55 GMT`.
fn common_log_time(time: SystemTime) -> String {
    let date = HttpDate::from(time).to_string();
    let words: Vec<&str> = date.split(' ').skip(1).take(4).collect();
    match words[..] {
        [day, month, year, time] => format!("{day}/{month}/{year}:{time} +0000"),
        _ => date,
    }
}
