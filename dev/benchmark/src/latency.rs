//! Warm requests, each compared with its baseline: the hash, the transaction, the read.

use std::path::Path;
use std::time::Instant;

use aws_emulator::Function;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use mongodb::{Client, ClientSession, Database};
use serde_json::Value;

use crate::Outcome;
use crate::backend::{Backend, PASSWORD, creation, first_organization, login, send, showing};
use crate::statistics::{median, millis};

const ROUNDS: usize = 60;
/// Tenants that there are before anything is measured.
const TENANTS: usize = 200;
/// The default of `BCRYPT_COST`.
pub const COST: u32 = 12;

/// The driver's own view of the database that the functions use.
pub struct Baseline {
    master: Database,
    client: Client,
}

impl Baseline {
    pub async fn new(uri: &str) -> Outcome<Self> {
        let client = Client::with_uri_str(uri).await?;
        let master = client.database("baseline-function");
        master
            .collection::<Document>("organizations")
            .insert_one(doc! { "_id": 1 })
            .await?;
        Ok(Self { master, client })
    }

    /// One read by its id.
    pub async fn read(&self) -> Outcome<()> {
        let organizations = self.master.collection::<Document>("organizations");
        organizations.find_one(doc! { "_id": 1 }).await?;
        Ok(())
    }

    /// The bare login: an attempt that is counted before the hash, and a session and its event that are durable after
    /// it.
    pub async fn login(&self) -> Outcome<()> {
        let attempts = self.master.collection::<Document>("attempts");
        let count = doc! { "$inc": { "count": 1 } };
        let counting = attempts.find_one_and_update(doc! { "_id": 1 }, count);
        counting.upsert(true).await?;
        let mut session = self.client.start_session().await?;
        session.start_transaction().await?;
        let id = ObjectId::new();
        self.insert(id, ["sessions", "audit_events"], &mut session)
            .await?;
        session.commit_transaction().await?;
        Ok(())
    }

    async fn insert(
        &self,
        id: ObjectId,
        collections: [&str; 2],
        session: &mut ClientSession,
    ) -> Outcome<()> {
        for name in collections {
            let collection = self.master.collection::<Document>(name);
            let inserting = collection.insert_one(doc! { "_id": id });
            inserting.session(&mut *session).await?;
        }
        Ok(())
    }

    /// The bare onboarding: two documents and a collection in one transaction.
    pub async fn onboarding(&self) -> Outcome<()> {
        let mut session = self.client.start_session().await?;
        session.start_transaction().await?;
        let id = ObjectId::new();
        self.insert(id, ["organizations", "admins"], &mut session)
            .await?;
        let name = format!("org_{}", id.to_hex());
        let tenants = self.client.database("floor_tenants");
        tenants
            .create_collection(name)
            .session(&mut session)
            .await?;
        session.commit_transaction().await?;
        Ok(())
    }
}

/// Milliseconds that `work` takes.
pub async fn timed<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<f64> {
    let started = Instant::now();
    work.await?;
    Ok(millis(started.elapsed()))
}

/// Milliseconds of one bcrypt computation of the default cost, on a thread of its own.
pub async fn bcrypt_time() -> Outcome<f64> {
    let hash = || bcrypt::hash(PASSWORD, COST);
    let hashing = async { Ok(tokio::task::spawn_blocking(hash).await??) };
    timed(hashing).await
}

pub struct Functions {
    pub create: Function,
    pub log_in: Function,
    pub organization: Function,
    pub token: String,
}

impl Functions {
    pub async fn start(backend: &Backend, binaries: &Path) -> Outcome<Self> {
        let create = backend.function(binaries, "create-org").await?;
        let log_in = backend.function(binaries, "admin-login").await?;
        let token = first_organization(&create, &log_in).await?;
        Ok(Self {
            organization: backend.function(binaries, "organization").await?,
            create,
            log_in,
            token,
        })
    }

    pub async fn onboard(&self) -> Outcome<Value> {
        let id = ObjectId::new().to_hex();
        let event = creation(&format!("Tenant {id}"), &format!("{id}@example.com"))?;
        send(&self.create, &event, 201).await
    }
}

pub async fn measure(binaries: &Path) -> Outcome<String> {
    let backend = Backend::start().await?;
    let baseline = Baseline::new(&backend.mongod.uri()).await?;
    let functions = Functions::start(&backend, binaries).await?;
    for _ in 0..TENANTS {
        baseline.onboarding().await?;
    }
    let mut times: [Vec<f64>; 7] = Default::default();
    for _ in 0..ROUNDS {
        let round = [
            bcrypt_time().await?,
            timed(send(&functions.log_in, &login()?, 200)).await?,
            timed(baseline.login()).await?,
            timed(functions.onboard()).await?,
            timed(baseline.onboarding()).await?,
            timed(send(
                &functions.organization,
                &showing(&functions.token)?,
                200,
            ))
            .await?,
            timed(baseline.read()).await?,
        ];
        times
            .iter_mut()
            .zip(round)
            .for_each(|(times, time)| times.push(time));
    }
    let [hash, log_in, durable, onboard, transaction, show, read] =
        times.each_mut().map(|times| median(times));
    Ok(format!(
        "| request | median of {ROUNDS}, ms | its baseline, ms | above the baseline, ms |\n|---|---|---|---|\n\
         | login | {log_in:.1} | one bcrypt of cost {COST}, a counted attempt and a bare transaction: {hash:.1} + {durable:.1} | {:.1} |\n\
         | onboarding, at {TENANTS} tenants and more | {onboard:.1} | one bcrypt and the bare transaction: {hash:.1} + {transaction:.1} | {:.1} |\n\
         | `GET /org` | {show:.1} | one read by id: {read:.1} | {:.1} |\n",
        log_in - hash - durable,
        onboard - hash - transaction,
        show - read,
    ))
}
