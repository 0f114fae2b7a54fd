//! Responses for API Gateway: text unchanged, everything else in base64.

use std::pin::Pin;

use axum::body::to_bytes;
use axum::response::Response;
use lambda_http::{Body, IntoResponse, http};

/// Treats a UTF-8 body as text. `lambda_http` would decide by media type, but that links the tables of all legacy
/// character encodings, an eighth of a megabyte, into each function.
pub(super) struct GatewayResponse(pub Response);

impl IntoResponse for GatewayResponse {
    fn into_response(self) -> Pin<Box<dyn Future<Output = http::Response<Body>> + Send>> {
        Box::pin(async move {
            let (parts, body) = self.0.into_parts();
            // The body is already in memory.
            let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
            let body = match String::from_utf8(bytes.into()) {
                Ok(text) if text.is_empty() => Body::Empty,
                Ok(text) => Body::Text(text),
                Err(other) => Body::Binary(other.into_bytes()),
            };
            http::Response::from_parts(parts, body)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn converted(body: &'static [u8]) -> Body {
        let answer = GatewayResponse(Response::new(axum::body::Body::from(body)));
        answer.into_response().await.into_body()
    }

    #[tokio::test]
    async fn utf8_bodies_are_text_and_others_binary() {
        assert_eq!(converted(b"").await, Body::Empty);
        let text = "{\"name\":\"日本\"}";
        assert_eq!(
            converted(text.as_bytes()).await,
            Body::Text(text.to_owned())
        );
        let image = b"\x89PNG\r\n\x1a\n\0";
        assert_eq!(converted(image).await, Body::Binary(image.to_vec()));
    }
}
