//! The server as started by `cargo run`: a process with its own mongod and data folder.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, Document, doc};
use serde_json::Value;
use tempfile::TempDir;

use testkit::{MongodProcess, PASSWORD, TestService, shared_mongod};

/// A server process and its output.
pub struct Server {
    pub base: String,
    process: Child,
    _stdout: BufReader<ChildStdout>,
    /// The printed calls: create, login, show.
    calls: Vec<String>,
    pub mongodb: String,
}

pub fn command(folder: &Path, settings: &[(&str, &str)]) -> Command {
    // Downloads mongod before any timeout starts.
    mongod::find().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command
        .current_dir(folder)
        .env_remove("MONGODB_URI")
        .env_remove("MONGODB_URI_SECRET_ID")
        .env("BCRYPT_COST", "10")
        .env("PORT", "0");
    command.envs(settings.iter().copied());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a server that must fail to start. Returns its error output.
pub fn refused(folder: &Path, settings: &[(&str, &str)]) -> String {
    let Output { status, stderr, .. } = command(folder, settings).output().unwrap();
    assert_eq!(status.code(), Some(1));
    let stderr = String::from_utf8(stderr).unwrap();
    testkit::assert_no_secret(&stderr);
    stderr
}

impl Server {
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    pub fn start_with(folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::spawn(command(folder, settings))
    }

    /// Starts the server of [`command`].
    pub fn spawn(mut command: Command) -> Self {
        let mut process = command.env("RUST_LOG", "trace").spawn().unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        // The thread ends when the process and its mongod close stderr.
        std::thread::spawn(move || {
            let lines = stderr.lines().map_while(Result::ok);
            lines.for_each(|line| testkit::assert_no_secret(&line));
        });
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let (mut calls, mut base, mut mongodb) = (String::new(), String::new(), String::new());
        while !calls.contains("Bearer $ACCESS_TOKEN") {
            let mut line = String::new();
            assert!(
                stdout.read_line(&mut line).unwrap() > 0,
                "the server exited before it printed its address and examples"
            );
            if let Some(uri) = line.trim().strip_prefix("MongoDB") {
                mongodb = uri.trim().to_owned();
            }
            if let Some(url) = line.trim().strip_prefix("API") {
                base = url.trim().to_owned();
            }
            if line.starts_with("curl ") || !calls.is_empty() {
                calls.push_str(&line);
            }
        }
        Self {
            base,
            process,
            _stdout: stdout,
            calls: calls.split("\n\n").map(str::to_owned).collect(),
            mongodb,
        }
    }

    /// Runs the printed command that creates the organization.
    pub fn create(&self) -> Value {
        run(&self.calls[0])
    }

    /// Runs the printed commands that log in and show the organization.
    fn show(&self) -> Value {
        run(&self.calls[1..].join("\n"))
    }

    /// Runs the printed command that logs in. Returns the access token.
    pub fn access_token(&self) -> String {
        let script = format!("{}\necho \"\\\"$ACCESS_TOKEN\\\"\"", self.calls[1]);
        run(&script).as_str().unwrap().to_owned()
    }

    /// Sends a signal and waits until the process exits. Returns its exit code.
    pub fn signal(&mut self, signal: &str) -> Option<i32> {
        self.send_signal(signal);
        self.process.wait().unwrap().code()
    }

    pub fn send_signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Whether the address of its MongoDB accepts connections.
    fn mongodb_is_reachable(&self) -> bool {
        let address = self
            .mongodb
            .trim_start_matches("mongodb://")
            .split('/')
            .next()
            .unwrap();
        TcpStream::connect(address).is_ok()
    }
}

/// Runs a script that prints JSON.
fn run(script: &str) -> Value {
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_another_version_is_refused_with_what_to_remove() {
    let folder = TempDir::new().unwrap();
    for (change, age) in [
        (doc! { "$set": { "version": 2 } }, "a later version"),
        (doc! { "$set": { "version": 0 } }, "an earlier version"),
    ] {
        let mut server = Server::start(folder.path());
        server.create();
        let master = mongodb::Client::with_uri_str(&server.mongodb)
            .await
            .unwrap();
        let schema = master
            .database("master_db")
            .collection::<Document>("schema");
        let stored = schema.update_one(doc! {}, change).await.unwrap();
        assert_eq!(stored.modified_count, 1);
        assert_eq!(server.signal("TERM"), Some(0));
        let message = refused(folder.path(), &[]);
        assert!(message.contains(age), "{message}");
        assert!(message.contains("rm -r .local/mongodb"), "{message}");
        std::fs::remove_dir_all(folder.path().join(".local/mongodb")).unwrap();
    }
    let mut server = Server::start(folder.path());
    assert_eq!(server.create()["collection_name"], "org_akshay_pvt_ltd");
    server.signal("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_organizations_are_purged_after_their_grace_period() {
    let service = TestService::start().await;
    for (name, email) in [("One", "one@example.com"), ("Two", "two@example.com")] {
        service.create(name, email).await;
        service
            .delete(&service.token_of(email).await, PASSWORD)
            .await;
    }
    let over = doc! { "$set": { "deleted.purge_at": DateTime::now() } };
    let organizations = service.organizations();
    organizations
        .update_one(doc! { "name": "One" }, over)
        .await
        .unwrap();
    let folder = TempDir::new().unwrap();
    let settings = [
        ("MONGODB_URI", shared_mongod().uri()),
        ("MASTER_DB", organizations.namespace().db),
        ("TENANT_DB", service.tenants().name().to_owned()),
    ];
    let settings = settings
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let mut server = Server::start_with(folder.path(), &settings);
    let started = Instant::now();
    while organizations.count_documents(doc! {}).await.unwrap() == 2 {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "the server purged no organization"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.signal("INT");
    assert_eq!(service.assert_consistent().await, 1);
}

#[test]
fn the_printed_commands_work_and_ctrl_c_ends_all_processes() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start(folder.path());
    let created = server.create();
    assert_eq!(created["organization_name"], "Akshay Pvt Ltd");
    assert_eq!(created["collection_name"], "org_akshay_pvt_ltd");
    assert_eq!(server.show()["collection_name"], "org_akshay_pvt_ltd");
    let secret = folder.path().join(".local/jwt-secret");
    assert_eq!(
        secret.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(server.mongodb_is_reachable());
    assert_eq!(server.signal("INT"), Some(0));
    assert!(!server.mongodb_is_reachable());
}

#[test]
fn data_and_secrets_survive_a_restart_and_a_kill() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start(folder.path());
    assert!(server.create()["id"].is_string());
    let secret = std::fs::read(folder.path().join(".local/jwt-secret")).unwrap();
    for signal in ["KILL", "TERM", "KILL"] {
        server.signal(signal);
        server = Server::start(folder.path());
        assert_eq!(
            server.create()["code"],
            "organization_name_taken",
            "after {signal}"
        );
        assert_eq!(server.show()["collection_name"], "org_akshay_pvt_ltd");
    }
    assert_eq!(
        std::fs::read(folder.path().join(".local/jwt-secret")).unwrap(),
        secret
    );
    server.signal("KILL");
    let killed = Instant::now();
    while server.mongodb_is_reachable() {
        assert!(
            killed.elapsed() < Duration::from_secs(20),
            "mongod still runs after its server was killed"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn cargo_run_starts_the_server() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(env!("CARGO"));
    let cargo = cargo.args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    let output = cargo.current_dir(root).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let chosen: Vec<&str> = packages
        .iter()
        .filter_map(|package| package["default_run"].as_str())
        .collect();
    assert_eq!(chosen, ["server"]);
}

#[test]
fn a_used_port_is_reported_in_one_line() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let message = refused(folder.path(), &[("PORT", &port)]);
    assert!(
        message.lines().count() == 1 && message.contains(&port),
        "{message}"
    );
}

#[test]
fn without_mongodb_the_message_lists_the_choices() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().to_str().unwrap();
    let settings = [("PATH", home), ("HOME", home), ("XDG_CACHE_HOME", home)];
    let message = refused(folder.path(), &settings);
    for choice in ["MONGODB_URI", "mongod (https://", "pip"] {
        assert!(message.contains(choice), "{choice} is missing in {message}");
    }
}

#[test]
fn the_readme_has_the_printed_calls() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start(folder.path());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for call in &server.calls {
        let call = call.trim().replace(&server.base, "http://127.0.0.1:8000");
        assert!(readme.contains(&call), "the README lacks: {call}");
    }
    server.signal("TERM");
}

#[test]
fn mongodb_keeps_its_port() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start(folder.path());
    let first = server.mongodb.clone();
    for signal in ["TERM", "KILL"] {
        server.signal(signal);
        server = Server::start(folder.path());
        assert_eq!(server.mongodb, first, "after {signal}");
    }
    server.signal("TERM");
    let port = first.split([':', '/']).nth(4).unwrap();
    let _taken = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    server = Server::start(folder.path());
    assert_ne!(server.mongodb, first);
    server.signal("TERM");
}

#[test]
fn a_standalone_mongod_is_refused_with_and_without_replica_set() {
    let standalone = MongodProcess::spawn(&[]);
    let folder = TempDir::new().unwrap();
    for uri in [
        standalone.direct_uri(),
        standalone
            .direct_uri()
            .replace("directConnection=true", "replicaSet=rs0"),
    ] {
        let message = refused(folder.path(), &[("MONGODB_URI", &uri)]);
        assert!(message.contains("standalone"), "{uri}: {message}");
        assert!(message.contains("--replSet rs0"), "{uri}: {message}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_is_refused() {
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join(".local"),
        "a file, so that it cannot be a folder",
    )
    .unwrap();
    let message = refused(folder.path(), &[]);
    assert!(
        message.contains("the data folder .local/mongodb cannot be used"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_ends_with_its_mongod_and_says_so() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start_with(folder.path(), &[]);
    let uri = format!("{}&directConnection=true", server.mongodb);
    let client = mongodb::Client::with_uri_str(uri).await.unwrap();
    // The connection closes before a response.
    let shutdown = doc! { "shutdown": 1, "force": true };
    let _ = client.database("admin").run_command(shutdown).await;
    let ended = tokio::task::spawn_blocking(move || server.process.wait().unwrap());
    assert_eq!(ended.await.unwrap().code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_cors_a_preflight_request_gets_a_hint() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start_with(folder.path(), &[("MONGODB_URI", &shared_mongod().uri())]);
    for (path, status) in [("/org/create", 405), ("/nothing", 404)] {
        let url = format!("{}{path}", server.base);
        let options = reqwest::Client::new().request(reqwest::Method::OPTIONS, url);
        let options = options.header("origin", "https://app.example");
        let response = options
            .header("access-control-request-method", "POST")
            .send()
            .await;
        let response = response.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let text = response.text().await.unwrap();
        assert_eq!(
            text.contains("CORS_ALLOWED_ORIGINS"),
            status == 405,
            "{text}"
        );
    }
    server.signal("KILL");
}

#[test]
fn the_printed_addresses_can_be_reached() {
    let mongodb = shared_mongod().uri();
    for (host, begin) in [
        ("127.0.0.2", "http://127.0.0.2:"),
        ("::1", "http://[::1]:"),
        ("0.0.0.0", "http://127.0.0.1:"),
        ("::", "http://[::1]:"),
        ("localhost", "http://"),
    ] {
        let folder = TempDir::new().unwrap();
        let name = format!("a{:016x}", fastrand::u64(..));
        let settings = [
            ("HOST", host),
            ("MONGODB_URI", &mongodb),
            ("MASTER_DB", &name),
            ("TENANT_DB", &*format!("{name}_t")),
        ];
        let mut server = Server::start_with(folder.path(), &settings);
        assert!(server.base.starts_with(begin), "{host}: {}", server.base);
        assert_eq!(
            server.create()["collection_name"],
            "org_akshay_pvt_ltd",
            "{host}"
        );
        assert_eq!(
            server.show()["collection_name"],
            "org_akshay_pvt_ltd",
            "{host}"
        );
        server.signal("KILL");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_bodies_do_not_block_other_requests() {
    use tokio::io::AsyncWriteExt;
    let service = TestService::start().await;
    service.create("Acme", "a@example.com").await;
    let address = service.address();
    let mut open = Vec::new();
    for number in 0..150 {
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let (path, length) = match number % 2 {
            0 => ("/admin/login", 1000),
            _ => ("/org/create", 9_000_000),
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{{\"email\":"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        open.push(connection);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let login = tokio::time::timeout(
        Duration::from_secs(4),
        service.log_in("a@example.com", PASSWORD),
    );
    assert_eq!(
        login
            .await
            .expect("the login waits for other requests with unfinished bodies")
            .status,
        200
    );
    drop(open);
}

#[test]
fn a_mongod_that_does_not_run_is_named_with_the_reason() {
    // The header of an executable for another processor.
    let foreign = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xf7\0".as_slice();
    for (content, mode, reason) in [
        (b"".as_slice(), 0o644, "Permission denied"),
        (foreign, 0o755, "Exec format error"),
    ] {
        let folder = TempDir::new().unwrap();
        let mongod = folder.path().join("mongod");
        std::fs::write(&mongod, content).unwrap();
        std::fs::set_permissions(&mongod, PermissionsExt::from_mode(mode)).unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let message = refused(folder.path(), &[("PATH", &path)]);
        let expected = format!("{} does not run: {reason}", mongod.display());
        assert!(message.contains(&expected), "{message}");
    }
}
