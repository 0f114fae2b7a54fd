//! Names of people: any script, 1 to 100 characters.

use super::displayed_name::DisplayedName;
use super::field_error::FieldError;

#[derive(Clone, Debug)]
pub struct PersonName(String);

impl PersonName {
    /// Trims, and collapses every run of white space into one space, before validation. `field` is the field of the request.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        Ok(Self(DisplayedName::parse(field, text, 1..=100)?.name))
    }

    /// The name as entered, with white space folded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
