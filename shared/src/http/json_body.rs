//! Strict JSON bodies: the declared media type, one object, no unknown or duplicate fields, and a limited size.
//!
//! Responses never quote the body, because it may contain a password.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::problem::{Code, Problem};

/// The size limit of all bodies of the service, in KiB.
pub const MAX_KIB: usize = 16;
/// Oversized bodies are read and discarded up to this size, so that the client gets a response instead of a closed
/// connection.
const READ_BYTES: usize = 10 * 1024 * 1024;

/// A body of at most `KIB` KiB. `T` must derive `Deserialize` with `deny_unknown_fields`.
///
/// API Gateway passes at most 10 MB on, and Lambda takes events of at most 6 MB.
pub struct JsonBody<T, const KIB: usize = MAX_KIB>(pub T);

impl<T: DeserializeOwned, S: Sync, const KIB: usize> FromRequest<S> for JsonBody<T, KIB> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        expect_json(&parts.headers)?;
        parse(&read(body, KIB).await?).map(Self)
    }
}

fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let unsupported = |detail| Err(Problem::new(Code::UnsupportedMediaType, detail));
    let encodings = headers.get_all(CONTENT_ENCODING);
    if encodings
        .iter()
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return unsupported("The body must have no Content-Encoding.");
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (Some(media_type), None) if is_json(media_type) => Ok(()),
        _ => unsupported("The body must be application/json in UTF-8."),
    }
}

/// Ignores parameters: JSON is UTF-8, and `charset` has no meaning for it (RFC 8259, section 11).
fn is_json(content_type: &HeaderValue) -> bool {
    let Ok(text) = content_type.to_str() else {
        return false;
    };
    let media_type = text.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

async fn read(body: Body, max_kib: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("The body must have at most {max_kib} KiB.");
        Problem::new(Code::PayloadTooLarge, detail)
    };
    if exceeds_limit_by_length(&body) {
        return Err(too_large());
    }
    let bytes = receive(body, max_kib).await?;
    match bytes.len() > max_kib * 1024 {
        true => Err(too_large()),
        false => Ok(bytes),
    }
}

/// Whether the Content-Length exceeds even `READ_BYTES`, so that the body need not be read.
pub fn exceeds_limit_by_length(body: &Body) -> bool {
    body.size_hint().lower() > READ_BYTES as u64
}

/// Receives the body. The result of one that exceeds `max_kib` is one byte longer than that.
pub async fn receive(mut body: Body, max_kib: usize) -> Result<Bytes, Problem> {
    let (mut kept, mut received) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::malformed("The body is incomplete."))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        received += data.len();
        let room = (max_kib * 1024 + 1).saturating_sub(kept.len());
        kept.extend_from_slice(data.get(..room).unwrap_or(&data));
        if received > READ_BYTES {
            break;
        }
    }
    Ok(kept.into())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let text =
        std::str::from_utf8(body).map_err(|_| Problem::malformed("The body is not UTF-8."))?;
    // A derived `Deserialize` would also accept an array of the fields' values.
    match text.trim_ascii_start().as_bytes().first() {
        None => {
            return Err(Problem::malformed("The body is empty."));
        }
        Some(b'{') => {}
        Some(_) => return Err(Problem::malformed("The body must be a JSON object.")),
    }
    serde_json::from_str(text).map_err(|error| Problem::malformed(explain(&error)))
}

/// Describes the error by position and expected input, without quoting the actual input.
fn explain(error: &serde_json::Error) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    if error.classify() != Category::Data {
        return format!("The body is invalid JSON at {place}.");
    }
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    // These two name a declared field. All other messages quote the body before ", expected ".
    if message.starts_with("missing field") || message.starts_with("duplicate field") {
        return format!("The body has a {message}.");
    }
    let unknown = message.starts_with("unknown field");
    let found = if unknown {
        "an unknown field"
    } else {
        "a value of a wrong type"
    };
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("The body has {found} at {place}: expected {expected}."),
        None => format!("The body has {found} at {place}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Login {
        email: String,
        password: String,
    }

    fn detail(body: &[u8]) -> String {
        match parse::<Login>(body) {
            Ok(login) => format!("{login:?}"),
            Err(problem) => {
                assert_eq!(problem.code, Code::MalformedRequest);
                problem.to_string()
            }
        }
    }

    #[test]
    fn errors_do_not_quote_the_body() {
        for (body, expected) in [
            (&b""[..], "is empty"),
            (b"  \n", "is empty"),
            (b"[\"s3cret\", \"s3cret\"]", "must be a JSON object"),
            (b"\"s3cret\"", "must be a JSON object"),
            (b"{\"email\": \"s3cret\"}", "missing field `password`"),
            (
                b"{\"email\": \"s3cret\", \"email\": \"\"}",
                "duplicate field `email`",
            ),
            (
                b"{\"s3cret\": 1}",
                "an unknown field at line 1, column 9: expected `email` or `password`",
            ),
            (
                b"{\"s3cret, expected x\": 1}",
                "expected `email` or `password`",
            ),
            (b"{\"email\": {\"$gt\": \"s3cret\"}}", "expected a string"),
            (b"{\"email\": null}", "expected a string"),
            (
                b"{\"email\": \"s3cret\"",
                "invalid JSON at line 1, column 18",
            ),
            (
                b"{\"email\": \"s3cret\", \"password\": \"s3cret\"} {}",
                "invalid JSON",
            ),
            (b"{\"email\": \"\xff\"}", "not UTF-8"),
            (b"{\"email\": \"\\ud800\"}", "invalid JSON"),
        ] {
            let detail = detail(body);
            assert!(detail.contains(expected), "{detail}");
            assert!(!detail.contains("s3cret"), "{detail}");
        }
        let deep = format!("{{\"email\": {}", "[".repeat(10_000));
        assert!(detail(deep.as_bytes()).starts_with("The body"));
    }

    #[test]
    fn only_the_json_media_type_is_accepted() {
        for (media_type, taken) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json; charset=\"utf-8\"", true),
            ("application/json ; charset=utf-8", true),
            ("application/json;charset=utf-8 ; profile=x", true),
            ("application/json; charset=utf8", true),
            ("application/json ; charset=latin1", true),
            ("application/json; charset", true),
            ("application/json;", true),
            ("application/json, text/plain", false),
            ("application/jsonp; charset=utf-8", false),
            ("; application/json", false),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            assert_eq!(
                is_json(&HeaderValue::from_static(media_type)),
                taken,
                "{media_type}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse::<Login>(&body);
        }
    }
}
