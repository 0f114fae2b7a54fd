//! Validated values, parsed once from the request. Independent of MongoDB, HTTP and AWS.

mod collection_name;
mod displayed_name;
mod email_address;
mod field_error;
mod locale;
mod organization_name;
mod password;
mod password_hash;
mod person_name;
mod product_name;
mod text;

pub use collection_name::{CollectionName, CollectionNameHash};
pub use email_address::EmailAddress;
pub use field_error::FieldError;
pub use locale::Locale;
pub use organization_name::OrganizationName;
pub use password::{Password, PasswordPolicy};
pub use password_hash::PasswordHash;
pub use person_name::PersonName;
pub use product_name::{is_name, is_product_name};
