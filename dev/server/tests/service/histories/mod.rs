//! F28: random clients, random operations and random faults. Afterwards the stored documents must agree with each other
//! and with what the clients were answered.
//!
//! `HISTORY_SECONDS` sets the duration, `HISTORY_SEED` the choices; the processes' timing is not repeatable.

mod checks;
mod client;
mod faults;
mod fleet;
mod record;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mongodb::Client as Mongo;
use mongodb::bson::{Bson, Document};
use serde_json::json;
use testkit::Snapshot;

use self::client::{COMPANIES, Client};
use self::faults::Faults;
use self::fleet::Fleet;
use self::record::Record;

const CLIENTS: usize = 16;
const SECONDS: u64 = 10;
/// How long the clients go on after the last fault, on a slow machine, until each operation has succeeded.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(60);
/// A request has a response within ten seconds.
const TIMEOUT: Duration = Duration::from_secs(15);

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn f28_a_random_history_leaves_no_contradiction() {
    let seed = setting("HISTORY_SEED").unwrap_or_else(|| fastrand::u64(..));
    let seconds = setting("HISTORY_SECONDS").unwrap_or(SECONDS);
    println!("HISTORY_SEED={seed} HISTORY_SECONDS={seconds}");
    let fleet = Fleet::start().await;
    let record: Arc<Mutex<Record>> = Arc::default();
    let client = Mongo::with_uri_str(&fleet.uri).await.unwrap();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut faults = async || Faults {
        fleet: Arc::clone(&fleet),
        record: Arc::clone(&record),
        client: client.clone(),
        purger: fleet.purger().await,
        random: random.fork(),
    };
    let (breaking, operating) = (faults().await, faults().await);
    let stop: Arc<AtomicBool> = Arc::default();
    let changes: Arc<[_]> = (0..COMPANIES)
        .map(|_| tokio::sync::Mutex::default())
        .collect();
    let clients = (0..CLIENTS).map(|number| Client {
        fleet: Arc::clone(&fleet),
        record: Arc::clone(&record),
        password_changes: Arc::clone(&changes),
        random: random.fork(),
        http: reqwest::Client::builder().timeout(TIMEOUT).build().unwrap(),
        stop: Arc::clone(&stop),
        number,
    });
    let clients = join_all(clients.map(|client| tokio::spawn(client.run())));
    let faults = async {
        tokio::join!(breaking.break_until(end), operating.operate_until(end));
        while !has_progressed(&record.lock().unwrap()) && end.elapsed() < PROGRESS_TIMEOUT {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (clients, ()) = tokio::join!(clients, faults);
    clients.into_iter().for_each(Result::unwrap);
    settle(&fleet).await;
    let databases = ["master_db", "tenants"].map(|name| client.database(name));
    let stored = Snapshot::read(&databases[0], &databases[1]).await;
    let record = std::mem::take(&mut *record.lock().unwrap());
    println!("{:?}", record.requests);
    let mut violations = checks::violations(&record, &stored);
    violations.extend(lost_passwords(&fleet, &record, &stored).await);
    assert_eq!(violations, [""; 0], "HISTORY_SEED={seed}");
    assert!(has_progressed(&record), "too few requests succeeded");
}

/// Whether each operation has succeeded.
fn has_progressed(record: &Record) -> bool {
    let operations = ["create", "login", "rename", "delete", "refresh", "restore"];
    let done = |operation: &&str| record.requests.contains_key(&(*operation, "done"));
    operations.iter().all(done)
}

/// Waits until nothing is in progress any more, and purges what is due.
async fn settle(fleet: &Fleet) {
    // Transactions of killed servers end.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let purger = fleet.purger().await;
    // The first run may fail, if the lease of another one has not expired.
    for _ in 0..20 {
        purger.advance_clock(Duration::from_secs(60));
        if purger.purge().await.is_ok_and(|report| report.failed == 0) {
            break;
        }
    }
}

/// Logs each account in that has an open organization. Its last acknowledged password must be the current one.
async fn lost_passwords(fleet: &Fleet, record: &Record, stored: &Snapshot) -> Vec<String> {
    let http = reqwest::Client::new();
    let server = fleet.any_server(&mut fastrand::Rng::new());
    let mut lost = Vec::new();
    for account in &stored.accounts {
        let email = account.get_str("email").unwrap();
        let known = record.passwords.get(email).cloned().unwrap_or_default();
        let mut accepted = !has_open_organization(account, stored);
        for password in known {
            let body = json!({"email": email, "password": password});
            let request = http.post(format!("{server}/admin/login")).json(&body);
            accepted |= request.send().await.unwrap().status() == 200;
        }
        if !accepted {
            lost.push(format!("no acknowledged password of {email} is accepted"));
        }
    }
    lost
}

fn has_open_organization(account: &Document, stored: &Snapshot) -> bool {
    let own = |membership: &&Document| membership.get("account_id") == account.get("_id");
    let is_open = |membership: &Document| {
        let id = membership.get("organization_id");
        let mut organizations = stored.organizations.iter();
        organizations.any(|organization| {
            organization.get("_id") == id && organization.get("deleted") == Some(&Bson::Null)
        })
    };
    stored.memberships.iter().filter(own).any(is_open)
}
