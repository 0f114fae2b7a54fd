//! The cursor of a page: the last event of the previous page. Only the service can issue one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;

use crate::model::{Event, OrganizationId};
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

    /// base64url of time, id and MAC. The MAC binds it to its organization.
    pub(super) fn to_text(self, pepper: &Pepper, organization: OrganizationId) -> String {
        let mut bytes = self.position().concat();
        bytes.extend(pepper.mac(&self.authenticated(organization)));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// None if it was not issued to this organization.
    pub(super) fn parse(text: &str, pepper: &Pepper, organization: OrganizationId) -> Option<Self> {
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

    fn authenticated(self, organization: OrganizationId) -> Vec<Vec<u8>> {
        let [at, id] = self.position();
        let organization = <[u8; 12]>::from(organization).to_vec();
        vec![b"audit-cursor".to_vec(), organization, at, id]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pepper::test_pepper;
    use proptest::prelude::*;

    fn ours() -> OrganizationId {
        [1; 12].into()
    }

    proptest! {
        #[test]
        fn a_cursor_is_valid_only_for_its_organization(at: i64, id: [u8; 12], other: [u8; 12]) {
            let pepper = test_pepper("a");
            let cursor = Cursor { at: DateTime::from_millis(at), id: ObjectId::from_bytes(id) };
            let text = cursor.to_text(&pepper, ours());
            prop_assert_eq!(Cursor::parse(&text, &pepper, ours()), Some(cursor));
            prop_assume!(OrganizationId::from(other) != ours());
            prop_assert_eq!(Cursor::parse(&text, &pepper, OrganizationId::from(other)), None);
        }

        #[test]
        fn a_changed_cursor_is_invalid(position in 0..48_usize, letter in "[A-Za-z0-9_-]") {
            let pepper = test_pepper("a");
            let cursor = Cursor { at: DateTime::from_millis(1), id: ObjectId::from_bytes([1; 12]) };
            let mut text = cursor.to_text(&pepper, ours());
            prop_assume!(text[position..=position] != letter);
            text.replace_range(position..=position, &letter);
            prop_assert_eq!(Cursor::parse(&text, &pepper, ours()), None);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            prop_assert_eq!(Cursor::parse(&text, &test_pepper("a"), ours()), None);
        }
    }
}
