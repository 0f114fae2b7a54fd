//! Renaming: one document changes, and the collection keeps its name.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;
use tokio::time::Instant;

use crate::auth::AuthenticatedAdmin;
use crate::model::{Action, Organization};
use crate::mongo::{Transaction, TransactionError, is_duplicate};
use crate::problem::{Code, Problem};
use crate::state::App;
use crate::store::Databases;
use crate::throttle::count_change;
use crate::values::OrganizationName;

/// The admin's organization under its new name. One that has this name already stays as it is, and a rename that changes
/// nothing does not count towards the organization's quota.
pub async fn rename(
    app: &App,
    caller: &AuthenticatedAdmin,
    name: &OrganizationName,
    deadline: Instant,
) -> Result<Organization, Problem> {
    let databases = app.mongo.databases().await?;
    let organization = caller.organization();
    if organization.name == name.as_str() {
        return Ok(organization.clone());
    }
    let limit = app.config.organization_changes_per_day;
    let counted = count_change(databases, organization.id, limit).await?;
    let renaming = Renaming {
        databases,
        caller,
        name,
    };
    let renamed = match caller.write(databases, deadline, &renaming).await {
        // `name_key` is the only unique field that changes.
        Err(TransactionError::Refused(error)) if is_duplicate(&error) => {
            Err(Problem::organization_name_taken())
        }
        renamed => renamed?.ok_or_else(Problem::not_active),
    };
    // What may have been committed counts.
    if let Err(problem) = &renamed
        && problem.code != Code::ServiceUnavailable
    {
        counted.refund().await?;
    }
    renamed
}

struct Renaming<'a> {
    databases: &'a Databases,
    caller: &'a AuthenticatedAdmin,
    name: &'a OrganizationName,
}

impl Transaction for Renaming<'_> {
    /// None where the organization was suspended or deleted since the token was checked.
    type Output = Option<Organization>;

    async fn run(&self, session: &mut ClientSession) -> Result<Self::Output, Error> {
        let organizations = &self.databases.organizations;
        let active = doc! { "_id": self.caller.organization().id, "status": "active" };
        let reading = organizations.find_one(active.clone());
        let before = match reading.session(&mut *session).await? {
            Some(before) if before.name != self.name.as_str() => before,
            as_it_is => return Ok(as_it_is),
        };
        let change = doc! { "$set": {
            "name": self.name.as_str(),
            "name_key": self.name.key(),
            "updated_at": self.databases.clock.now(),
        } };
        let renaming = organizations.update_one(active.clone(), change);
        renaming.session(&mut *session).await?;
        let event = self.caller.event(Action::OrganizationRenamed {
            from: before.name,
            to: self.name.as_str().to_owned(),
        });
        let recording = self.databases.audit_events.insert_one(event);
        recording.session(&mut *session).await?;
        organizations.find_one(active).session(session).await
    }
}
