//! Positions in lists of a tenant's documents, for the query parameter `cursor`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::TenantError;
use super::handle::Tenant;
use crate::model::OrganizationId;
use crate::problem::Problem;

/// In bytes. A longer cursor was not issued for a position of a few values.
const MAX_LENGTH: usize = 2048;

/// The content of a cursor.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<P> {
    organization: OrganizationId,
    list: String,
    position: P,
}

impl Tenant<'_> {
    /// A cursor: the values of the sort keys of a page's last document, as opaque text. The next page begins after them.
    ///
    /// A cursor is bound to the organization and to `list`, the name of the list. It is not secret and not signed: a client that
    /// makes one up reaches another position of the same list.
    ///
    /// ```
    /// # use mongodb::bson::{doc, oid::ObjectId};
    /// # use shared::{auth::Caller, problem::Problem, tenant::Kind};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Invoice { number: i64 }
    /// # impl Kind for Invoice { const KIND: &'static str = "invoice"; }
    /// async fn list(caller: &Caller, cursor: Option<&str>) -> Result<(Vec<Invoice>, Option<String>), Problem> {
    ///     let tenant = caller.tenant();
    ///     let after: i64 = match cursor {
    ///         Some(cursor) => tenant.position("invoices", cursor)?,
    ///         None => 0,
    ///     };
    ///     let invoices = tenant.kind::<Invoice>();
    ///     let page = invoices.find(doc! { "number": { "$gt": after } }).sort(doc! { "number": 1 });
    ///     let page = page.limit(50).await?.try_collect().await?;
    ///     // The last page may be empty.
    ///     let next = match page.last() {
    ///         Some(last) if page.len() == 50 => Some(tenant.cursor("invoices", &last.number)?),
    ///         _ => None,
    ///     };
    ///     Ok((page, next))
    /// }
    /// ```
    pub fn cursor<P: Serialize>(&self, list: &str, position: &P) -> Result<String, TenantError> {
        let content = Content {
            organization: self.organization_id(),
            list: list.to_owned(),
            position,
        };
        let content = mongodb::bson::serialize_to_vec(&content)?;
        Ok(URL_SAFE_NO_PAD.encode(content))
    }

    /// The position of a cursor. Fails with 400 if the text is not a cursor of this list of the organization.
    pub fn position<P: DeserializeOwned>(&self, list: &str, cursor: &str) -> Result<P, Problem> {
        let invalid = || Problem::malformed("The cursor is invalid.");
        if cursor.len() > MAX_LENGTH {
            return Err(invalid());
        }
        let content = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let content = mongodb::bson::deserialize_from_slice::<Content<P>>(&content);
        let content = content.map_err(|_| invalid())?;
        match content.organization == self.organization_id() && content.list == list {
            true => Ok(content.position),
            false => Err(invalid()),
        }
    }
}
