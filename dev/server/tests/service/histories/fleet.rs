//! The processes: a replica set of three members, and two servers on it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use testkit::{ReplicaSet, TestService, local_secret};

use crate::local_server::Server;

/// A week and a day: organizations that the servers have just deleted are due for the purge.
const AHEAD: Duration = Duration::from_secs(8 * 24 * 3600);
/// Limits that do not apply to histories, and a cheap hash.
const SETTINGS: [(&str, &str); 4] = [
    ("LOGIN_ATTEMPTS_PER_ACCOUNT", "0"),
    ("ORGANIZATION_CHANGES_PER_DAY", "0"),
    ("MAX_SESSIONS", "10"),
    ("BCRYPT_COST", "10"),
];

pub const SERVERS: usize = 2;

pub struct Fleet {
    pub set: tokio::sync::Mutex<ReplicaSet>,
    pub uri: String,
    servers: [Mutex<Option<Server>>; SERVERS],
    bases: Mutex<[String; SERVERS]>,
    /// The signing secret and the pepper.
    folder: TempDir,
}

impl Fleet {
    pub async fn start() -> Arc<Self> {
        // A transaction of a killed server ends after three seconds.
        let lifetime = ["--setParameter", "transactionLifetimeLimitSeconds=3"];
        let set = ReplicaSet::start_with(&lifetime).await;
        let fleet = Arc::new(Self {
            uri: set.uri(),
            set: tokio::sync::Mutex::new(set),
            servers: Default::default(),
            bases: Mutex::default(),
            folder: TempDir::new().unwrap(),
        });
        for number in 0..SERVERS {
            fleet.start_server(number).await;
        }
        fleet
    }

    pub async fn start_server(self: &Arc<Self>, number: usize) {
        let fleet = Arc::clone(self);
        let starting = tokio::task::spawn_blocking(move || {
            let mut settings = SETTINGS.to_vec();
            settings.push(("MONGODB_URI", &fleet.uri));
            let server = Server::start_with(fleet.folder.path(), &settings);
            fleet.bases.lock().unwrap()[number].clone_from(&server.base);
            *fleet.servers[number].lock().unwrap() = Some(server);
        });
        starting.await.unwrap();
    }

    /// Sends the server a signal, and waits for its end if it is `KILL`.
    pub fn signal(&self, number: usize, signal: &str) {
        let mut server = self.servers[number].lock().unwrap();
        let server = server.as_mut().unwrap();
        match signal {
            "KILL" => drop(server.signal(signal)),
            _ => server.send_signal(signal),
        }
    }

    /// The address of one of the servers.
    pub fn any_server(&self, random: &mut fastrand::Rng) -> String {
        self.bases.lock().unwrap()[random.usize(..SERVERS)].clone()
    }

    /// An instance in this process whose clock is ahead.
    pub async fn purger(&self) -> TestService {
        let settings = [("MASTER_DB", "master_db"), ("TENANT_DB", "tenants")];
        let purger = TestService::start_from(&self.uri, &settings, local_secret()).await;
        purger.advance_clock(AHEAD);
        purger
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for number in 0..SERVERS {
            self.signal(number, "KILL");
        }
    }
}
