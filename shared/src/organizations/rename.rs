//! Rename: one document changes. The collection keeps its name.

use mongodb::bson::doc;

use crate::auth::Caller;
use crate::model::{Action, Organization};
use crate::mongo::OnDuplicate;
use crate::problem::Problem;
use crate::store::index;
use crate::throttle::count_change;
use crate::values::OrganizationName;

/// Renames the caller's organization. If it already has this name, nothing changes, and the request does not count
/// towards the organization's quota.
pub async fn rename(caller: &Caller, name: &OrganizationName) -> Result<Organization, Problem> {
    let databases = caller.databases();
    let organization = caller.organization();
    if organization.name == name.as_str() {
        return Ok(organization.clone());
    }
    let limit = caller.request().config().organization_changes_per_day;
    let counted = count_change(databases, organization.id, limit).await?;
    let renamed = caller
        .write_organization(|mut organization, _| {
            Box::pin(async move {
                let before = organization.organization().name.clone();
                if before == name.as_str() {
                    return Ok(organization.organization().clone());
                }
                let change = doc! { "$set": {
                    "name": name.as_str(),
                    "name_key": name.key(),
                    "updated_at": databases.clock.now(),
                } };
                organization
                    .update(change)
                    .await
                    .on_duplicate(index::NAME_KEY, Problem::organization_name_taken())?;
                let event = caller.event(Action::OrganizationRenamed {
                    from: before,
                    to: name.as_str().to_owned(),
                });
                organization.append(event).await?;
                Ok(organization.organization().clone())
            })
        })
        .await;
    counted.refund_if_refused(&renamed).await?;
    renamed
}
