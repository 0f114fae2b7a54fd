//! Real mongod processes: one shared by all tests of a process, and separate ones that a test kills, restarts or stops.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use mongod::{Mongod, Purpose, free_port};
use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use tempfile::TempDir;

const START_TIMEOUT: Duration = Duration::from_secs(60);

fn binary() -> PathBuf {
    mongod::find().unwrap()
}

/// The mongod shared by all tests of this process.
pub fn shared_mongod() -> &'static Mongod {
    static MONGOD: OnceLock<Mongod> = OnceLock::new();
    MONGOD.get_or_init(|| {
        let start = || {
            tokio::runtime::Runtime::new()
                .unwrap()
                .block_on(start_mongod())
        };
        std::thread::spawn(start).join().unwrap()
    })
}

/// Starts a single-member replica set for one test.
pub async fn start_mongod() -> Mongod {
    let folder = tempfile::tempdir().unwrap().keep();
    Mongod::start(&binary(), &folder, Purpose::Test)
        .await
        .unwrap()
}

/// A mongod with custom options. Dropping it kills the process.
pub struct MongodProcess {
    pub port: u16,
    options: Vec<String>,
    folder: TempDir,
    process: Child,
}

impl MongodProcess {
    /// Spawns a mongod without waiting until it responds.
    pub fn spawn(options: &[&str]) -> Self {
        Self::spawn_in(tempfile::tempdir().unwrap(), options)
    }

    /// Spawns a mongod that stores its data in `folder/data`.
    pub fn spawn_in(folder: TempDir, options: &[&str]) -> Self {
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        let port = free_port().unwrap();
        let process = spawn(&folder, port, &options);
        Self {
            port,
            options,
            folder,
            process,
        }
    }

    /// Starts a single-member replica set and waits until it is the writable primary.
    pub async fn start_replica_set(options: &[&str]) -> Self {
        let set = ["--replSet", "rs0"];
        let mongod = Self::spawn(&[&set, options].concat());
        let member = doc! { "_id": 0, "host": format!("127.0.0.1:{}", mongod.port) };
        mongod
            .until_accepted(doc! { "replSetInitiate": { "_id": "rs0", "members": [member] } })
            .await;
        mongod.until("isWritablePrimary").await;
        mongod
    }

    pub fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?replicaSet=rs0", self.port)
    }

    pub fn direct_uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port)
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub async fn admin(&self) -> Database {
        let mut options = ClientOptions::parse(self.direct_uri()).await.unwrap();
        options.server_selection_timeout = Some(Duration::from_millis(500));
        Client::with_options(options).unwrap().database("admin")
    }

    pub async fn command(&self, command: Document) -> Result<Document, Error> {
        self.admin().await.run_command(command).await
    }

    /// Returns whether the field `state` of the `hello` response is `true`.
    pub async fn is(&self, state: &str) -> bool {
        let hello = self.command(doc! { "hello": 1 }).await;
        hello.is_ok_and(|hello| hello.get_bool(state).unwrap_or_default())
    }

    pub async fn until(&self, state: &str) {
        let started = Instant::now();
        while !self.is(state).await {
            assert!(
                started.elapsed() < START_TIMEOUT,
                "mongod did not become {state} within {START_TIMEOUT:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends the command until the server accepts it.
    pub async fn until_accepted(&self, command: Document) {
        let started = Instant::now();
        while let Err(error) = self.command(command.clone()).await {
            assert!(
                started.elapsed() < START_TIMEOUT,
                "mongod rejects the command: {error}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Restarts the process on the same port and data without waiting until it responds.
    pub fn respawn(&mut self) {
        self.process = spawn(&self.folder, self.port, &self.options);
    }
}

impl Drop for MongodProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(folder: &TempDir, port: u16, options: &[String]) -> Child {
    let data = folder.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    Command::new(binary())
        .args(["--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"])
        .args(["--setParameter", "enableTestCommands=1"])
        .args(["--port", &port.to_string()])
        .arg("--dbpath")
        .arg(data)
        .arg("--logpath")
        .arg(folder.path().join("log"))
        .arg("--logappend")
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
