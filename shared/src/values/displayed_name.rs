//! What names of organizations and people have in common.

use std::ops::RangeInclusive;

use super::field_error::FieldError;
use super::text::{caseless_key, fold_white_space, is_shown_as_written, nfc};

/// A name that is displayed as entered.
pub(super) struct DisplayedName {
    /// With white space folded.
    pub name: String,
    /// The same for each spelling of the name.
    pub key: String,
}

impl DisplayedName {
    /// Trims, and collapses every run of white space into one space, before validation. `length` is in characters (code
    /// points) of the name in NFC, so that it does not depend on the normal form.
    pub fn parse(
        field: &'static str,
        text: &str,
        length: RangeInclusive<usize>,
    ) -> Result<Self, FieldError> {
        let invalid = |code, message: String| FieldError {
            field,
            code,
            message,
        };
        let name = fold_white_space(text);
        let characters = nfc(&name).chars().count();
        let (shortest, longest) = length.into_inner();
        if characters < shortest {
            let message = format!("must have at least {}", of_characters(shortest));
            return Err(invalid("too_short", message));
        }
        if characters > longest {
            let message = format!("must have at most {}", of_characters(longest));
            return Err(invalid("too_long", message));
        }
        if name.chars().any(char::is_control) {
            let message = "must not contain control characters";
            return Err(invalid("control_character", message.to_owned()));
        }
        if !is_shown_as_written(&name) {
            let message = "must not contain invisible, unassigned or private-use characters, nor controls of the text's direction";
            return Err(invalid("invisible_character", message.to_owned()));
        }
        // The compatibility form of some characters contains white space.
        let key = fold_white_space(&caseless_key(&name));
        if key.is_empty() {
            let message = "must contain a visible character";
            return Err(invalid("invisible", message.to_owned()));
        }
        Ok(Self { name, key })
    }
}

fn of_characters(count: usize) -> String {
    match count {
        1 => "1 character".to_owned(),
        count => format!("{count} characters"),
    }
}
