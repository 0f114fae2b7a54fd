//! Renaming: one document changes, and the collection keeps its name.

use mongodb::bson::doc;
use tokio::time::Instant;

use crate::auth::Caller;
use crate::model::{Action, Organization};
use crate::mongo::OnDuplicate;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::store::index;
use crate::throttle::count_change;
use crate::values::OrganizationName;

/// The admin's organization under its new name. One that has this name already stays as it is, and a rename that changes
/// nothing does not count towards the organization's quota.
pub async fn rename(
    state: &AppState,
    caller: &Caller,
    name: &OrganizationName,
    deadline: Instant,
) -> Result<Organization, Problem> {
    let databases = state.mongo.databases().await?;
    let organization = caller.organization();
    if organization.name == name.as_str() {
        return Ok(organization.clone());
    }
    let limit = state.config.organization_changes_per_day;
    let counted = count_change(databases, organization.id, limit).await?;
    let organizations = &databases.organizations;
    let active = doc! { "_id": organization.id, "status": "active" };
    let renamed = caller
        .transaction(databases, deadline, |session, _| {
            Box::pin(async {
                let reading = organizations.find_one(active.clone());
                let before = match reading.session(&mut *session).await? {
                    Some(before) if before.name != name.as_str() => before,
                    as_it_is => return Ok(as_it_is),
                };
                let change = doc! { "$set": {
                    "name": name.as_str(),
                    "name_key": name.key(),
                    "updated_at": databases.clock.now(),
                } };
                let changing = organizations.update_one(active.clone(), change);
                changing
                    .session(&mut *session)
                    .await
                    .on_duplicate(index::NAME_KEY, Problem::organization_name_taken())?;
                let event = caller.event(Action::OrganizationRenamed {
                    from: before.name,
                    to: name.as_str().to_owned(),
                });
                databases.append(&event, session).await?;
                let renamed = organizations.find_one(active.clone()).session(session);
                Ok(renamed.await?)
            })
        })
        .await;
    // None where the organization was suspended or deleted since the token was checked.
    let renamed = renamed.and_then(|renamed| renamed.ok_or_else(Problem::not_active));
    // What may have been committed counts.
    if let Err(problem) = &renamed
        && problem.code != Code::ServiceUnavailable
    {
        counted.refund().await?;
    }
    renamed
}
