//! Where a page of the trail ended: a text for the caller, who cannot make one up.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;

use crate::model::Event;
use crate::pepper::{MAC_BYTES, Pepper};

/// The last event of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) at: DateTime,
    pub(super) id: ObjectId,
}

impl Cursor {
    pub(super) fn after(event: &Event) -> Self {
        Self {
            at: event.at,
            id: event.id,
        }
    }

    /// base64url of moment, id and mac. The mac binds it to its organization.
    pub(super) fn to_text(self, pepper: &Pepper, organization: ObjectId) -> String {
        let mut bytes = self.position().concat();
        bytes.extend(pepper.mac(&self.authenticated(organization)));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// None where it is not one that we gave this organization.
    pub(super) fn parse(text: &str, pepper: &Pepper, organization: ObjectId) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (at, rest) = bytes.split_first_chunk::<8>()?;
        let (id, mac) = rest.split_first_chunk::<12>()?;
        let cursor = Self {
            at: DateTime::from_millis(i64::from_be_bytes(*at)),
            id: ObjectId::from_bytes(*id),
        };
        (mac.len() == MAC_BYTES && pepper.verify_mac(mac, &cursor.authenticated(organization)))
            .then_some(cursor)
    }

    fn position(self) -> [Vec<u8>; 2] {
        let at = self.at.timestamp_millis().to_be_bytes();
        [at.to_vec(), self.id.bytes().to_vec()]
    }

    fn authenticated(self, organization: ObjectId) -> Vec<Vec<u8>> {
        let [at, id] = self.position();
        let organization = organization.bytes().to_vec();
        vec![b"audit-cursor".to_vec(), organization, at, id]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pepper::test_pepper;
    use proptest::prelude::*;

    const OURS: ObjectId = ObjectId::from_bytes([1; 12]);

    proptest! {
        #[test]
        fn a_cursor_is_good_for_its_organization_alone(at: i64, id: [u8; 12], other: [u8; 12]) {
            let hash = test_pepper("a");
            let cursor = Cursor { at: DateTime::from_millis(at), id: ObjectId::from_bytes(id) };
            let text = cursor.to_text(&hash, OURS);
            prop_assert_eq!(Cursor::parse(&text, &hash, OURS), Some(cursor));
            prop_assume!(ObjectId::from_bytes(other) != OURS);
            prop_assert_eq!(Cursor::parse(&text, &hash, ObjectId::from_bytes(other)), None);
        }

        #[test]
        fn a_changed_cursor_is_none(position in 0..48_usize, letter in "[A-Za-z0-9_-]") {
            let hash = test_pepper("a");
            let cursor = Cursor { at: DateTime::from_millis(1), id: OURS };
            let mut text = cursor.to_text(&hash, OURS);
            prop_assume!(text[position..=position] != letter);
            text.replace_range(position..=position, &letter);
            prop_assert_eq!(Cursor::parse(&text, &hash, OURS), None);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            prop_assert_eq!(Cursor::parse(&text, &test_pepper("a"), OURS), None);
        }
    }
}
