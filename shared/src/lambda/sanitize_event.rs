//! Sanitizes events before `lambda_http` converts them to requests, because it panics on events that it cannot convert.

use super::path::path_of_route;
use base64::Engine;
use lambda_http::LambdaEvent;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::header::HOST;
use lambda_http::http::uri::PathAndQuery;
use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Characters that clients may send unencoded but that are invalid in a query (RFC 3986, section 3.4).
const NOT_IN_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Makes any event convertible. An event with invalid parts becomes a request that gets a response.
pub(super) fn sanitize_event(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
        body(request);
        uri(request);
    }
    event
}

/// Takes a body with invalid base64 as text. A route that reads JSON then refuses text that is not JSON.
fn body(request: &mut ApiGatewayV2httpRequest) {
    let body = request.body.as_deref().unwrap_or_default();
    let standard = base64::engine::general_purpose::STANDARD;
    if request.is_base64_encoded && standard.decode(body).is_err() {
        request.is_base64_encoded = false;
    }
}

/// Routes need only path and query. `lambda_http` would take scheme and host from headers without validation.
fn uri(request: &mut ApiGatewayV2httpRequest) {
    request.headers.remove("x-forwarded-proto");
    request.headers.remove(HOST);
    request.request_context.domain_name = None;
    let raw_path = request.raw_path.take().unwrap_or_default();
    let route_key = request.route_key.as_deref().unwrap_or("$default");
    // Removed, because `lambda_http` would prepend it to the path.
    let stage = request.request_context.stage.take();
    let path = path_of_route(route_key, stage.as_deref(), &raw_path).to_owned();
    let query = request.raw_query_string.take().unwrap_or_default();
    let query = utf8_percent_encode(&query, NOT_IN_QUERY).to_string();
    let whole = format!("{}?{query}", utf8_percent_encode(&path, CONTROLS));
    // A path without a leading slash would become part of the host. A path that is too long cannot be parsed.
    let fits = path.starts_with('/') && whole.parse::<PathAndQuery>().is_ok();
    if fits {
        request.raw_path = Some(path);
        request.raw_query_string = Some(query);
    } else {
        request.raw_path = Some("/".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::request::LambdaRequest;
    use proptest::prelude::*;

    fn event(path: &str, query: &str, host: &str) -> LambdaEvent<LambdaRequest> {
        let mut request = ApiGatewayV2httpRequest::default();
        request.raw_path = Some(path.to_owned());
        request.raw_query_string = Some(query.to_owned());
        if let Ok(host) = host.parse() {
            request.headers.insert(HOST, host);
        }
        request.request_context.domain_name = Some(host.to_owned());
        request.request_context.stage = Some("$default".to_owned());
        let payload = LambdaRequest::ApiGatewayV2(request);
        LambdaEvent::new(payload, lambda_http::Context::default())
    }

    #[test]
    fn queries_are_percent_encoded() {
        let event = sanitize_event(event("/org/audit", "limit=10&cursor=\"<é>\"#", "xn--"));
        let request: lambda_http::Request = event.payload.into();
        assert_eq!(request.uri().path(), "/org/audit");
        let query = "limit=10&cursor=%22%3C%C3%A9%3E%22%23";
        assert_eq!(request.uri().query(), Some(query));
    }

    #[test]
    fn the_stage_is_removed_from_the_path() {
        for raw_path in ["/prod/org/create", "/org/create", "/v1/org/create"] {
            let mut event = event(raw_path, "", "localhost");
            if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
                request.route_key = Some("POST /org/create".to_owned());
                request.request_context.stage = Some("prod".to_owned());
            }
            let request: lambda_http::Request = sanitize_event(event).payload.into();
            assert_eq!(request.uri().path(), "/org/create", "{raw_path}");
        }
    }

    proptest! {
        #[test]
        fn every_event_becomes_a_request(path in "\\PC{0,40}", query in "\\PC{0,40}", host in "\\PC{0,20}") {
            let event = sanitize_event(event(&path, &query, &host));
            let _: lambda_http::Request = event.payload.into();
        }
    }

    #[test]
    fn oversized_events_become_requests() {
        let long = format!("/{}", "ü".repeat(40_000));
        for (path, query) in [(long.as_str(), ""), ("/org", long.as_str()), ("", ":x")] {
            let event = sanitize_event(event(path, query, "localhost"));
            let _: lambda_http::Request = event.payload.into();
        }
    }
}
