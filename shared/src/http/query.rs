//! Strict query strings: unknown, duplicate and malformed parameters are refused.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// `T` must derive `Deserialize` with `deny_unknown_fields`.
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::try_from_uri(&parts.uri);
        let axum::extract::Query(query) = read.map_err(|_| Problem::malformed_query())?;
        Ok(Self(query))
    }
}
