//! The parameter `limit` of lists.

use crate::problem::FieldError;

/// Maximum number of items on a page.
pub const MAX_PAGE: u32 = 100;
const DEFAULT_LIMIT: u32 = 50;

/// The number of items on a page: `limit`, or 50 without it.
pub fn page_limit(limit: Option<i64>) -> Result<u32, Vec<FieldError>> {
    match limit.map(u32::try_from) {
        None => Ok(DEFAULT_LIMIT),
        Some(Ok(limit)) if (1..=MAX_PAGE).contains(&limit) => Ok(limit),
        Some(_) => Err(limit_out_of_range()),
    }
}

/// The error of a `limit` that is too small or too large.
pub fn limit_out_of_range() -> Vec<FieldError> {
    vec![FieldError {
        field: "limit",
        code: "out_of_range",
        message: format!("must be from 1 to {MAX_PAGE}"),
    }]
}
