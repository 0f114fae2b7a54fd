//! A replica set of three members, whose primary a test kills.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::options::ClientOptions;
use tempfile::TempDir;

use super::mongod_binary;

pub struct ReplicaSet {
    members: Vec<Member>,
}

struct Member {
    port: u16,
    process: Child,
    _folder: TempDir,
}

impl ReplicaSet {
    /// Waits for a primary and two secondaries.
    pub async fn start() -> Self {
        let set = Self {
            members: (0..3).map(|_| Member::start()).collect(),
        };
        let members: Vec<_> = set
            .members
            .iter()
            .zip(0..)
            .map(|(member, id)| doc! { "_id": id, "host": format!("127.0.0.1:{}", member.port) })
            .collect();
        let settings = doc! { "electionTimeoutMillis": 1500, "heartbeatIntervalMillis": 300 };
        let config = doc! { "_id": "rs0", "members": members, "settings": settings };
        let initiate = doc! { "replSetInitiate": config };
        let started = Instant::now();
        while set.members[0].command(initiate.clone()).await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "no mongod");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        set.wait_for("secondary", 2).await;
        set
    }

    /// The connection string.
    pub fn uri(&self) -> String {
        let hosts: Vec<_> = self
            .members
            .iter()
            .map(|member| format!("127.0.0.1:{}", member.port))
            .collect();
        format!("mongodb://{}/?replicaSet=rs0", hosts.join(","))
    }

    /// The connection string of one secondary alone.
    pub async fn uri_of_secondary(&self) -> String {
        let primary = self.primary().await;
        let secondary = self
            .members
            .iter()
            .enumerate()
            .find(|(index, _)| *index != primary);
        format!(
            "mongodb://127.0.0.1:{}/?directConnection=true",
            secondary.unwrap().1.port
        )
    }

    /// Stops replication, so that nothing of what the primary writes reaches another member, and kills the primary after
    /// `time`. Then the secondaries elect another.
    pub async fn lose_primary_after(&mut self, time: Duration) {
        let mut lost = self.members.remove(self.primary().await);
        for secondary in &self.members {
            secondary.replicate(false).await;
        }
        tokio::time::sleep(time).await;
        lost.process.kill().unwrap();
        lost.process.wait().unwrap();
        for secondary in &self.members {
            secondary.replicate(true).await;
        }
        self.wait_for("isWritablePrimary", 1).await;
    }

    async fn primary(&self) -> usize {
        self.wait_for("isWritablePrimary", 1).await;
        for (index, member) in self.members.iter().enumerate() {
            if member.is("isWritablePrimary").await {
                return index;
            }
        }
        panic!("the set has no primary");
    }

    /// Waits until so many members say this of themselves.
    async fn wait_for(&self, state: &str, count: usize) {
        let started = Instant::now();
        loop {
            let mut found = 0;
            for member in &self.members {
                found += usize::from(member.is(state).await);
            }
            if found >= count {
                return;
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "no {count} members are {state}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Member {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Command::new(mongod_binary())
            .args([
                "--replSet",
                "rs0",
                "--bind_ip",
                "127.0.0.1",
                "--nounixsocket",
            ])
            .args([
                "--wiredTigerCacheSizeGB",
                "0.25",
                "--port",
                &port.to_string(),
            ])
            .args(["--setParameter", "enableTestCommands=1"])
            .arg("--dbpath")
            .arg(folder.path())
            .arg("--logpath")
            .arg(folder.path().join("log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            port,
            process,
            _folder: folder,
        }
    }

    async fn command(&self, command: Document) -> Result<Document, mongodb::error::Error> {
        let uri = format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port);
        let mut options = ClientOptions::parse(uri).await?;
        options.server_selection_timeout = Some(Duration::from_millis(500));
        let client = Client::with_options(options)?;
        client.database("admin").run_command(command).await
    }

    async fn is(&self, state: &str) -> bool {
        let hello = self.command(doc! { "hello": 1 }).await;
        hello.is_ok_and(|hello| hello.get_bool(state).unwrap_or_default())
    }

    /// Stopping the process would not do: the primary streams its oplog into the socket.
    async fn replicate(&self, on: bool) {
        let mode = match on {
            true => "off",
            false => "alwaysOn",
        };
        let failpoint = doc! { "configureFailPoint": "stopReplProducer", "mode": mode };
        self.command(failpoint).await.unwrap();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
