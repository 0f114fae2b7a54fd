//! Faults, and what operators and later versions of the service do in the database.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::Error;
use mongodb::{Client, Database};
use testkit::TestService;
use tokio::time::sleep;

use super::client::{COMPANIES, email_of};
use super::fleet::{Fleet, SERVERS};
use super::record::Record;

/// The time that the last kills take.
const LAST_FAULTS: Duration = Duration::from_secs(5);

pub struct Faults {
    pub fleet: Arc<Fleet>,
    pub record: Arc<Mutex<Record>>,
    pub client: Client,
    pub purger: TestService,
    pub random: fastrand::Rng,
}

impl Faults {
    /// Commands, servers and members of the replica set fail. A server and the primary are killed at least once, in the
    /// last seconds.
    pub async fn break_until(mut self, end: Instant) {
        while Instant::now() + LAST_FAULTS < end {
            match self.random.u8(..40) {
                0..25 => self.fail_commands().await,
                25..30 => self.kill_server().await,
                30..38 => self.freeze_server().await,
                _ => self.kill_primary().await,
            }
            self.pause(1000).await;
        }
        self.kill_server().await;
        self.kill_primary().await;
        self.fail_with(doc! { "mode": "off" }).await;
    }

    /// Operators suspend organizations and disable accounts, members join and leave, and purges run.
    pub async fn operate_until(mut self, end: Instant) {
        while Instant::now() < end {
            let company = self.random.usize(..COMPANIES);
            match self.random.u8(..10) {
                0..2 => self.suspend(company).await,
                2..4 => self.disable(company).await,
                4..6 => self.join(company).await,
                6..8 => self.leave(company).await,
                // A failed run is repeated by the next one.
                _ => drop(self.purger.purge().await),
            }
            self.pause(300).await;
        }
    }

    async fn pause(&mut self, longest: u64) {
        sleep(Duration::from_millis(self.random.u64(..longest))).await;
    }

    async fn kill_server(&mut self) {
        let number = self.random.usize(..SERVERS);
        self.fleet.signal(number, "KILL");
        self.fleet.start_server(number).await;
    }

    async fn freeze_server(&mut self) {
        let number = self.random.usize(..SERVERS);
        self.fleet.signal(number, "STOP");
        self.pause(600).await;
        self.fleet.signal(number, "CONT");
    }

    async fn kill_primary(&self) {
        self.fleet.set.lock().await.restart_primary().await;
    }

    async fn fail_commands(&mut self) {
        let commands = [
            "aggregate",
            "commitTransaction",
            "create",
            "delete",
            "find",
            "findAndModify",
            "insert",
            "update",
        ];
        let command = commands[self.random.usize(..commands.len())];
        let mut data = doc! { "failCommands": [command], "appName": "org-management" };
        data.extend(match self.random.u8(..4) {
            0 => doc! { "closeConnection": true },
            1 => doc! { "errorCode": 91 },
            2 => doc! { "errorCode": 112, "errorLabels": ["TransientTransactionError"] },
            _ => doc! { "blockConnection": true, "blockTimeMS": 400 },
        });
        let times = self.random.i32(1..6);
        self.fail_with(doc! { "mode": { "times": times }, "data": data })
            .await;
    }

    /// Sets the failpoint of the primary, if there is one.
    async fn fail_with(&self, setting: Document) {
        let mut command = doc! { "configureFailPoint": "failCommand" };
        command.extend(setting);
        let _ = self.client.database("admin").run_command(command).await;
    }

    fn master(&self) -> Database {
        self.client.database("master_db")
    }

