//! Ids of documents: 12 bytes, 24 hexadecimal digits as text. Each collection has a type of its own, so that the id of
//! an account cannot be passed as the id of an organization.

use std::fmt;

use mongodb::bson::Bson;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(ObjectId);

        impl $name {
            /// A new id.
            pub(crate) fn generate() -> Self {
                Self(ObjectId::new())
            }

            /// None unless `text` is 24 hexadecimal digits.
            pub fn parse(text: &str) -> Option<Self> {
                ObjectId::parse_str(text).ok().map(Self)
            }

            /// 24 hexadecimal digits.
            pub fn to_hex(self) -> String {
                self.0.to_hex()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl From<[u8; 12]> for $name {
            fn from(bytes: [u8; 12]) -> Self {
                Self(ObjectId::from_bytes(bytes))
            }
        }

        impl From<$name> for [u8; 12] {
            fn from(id: $name) -> Self {
                id.0.bytes()
            }
        }

        impl From<ObjectId> for $name {
            fn from(id: ObjectId) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Bson {
            fn from(id: $name) -> Self {
                Self::ObjectId(id.0)
            }
        }
    };
}

id!(
    /// Of a document of `organizations`.
    OrganizationId
);
id!(
    /// Of a document of `admins`.
    AccountId
);
id!(
    /// Of a document of `memberships`.
    MembershipId
);
id!(
    /// Of a document of `sessions`.
    SessionId
);
id!(
    /// Of a document of `one_time_tokens`.
    OneTimeTokenId
);
id!(
    /// Of a document of `outbox`.
    OutboxMessageId
);
