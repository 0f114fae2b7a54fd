//! The server as `cargo run` starts it: a process with its own mongod, in a folder of its own.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, doc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{PASSWORD, TestService, mongod, mongod_binary};
use crate::logs;

/// A server process and what it printed.
pub struct Server {
    pub base: String,
    process: Child,
    _stdout: BufReader<ChildStdout>,
    curl_lines: Vec<String>,
    mongodb: String,
}

fn command(folder: &Path, settings: &[(&str, &str)]) -> Command {
    // Fetched before anything is timed.
    mongod_binary();
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

/// Runs a server that is expected not to start.
pub fn refused(folder: &Path, settings: &[(&str, &str)]) -> String {
    let Output { status, stderr, .. } = command(folder, settings).output().unwrap();
    assert_eq!(status.code(), Some(1));
    let stderr = String::from_utf8(stderr).unwrap();
    logs::search(&stderr);
    stderr
}

impl Server {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    pub fn start_with(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let mut process = command(folder, settings)
            .env("RUST_LOG", "trace")
            .spawn()
            .unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        // Until it ends, with the process and its mongod.
        std::thread::spawn(move || {
            let lines = stderr.lines().map_while(Result::ok);
            lines.for_each(|line| logs::search(&line));
        });
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let (mut curl_lines, mut base, mut mongodb) = (Vec::new(), String::new(), String::new());
        while curl_lines.len() < 2 {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "the server ended");
            if let Some(uri) = line.trim().strip_prefix("MongoDB") {
                mongodb = uri.trim().to_owned();
            }
            if let Some(url) = line.trim().strip_prefix("API") {
                base = url.trim().to_owned();
            }
            if line.trim().starts_with("curl ") {
                curl_lines.push(line);
            }
        }
        Self {
            base,
            process,
            _stdout: stdout,
            curl_lines,
            mongodb,
        }
    }

    /// Pastes a line into a shell.
    fn paste(&self, line: usize) -> Value {
        let output = Command::new("sh")
            .args(["-c", &self.curl_lines[line]])
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Sends a signal that ends the process, and waits for that.
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

    /// Whether something answers where its MongoDB was.
    fn mongodb_is_there(&self) -> bool {
        let address = self
            .mongodb
            .trim_start_matches("mongodb://")
            .split('/')
            .next()
            .unwrap();
        TcpStream::connect(address).is_ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_organizations_are_purged_when_their_time_is_over() {
    let service = TestService::start().await;
    for (name, email) in [("One", "one@example.com"), ("Two", "two@example.com")] {
        service.create(name, email).await;
        service
            .delete(&service.token_of(email).await, PASSWORD)
            .await;
    }
    let over = doc! { "$set": { "purge_at": DateTime::now() } };
    let organizations = service.organizations();
    organizations
        .update_one(doc! { "name": "One" }, over)
        .await
        .unwrap();
    let folder = TempDir::new().unwrap();
    let settings = [
        ("MONGODB_URI", mongod().uri()),
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
            "nothing is purged"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.signal("INT");
    assert_eq!(service.whole().await, 1);
}

#[test]
fn the_printed_lines_can_be_pasted_and_ctrl_c_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start(folder.path());
    let created = server.paste(0);
    assert_eq!(created["organization_name"], "Akshay Pvt Ltd");
    assert_eq!(created["collection_name"], "org_akshay_pvt_ltd");
    assert_eq!(server.paste(1)["token_type"], "bearer");
    let secret = folder.path().join(".local/jwt-secret");
    assert_eq!(
        secret.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(server.mongodb_is_there());
    assert_eq!(server.signal("INT"), Some(0));
    assert!(!server.mongodb_is_there());
}

#[test]
fn data_and_secret_outlive_every_end() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start(folder.path());
    assert!(server.paste(0)["id"].is_string());
    let secret = std::fs::read(folder.path().join(".local/jwt-secret")).unwrap();
    for signal in ["KILL", "TERM", "KILL"] {
        server.signal(signal);
        server = Server::start(folder.path());
        assert_eq!(
            server.paste(0)["code"],
            "organization_name_taken",
            "after {signal}"
        );
        assert_eq!(server.paste(1)["token_type"], "bearer");
    }
    assert_eq!(
        std::fs::read(folder.path().join(".local/jwt-secret")).unwrap(),
        secret
    );
    server.signal("KILL");
    let killed = Instant::now();
    while server.mongodb_is_there() {
        assert!(
            killed.elapsed() < Duration::from_secs(20),
            "mongod outlives a killed server"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn of_all_executables_cargo_run_starts_this_one() {
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
fn a_taken_port_is_said_in_one_line() {
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
fn one_message_names_every_fault_and_the_environment_wins_over_the_file() {
    let folder = TempDir::new().unwrap();
    let file =
        "BCRYPT_COST=16\nMAX_ORGANIZATIONS=0\nJWT_ISSUER='of the file'\nRUST_LOG=info=loud=very\n";
    std::fs::write(folder.path().join(".env"), file).unwrap();
    let message = refused(
        folder.path(),
        &[
            ("ACCESS_TOKEN_TTL_SECONDS", "1s"),
            ("CORS_ALLOWED_ORIGINS", "*"),
        ],
    );
    for name in [
        "MAX_ORGANIZATIONS",
        "ACCESS_TOKEN_TTL_SECONDS",
        "ORGANIZATION_CHANGES_PER_DAY",
        "MAX_SESSIONS",
        "CORS_ALLOWED_ORIGINS",
        "RUST_LOG",
    ] {
        assert!(message.contains(name), "{name} is missing in {message}");
    }
    // The test's own environment says 10.
    assert!(
        !message.contains("BCRYPT_COST") && message.lines().count() == 1,
        "{message}"
    );
}

#[test]
fn without_any_mongodb_the_choices_are_listed() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().to_str().unwrap();
    let settings = [("PATH", home), ("HOME", home), ("XDG_CACHE_HOME", home)];
    let message = refused(folder.path(), &settings);
    for choice in ["MONGODB_URI", "mongod (https://", "pip"] {
        assert!(message.contains(choice), "{choice} is missing in {message}");
    }
}

#[test]
fn a_malformed_file_of_settings_is_refused() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(".env"), "BCRYPT COST 10\n").unwrap();
    assert!(refused(folder.path(), &[]).contains(".env"));
}

#[test]
fn the_file_of_examples_lists_every_setting() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let example = std::fs::read_to_string(root.join(".env.example")).unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let settings = json!([
        "MONGODB_URI",
        "MONGODB_URI_SECRET_ID",
        "MASTER_DB",
        "TENANT_DB",
        "JWT_SECRET_ID",
        "PEPPER_SECRET_ID",
        "JWT_ISSUER",
        "JWT_AUDIENCE",
        "ACCESS_TOKEN_TTL_SECONDS",
        "BCRYPT_COST",
        "PASSWORD_MIN_LENGTH",
        "MAX_ORGANIZATIONS",
        "LOGIN_ATTEMPTS_PER_ACCOUNT",
        "LOGIN_ATTEMPTS_PER_ADDRESS",
        "ONBOARDINGS_PER_ADDRESS",
        "CORS_ALLOWED_ORIGINS",
        "RUST_LOG",
        "HOST",
        "PORT"
    ]);
    for setting in settings.as_array().unwrap() {
        let setting = setting.as_str().unwrap();
        assert!(
            example.contains(&format!("{setting}=")),
            "{setting} is not in .env.example"
        );
        assert!(
            readme.contains(&format!("`{setting}`")),
            "{setting} is not in README.md"
        );
    }
}

#[test]
fn l1_a_malformed_env_file_is_refused_without_its_text() {
    let folder = TempDir::new().unwrap();
    for value in [
        "mongodb://user:hunter2 pass@host/",
        "'mongodb://user:hunter2@host/",
    ] {
        std::fs::write(folder.path().join(".env"), format!("MONGODB_URI={value}\n")).unwrap();
        let message = refused(folder.path(), &[]);
        assert!(message.contains(".env cannot be read"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_own_mongod_ends_says_so_and_ends() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start_with(folder.path(), &[]);
    let uri = format!("{}&directConnection=true", server.mongodb);
    let client = mongodb::Client::with_uri_str(uri).await.unwrap();
    // It ends before it can answer.
    let shutdown = doc! { "shutdown": 1, "force": true };
    let _ = client.database("admin").run_command(shutdown).await;
    let ended = tokio::task::spawn_blocking(move || server.process.wait().unwrap());
    assert_eq!(ended.await.unwrap().code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_origins_options_is_a_method_like_any_other() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start_with(folder.path(), &[("MONGODB_URI", &mongod().uri())]);
    for (path, status) in [("/org/create", 405), ("/nothing", 404)] {
        let url = format!("{}{path}", server.base);
        let options = reqwest::Client::new().request(reqwest::Method::OPTIONS, url);
        let options = options.header("origin", "https://app.example");
        let answer = options
            .header("access-control-request-method", "POST")
            .send()
            .await;
        assert_eq!(answer.unwrap().status(), status, "{path}");
    }
    server.signal("KILL");
}