    /// Repeats a change until it is acknowledged.
    async fn change(&self, collection: &str, id: &str, change: Document) {
        let collection = self.master().collection::<Document>(collection);
        let id = doc! { "_id": ObjectId::parse_str(id).unwrap() };
        while collection
            .update_one(id.clone(), change.clone())
            .await
            .is_err()
        {
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn suspend(&mut self, company: usize) {
        let known = self
            .record
            .lock()
            .unwrap()
            .organizations
            .get(&company)
            .cloned();
        let Some(id) = known else { return };
        let (sent, hold) = (
            Instant::now(),
            doc! { "$set": { "holds.operator.reason": "a history" }, "$inc": { "epoch": 1_i64 } },
        );
        self.change("organizations", &id, hold).await;
        let ended = |record: &mut Record| record.end(sent, |session| session.organization == id);
        ended(&mut self.record.lock().unwrap());
        self.pause(500).await;
        let lift = doc! { "$unset": { "holds.operator": "" } };
        self.change("organizations", &id, lift).await;
    }

    async fn disable(&mut self, company: usize) {
        let Some(id) = self.account_of(company) else {
            return;
        };
        let (sent, disable) = (
            Instant::now(),
            doc! { "$set": { "status": "disabled" }, "$inc": { "epoch": 1_i64 } },
        );
        self.change("admins", &id, disable).await;
        let ended = |record: &mut Record| record.end(sent, |session| session.account == id);
        ended(&mut self.record.lock().unwrap());
        self.pause(500).await;
        self.change("admins", &id, doc! { "$set": { "status": "active" } })
            .await;
    }

    fn account_of(&self, company: usize) -> Option<String> {
        let record = self.record.lock().unwrap();
        record.accounts.get(&email_of(company)).cloned()
    }

    /// The account of a company and the organization of another one.
    fn pair(&mut self, company: usize) -> Option<(ObjectId, ObjectId)> {
        let account = self.account_of(company)?;
        let other = self.random.usize(..COMPANIES);
        let record = self.record.lock().unwrap();
        let organization = record
            .organizations
            .get(&other)
            .filter(|_| other != company)?;
        let id = |text: &str| ObjectId::parse_str(text).unwrap();
        Some((id(&account), id(organization)))
    }

    /// Gives the account a membership in another organization, with the locks of the service.
    async fn join(&mut self, company: usize) {
        let Some((account, organization)) = self.pair(company) else {
            return;
        };
        let now = DateTime::now();
        let membership = doc! {
            "_id": ObjectId::new(),
            "organization_id": organization,
            "account_id": account,
            "role": "member",
            "product_roles": [],
            "created_at": now,
            "updated_at": now,
        };
        // An account that is a member already stays one.
        let _ = self
            .join_or_leave(account, organization, Some(membership))
            .await;
    }

    async fn leave(&mut self, company: usize) {
        let Some((account, organization)) = self.pair(company) else {
            return;
        };
        let sent = Instant::now();
        if let Ok(true) = self.join_or_leave(account, organization, None).await {
            let (account, organization) = (account.to_hex(), organization.to_hex());
            self.record.lock().unwrap().end(sent, |session| {
                session.account == account && session.organization == organization
            });
        }
    }

    /// Returns whether the membership was inserted or ended.
    async fn join_or_leave(
        &self,
        account: ObjectId,
        organization: ObjectId,
        new: Option<Document>,
    ) -> Result<bool, Error> {
        let collection = |name: &str| self.master().collection::<Document>(name);
        let [organizations, accounts, memberships] =
            ["organizations", "admins", "memberships"].map(collection);
        let mut transaction = self.client.start_session().await?;
        transaction.start_transaction().await?;
        let open = doc! { "_id": organization, "holds": {}, "deleted": Bson::Null };
        let next = doc! { "$inc": { "sequence": 1_i64 } };
        let locking = organizations.update_one(open, next);
        let locked = locking.session(&mut transaction).await?.matched_count;
        let lock = doc! { "$inc": { "locks": 1_i64 } };
        let locking = accounts.update_one(doc! { "_id": account }, lock);
        let locked = locked + locking.session(&mut transaction).await?.matched_count;
        if locked < 2 {
            transaction.abort_transaction().await?;
            return Ok(false);
        }
        let changed = match new {
            Some(membership) => {
                let inserting = memberships.insert_one(membership);
                inserting.session(&mut transaction).await?;
                1
            }
            None => {
                let of_account = doc! { "account_id": account };
                let counting = memberships.count_documents(of_account);
                // A purge deletes the account with its last membership, and nothing else ends that one.
                if counting.session(&mut transaction).await? < 2 {
                    transaction.abort_transaction().await?;
                    return Ok(false);
                }
                let own = doc! { "organization_id": organization, "account_id": account, "role": "member" };
                let ending = memberships.delete_one(own).session(&mut transaction);
                ending.await?.deleted_count
            }
        };
        transaction.commit_transaction().await?;
        Ok(changed == 1)
    }
}
