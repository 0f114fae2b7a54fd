//! `mongod` as a child that ends with its parent, however that ends.
//!
//! A small shell script stands between: it reads from a pipe that only this process holds open. When the pipe
//! closes, after a drop, an exit or a SIGKILL, the script ends mongod.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::end::{self, Ended, RunLog};
use crate::replica_set;

const WATCHDOG: &str = r#"
signal=$1 remove=$2; shift 2
ulimit -n "$(ulimit -H -n)" 2>/dev/null
exec 3<&0
"$@" </dev/null 3<&- &
mongod=$!
{ read -r _ <&3; kill -s "$signal" "$mongod" 2>/dev/null; } &
watch=$!
wait "$mongod"; status=$?
kill "$watch" 2>/dev/null
[ -z "$remove" ] || rm -rf "$remove"
exit "$status"
"#;
/// For a start, a recovery after a crash included.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// For another mongod that is just ending in the same data folder.
const FOLDER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the kept port may be in use, by a mongod that is ending, before another port is used.
const PORT_TIMEOUT: Duration = Duration::from_secs(5);
const PORT_FILE: &str = "port";
/// Exit codes: see <https://www.mongodb.com/docs/manual/reference/exit-codes/>.
const ADDRESS_IN_USE: i32 = 48;
const FOLDER_IN_USE: i32 = 100;

/// Purpose of a mongod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Data stays, and the end is an orderly one.
    Keep,
    /// Failpoints can be set; at the end the process is killed and the data folder removed.
    Test,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("mongod cannot be run: {0}")]
    Io(#[from] io::Error),
    #[error("the data folder {} cannot be used: {error}", folder.display())]
    Folder { folder: PathBuf, error: io::Error },
    #[error("the data folder {0} is in use by another server")]
    FolderInUse(PathBuf),
    #[error(transparent)]
    Ended(#[from] Ended),
    #[error("mongod did not become ready: {0}")]
    NotReady(mongodb::error::Error),
}

/// A running one-node replica set.
#[derive(Debug)]
pub struct Mongod {
    port: u16,
    watchdog: Child,
    binary: PathBuf,
    folder: PathBuf,
    log: RunLog,
}

impl Mongod {
    /// Runs `binary` on the data in `folder`, and waits until it takes writes.
    pub async fn start(binary: &Path, folder: &Path, purpose: Purpose) -> Result<Self, StartError> {
        std::fs::create_dir_all(folder).map_err(|error| StartError::Folder {
            folder: folder.to_owned(),
            error,
        })?;
        let started = Instant::now();
        let mut kept_port = kept_port(folder, purpose);
        loop {
            // The mongod of a killed server may still listen there. It would be taken for the new one.
            while kept_port.is_some_and(|port| !is_free(port)) {
                kept_port = kept_port.filter(|_| started.elapsed() < PORT_TIMEOUT);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let port = kept_port.map_or_else(free_port, Ok)?;
            let log = RunLog::new(folder);
            let watchdog = spawn(binary, folder, purpose, port, &log)?;
            let (binary, folder) = (binary.to_owned(), folder.to_owned());
            let mut mongod = Self {
                port,
                watchdog,
                binary,
                folder,
                log,
            };
            match mongod.ready().await? {
                None => {
                    keep_port(&mongod.folder, purpose, port)?;
                    return Ok(mongod);
                }
                Some(status) if status.code() == Some(ADDRESS_IN_USE) => {
                    kept_port = kept_port.filter(|_| started.elapsed() < PORT_TIMEOUT);
                }
                Some(status) if status.code() == Some(FOLDER_IN_USE) => {
                    if started.elapsed() > FOLDER_TIMEOUT {
                        return Err(StartError::FolderInUse(mongod.folder.clone()));
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Some(status) => return Err(mongod.reason(status).into()),
            }
        }
    }

    /// On loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The connection string.
    pub fn uri(&self) -> String {
        format!(
            "mongodb://127.0.0.1:{}/?replicaSet={}",
            self.port,
            replica_set::NAME
        )
    }

    /// Ends mongod and waits for its end.
    pub async fn stop(mut self) -> io::Result<()> {
        drop(self.watchdog.stdin.take());
        self.exit_status().await.map(drop)
    }

    /// Waits for its end, and returns the reason.
    pub async fn ended(&mut self) -> io::Result<Ended> {
        let status = self.exit_status().await?;
        Ok(self.reason(status))
    }

    fn reason(&self, status: ExitStatus) -> Ended {
        end::reason(&self.binary, &self.folder, &self.log, status)
    }

    async fn exit_status(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.watchdog.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the replica set takes writes; an exit status if the process ended before that.
    async fn ready(&mut self) -> Result<Option<ExitStatus>, StartError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.watchdog.try_wait()? {
                return Ok(Some(status));
            }
            match replica_set::make_primary(self.port).await {
                Ok(true) => return Ok(None),
                Err(error) if started.elapsed() > START_TIMEOUT => {
                    return Err(StartError::NotReady(error));
                }
                Ok(false) | Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port that is free now. Another process may take it before it is used.
pub fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// The port of the last start with these data, so that a tool can stay connected.
fn kept_port(folder: &Path, purpose: Purpose) -> Option<u16> {
    if purpose == Purpose::Test {
        return None;
    }
    let text = std::fs::read_to_string(folder.join(PORT_FILE)).ok()?;
    text.trim().parse().ok()
}

fn keep_port(folder: &Path, purpose: Purpose, port: u16) -> io::Result<()> {
    match purpose {
        Purpose::Keep => std::fs::write(folder.join(PORT_FILE), format!("{port}\n")),
        Purpose::Test => Ok(()),
    }
}

fn spawn(
    binary: &Path,
    folder: &Path,
    purpose: Purpose,
    port: u16,
    log: &RunLog,
) -> io::Result<Child> {
    let mut command = Command::new("sh");
    command.args(["-c", WATCHDOG, "mongod"]);
    match purpose {
        Purpose::Keep => command.args(["TERM", ""]),
        Purpose::Test => command.arg("KILL").arg(folder),
    };
    command.arg(binary);
    command.args([
        "--bind_ip",
        "127.0.0.1",
        "--nounixsocket",
        "--replSet",
        replica_set::NAME,
    ]);
    command.args([
        "--port",
        &port.to_string(),
        "--wiredTigerCacheSizeGB",
        "0.25",
        "--logappend",
    ]);
    command
        .arg("--dbpath")
        .arg(folder)
        .arg("--logpath")
        .arg(&log.file);
    // A primary gives its secondaries 15 seconds to catch up before it ends; here there are none.
    command.args([
        "--setParameter",
        "shutdownTimeoutMillisForSignaledShutdown=100",
    ]);
    if purpose == Purpose::Test {
        command.args(["--setParameter", "enableTestCommands=1"]);
    }
    // Ctrl-C goes to the whole process group; mongod ends after its last client, not with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn()
}
