//! The error of one field of a request.

use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Name of the field in the request's body, or of the parameter in its query.
    #[schema(example = "password")]
    pub field: &'static str,
    /// Stable and snake_case, for programs: `too_short`, `too_long`, `control_character`, `invisible_character`,
    /// `invisible`, `invalid_email`, `too_common`, `too_guessable`, `out_of_range`, `invalid_id`,
    /// `invalid_locale`. More may be added.
    #[schema(example = "too_short")]
    pub code: &'static str,
    /// For people.
    #[schema(example = "must have at least 8 characters")]
    pub message: String,
}
