//! A three-member replica set whose primary can be killed.

use std::time::{Duration, Instant};

use mongodb::bson::doc;

use crate::MongodProcess;

pub struct ReplicaSet {
    members: Vec<MongodProcess>,
}

impl ReplicaSet {
    /// Starts the replica set and waits for two secondaries.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Like [`Self::start`], with options for each member.
    pub async fn start_with(options: &[&str]) -> Self {
        let options = [&["--replSet", "rs0"], options].concat();
        let member = |_| MongodProcess::spawn(&options);
        let set = Self {
            members: (0..3).map(member).collect(),
        };
        let members: Vec<_> = set
            .members
            .iter()
            .zip(0..)
            .map(|(member, id)| doc! { "_id": id, "host": format!("127.0.0.1:{}", member.port) })
            .collect();
        let settings = doc! { "electionTimeoutMillis": 1500, "heartbeatIntervalMillis": 300 };
        let config = doc! { "_id": "rs0", "members": members, "settings": settings };
        let first = &set.members[0];
        first
            .until_accepted(doc! { "replSetInitiate": config })
            .await;
        set.until("secondary", 2).await;
        set
    }

    /// The connection string.
    pub fn uri(&self) -> String {
        let host = |member: &MongodProcess| format!("127.0.0.1:{}", member.port);
        let hosts: Vec<_> = self.members.iter().map(host).collect();
        format!("mongodb://{}/?replicaSet=rs0", hosts.join(","))
    }

    /// A direct connection string to one secondary.
    pub async fn uri_of_secondary(&self) -> String {
        let primary = self.primary().await;
        let mut others = self.members.iter().enumerate();
        let secondary = others.find(|(index, _)| *index != primary);
        secondary.unwrap().1.direct_uri()
    }

    /// Stops replication, kills the primary after `time`, and waits for a new primary. Writes after the stop are not
    /// replicated.
    pub async fn lose_primary_after(&mut self, time: Duration) {
        let mut lost = self.members.remove(self.primary().await);
        for secondary in &self.members {
            replicate(secondary, false).await;
        }
        tokio::time::sleep(time).await;
        lost.kill();
        for secondary in &self.members {
            replicate(secondary, true).await;
        }
        self.until("isWritablePrimary", 1).await;
    }

    /// Kills the primary, waits for another one, and starts the killed member again.
    pub async fn restart_primary(&mut self) {
        let primary = self.primary().await;
        self.members[primary].kill();
        self.until("isWritablePrimary", 1).await;
        self.members[primary].respawn();
    }

    async fn primary(&self) -> usize {
        self.until("isWritablePrimary", 1).await;
        for (index, member) in self.members.iter().enumerate() {
            if member.is("isWritablePrimary").await {
                return index;
            }
        }
        panic!("the replica set has no primary");
    }

    /// Waits until `count` members report `state`.
    async fn until(&self, state: &str, count: usize) {
        let started = Instant::now();
        loop {
            let mut found = 0;
            for member in &self.members {
                found += usize::from(member.is(state).await);
            }
            if found >= count {
                return;
            }
            let message = "the replica set does not have this many members in this state";
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{message}: {count} {state}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Turns replication to this member on or off. Stopping its process is not enough: the primary streams its oplog into
/// the socket.
async fn replicate(member: &MongodProcess, on: bool) {
    let mode = match on {
        true => "off",
        false => "alwaysOn",
    };
    let failpoint = doc! { "configureFailPoint": "stopReplProducer", "mode": mode };
    member.command(failpoint).await.unwrap();
}
