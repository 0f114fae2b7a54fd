//! Rename: one document changes. The collection keeps its name.

use mongodb::bson::doc;

use crate::auth::Caller;
use crate::model::{Action, Organization, OrganizationStatus};
use crate::mongo::OnDuplicate;
use crate::problem::{Code, Problem};
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
    let organizations = &databases.organizations;
    let active = doc! { "_id": organization.id, "status": OrganizationStatus::Active };
    let renamed = caller
        .transaction(|transaction, _| {
            Box::pin(async {
                let reading = organizations.find_one(active.clone());
                let before = match reading.session(&mut *transaction).await? {
                    Some(before) if before.name != name.as_str() => before,
                    unchanged => return Ok(unchanged),
                };
                let change = doc! { "$set": {
                    "name": name.as_str(),
                    "name_key": name.key(),
                    "updated_at": databases.clock.now(),
                } };
                let changing = organizations.update_one(active.clone(), change);
                changing
                    .session(&mut *transaction)
                    .await
                    .on_duplicate(index::NAME_KEY, Problem::organization_name_taken())?;
                let event = caller.event(Action::OrganizationRenamed {
                    from: before.name,
                    to: name.as_str().to_owned(),
                });
                databases.append(&event, transaction).await?;
                let renamed = organizations.find_one(active.clone()).session(transaction);
                Ok(renamed.await?)
            })
        })
        .await;
    // None if the organization was suspended or deleted after the check of the token.
    let renamed = renamed.and_then(|renamed| renamed.ok_or_else(Problem::not_active));
    // A rename that may have been committed counts.
    if let Err(problem) = &renamed
        && problem.code != Code::ServiceUnavailable
    {
        counted.refund().await?;
    }
    renamed
}
