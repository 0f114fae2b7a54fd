//! Restoring a deleted organization, as long as its purge has not begun.

use mongodb::ClientSession;
use mongodb::bson::doc;
use mongodb::error::Error;
use tokio::time::Instant;

use crate::auth::{Credentials, authenticate};
use crate::http::ClientAddress;
use crate::model::{Action, Admin, AdminStatus, Event, Organization, OrganizationStatus};
use crate::mongo::{Transaction, run_transaction};
use crate::problem::Problem;
use crate::state::App;
use crate::store::{Databases, lock_admin};
use crate::throttle::Verdict;

/// The organization of the admin with these credentials, active again. One that is active stays so: who
/// repeats the request gets the same answer.
pub async fn restore(
    app: &App,
    credentials: Credentials<'_>,
    address: ClientAddress,
    deadline: Instant,
) -> Result<Organization, Problem> {
    let databases = app.mongo.databases().await?;
    let restorable = |organization: &Organization| match organization.status {
        OrganizationStatus::Active => true,
        OrganizationStatus::Deleted => organization.purge_at > Some(databases.clock.now()),
        OrganizationStatus::Suspended | OrganizationStatus::Purging => false,
    };
    let (proved, organization) =
        authenticate(app, credentials, address, deadline, restorable).await?;
    let (admin, settling) = proved.settling(Verdict::Right);
    settling.await?;
    // Of a request that is repeated, the password was right all the same: it is recorded as a login is.
    let action = match organization.status {
        OrganizationStatus::Active => Action::Login,
        _ => Action::OrganizationRestored,
    };
    let event = Event::new(action, address, databases.clock.now()).of(&admin);
    let restoring = Restoring {
        databases,
        organization: &organization,
        admin: &admin,
        event,
    };
    let restored = run_transaction(&databases.client, deadline, &restoring).await?;
    restored.ok_or_else(Problem::invalid_credentials)
}

struct Restoring<'a> {
    databases: &'a Databases,
    organization: &'a Organization,
    admin: &'a Admin,
    event: Event,
}

impl Transaction for Restoring<'_> {
    /// None where the organization's time ran out meanwhile, or the admin may no longer act for it.
    type Output = Option<Organization>;

    async fn run(&self, session: &mut ClientSession) -> Result<Self::Output, Error> {
        let (databases, id) = (self.databases, self.organization.id);
        if !self.admin_as_proved(session).await? {
            return Ok(None);
        }
        let now = databases.clock.now();
        let deleted = doc! { "_id": id, "status": "deleted", "purge_at": { "$gt": now } };
        let change = doc! {
            "$set": { "status": "active", "updated_at": now },
            "$unset": { "deleted_at": "", "purge_at": "" },
        };
        let restored = databases
            .organizations
            .update_one(deleted, change)
            .session(&mut *session)
            .await?;
        if restored.matched_count == 1 || self.event.action == Action::Login {
            let recording = databases.audit_events.insert_one(&self.event);
            recording.session(&mut *session).await?;
        }
        // Where another request was faster, its outcome is this one's.
        let active = doc! { "_id": id, "status": "active" };
        databases
            .organizations
            .find_one(active)
            .session(session)
            .await
    }
}

impl Restoring<'_> {
    /// Whether the admin is active, and nothing has ended its sessions since it proved its password: a new
    /// password, or another deletion.
    async fn admin_as_proved(&self, session: &mut ClientSession) -> Result<bool, Error> {
        let admin = lock_admin(self.databases, self.admin.id, session).await?;
        Ok(admin.is_some_and(|admin| {
            admin.status == AdminStatus::Active && admin.session_epoch == self.admin.session_epoch
        }))
    }
}
