//! Whether the time of a refused login tells why it was refused: `cargo bench --bench login_paths`.
//!
//! The paths are taken in turn, so that whatever else the machine does meets all of them alike. Prints the
//! medians and their differences as Markdown.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark ends where it cannot go on"
)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

const ROUNDS: usize = 200;
const PATHS: [(&str, &str, &str); 3] = [
    ("unknown email", "nobody@example.com", "Admin@123"),
    ("wrong password", "admin@example.com", "not the password"),
    (
        "disabled admin, right password",
        "disabled@example.com",
        "Admin@123",
    ),
];

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, _stdout, base, mongodb) = start(folder.path());
    let http = reqwest::Client::new();
    for (name, email) in [
        ("One", "admin@example.com"),
        ("Two", "disabled@example.com"),
    ] {
        let body = json!({"organization_name": name, "email": email, "password": "Admin@123"});
        let created = post(&http, &format!("{base}/org/create"), &body).await;
        assert_eq!(created, 201);
    }
    let mongo = mongodb::Client::with_uri_str(mongodb).await.unwrap();
    let admins = mongo.database("master_db").collection::<Document>("admins");
    let disabled = doc! { "$set": { "status": "disabled" } };
    let email = doc! { "email": "disabled@example.com" };
    admins.update_one(email, disabled).await.unwrap();
    let mut times = PATHS.map(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for ((_, email, password), times) in PATHS.iter().zip(&mut times) {
            let body = json!({"email": email, "password": password});
            let started = Instant::now();
            assert_eq!(
                post(&http, &format!("{base}/admin/login"), &body).await,
                401
            );
            times.push(started.elapsed());
        }
    }
    report(&mut times);
    let _ = server.kill();
    let _ = server.wait();
}

/// The server on a database of its own, with the cost of production and without a limit of guesses. It goes on
/// printing, and ends where nobody can read that.
fn start(folder: &Path) -> (Child, BufReader<ChildStdout>, String, String) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_server"))
        .current_dir(folder)
        .env_remove("MONGODB_URI")
        .env("PORT", "0")
        .env("LOGIN_ATTEMPTS_PER_ACCOUNT", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut base, mut mongodb) = (None, None);
    let mut stdout = BufReader::new(server.stdout.take().unwrap());
    for line in stdout.by_ref().lines() {
        let line = line.unwrap();
        let value = |name: &str| {
            line.trim()
                .strip_prefix(name)
                .map(|text| text.trim().to_owned())
        };
        base = base.or(value("API"));
        mongodb = mongodb.or(value("MongoDB"));
        if base.is_some() && mongodb.is_some() {
            break;
        }
    }
    (server, stdout, base.unwrap(), mongodb.unwrap())
}

async fn post(http: &reqwest::Client, url: &str, body: &Value) -> u16 {
    let answer = http.post(url).json(body).send().await.unwrap();
    let status = answer.status().as_u16();
    answer.bytes().await.unwrap();
    status
}

fn report(times: &mut [Vec<Duration>; 3]) {
    println!("| refused for | median of {ROUNDS}, ms | beside the first |\n|---|---|---|");
    let mut first = None;
    for ((name, ..), times) in PATHS.iter().zip(times) {
        times.sort_unstable();
        let median = times.get(ROUNDS / 2).unwrap().as_secs_f64() * 1000.0;
        let first = *first.get_or_insert(median);
        let difference = (median / first - 1.0) * 100.0;
        println!("| {name} | {median:.2} | {difference:+.2} % |");
    }
}
