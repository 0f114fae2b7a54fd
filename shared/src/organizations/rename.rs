//! Renaming: one document changes, and the collection keeps its name.

use mongodb::bson::{DateTime, doc};
use mongodb::options::ReturnDocument;

use super::{Organization, OrganizationName};
use crate::app::App;
use crate::mongo::is_duplicate;
use crate::problem::Problem;
use crate::tokens::AuthenticatedAdmin;

/// The admin's organization under its new name.
pub async fn rename(
    app: &App,
    caller: &AuthenticatedAdmin,
    name: &OrganizationName,
) -> Result<Organization, Problem> {
    let databases = app.mongo.databases().await?;
    let change = doc! { "$set": {
        "name": name.as_str(),
        "name_key": name.key(),
        "updated_at": DateTime::now(),
    } };
    // Suspended between the token's check and now, it stays as it is.
    let active = doc! { "_id": caller.organization().id, "status": "active" };
    let renamed = databases
        .organizations
        .find_one_and_update(active, change)
        .return_document(ReturnDocument::After)
        .await;
    match renamed {
        // `name_key` is the only unique field that changes.
        Err(error) if is_duplicate(&error) => Err(Problem::organization_name_taken()),
        renamed => renamed?.ok_or_else(|| {
            Problem::invalid_token("The token's admin or organization is not active.")
        }),
    }
}
