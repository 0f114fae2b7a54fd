//! Renaming: one document changes, and the collection keeps its name.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;
use tokio::time::Instant;

use super::{Organization, OrganizationName};
use crate::app::App;
use crate::audit::Action;
use crate::mongo::{Databases, Transaction, TransactionError, is_duplicate};
use crate::problem::Problem;
use crate::tokens::AuthenticatedAdmin;

/// The admin's organization under its new name.
pub async fn rename(
    app: &App,
    caller: &AuthenticatedAdmin,
    name: &OrganizationName,
    deadline: Instant,
) -> Result<Organization, Problem> {
    let databases = app.mongo.databases().await?;
    let renaming = Renaming {
        databases,
        caller,
        name,
    };
    match caller.write(databases, deadline, &renaming).await {
        // `name_key` is the only unique field that changes.
        Err(TransactionError::Refused(error)) if is_duplicate(&error) => {
            Err(Problem::organization_name_taken())
        }
        renamed => renamed?.ok_or_else(Problem::not_active),
    }
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
        let change = doc! { "$set": {
            "name": self.name.as_str(),
            "name_key": self.name.key(),
            "updated_at": self.databases.clock.now(),
        } };
        let active = doc! { "_id": self.caller.organization().id, "status": "active" };
        let before = self
            .databases
            .organizations
            .find_one_and_update(active.clone(), change)
            .session(&mut *session)
            .await?;
        let Some(before) = before else {
            return Ok(None);
        };
        let event = self.caller.event(Action::OrganizationRenamed {
            from: before.name,
            to: self.name.as_str().to_owned(),
        });
        let recording = self.databases.audit_events.insert_one(event);
        recording.session(&mut *session).await?;
        let renamed = self.databases.organizations.find_one(active);
        renamed.session(session).await
    }
}
