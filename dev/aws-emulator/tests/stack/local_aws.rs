//! `cargo run -p aws-emulator`.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const URI: &str = "mongodb://db.example.com:27017/?replicaSet=rs0";

/// Ends in order, so that it ends moto.
struct LocalAws(Child);

impl Drop for LocalAws {
    fn drop(&mut self) {
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-s", "TERM", &id]).status();
        let _ = self.0.wait();
    }
}

#[test]
fn functions_use_mongodb_uri_of_the_env_file() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(".env"), format!("MONGODB_URI={URI}\n")).unwrap();
    let mut local_aws = Command::new(env!("CARGO_BIN_EXE_aws-emulator"));
    local_aws
        .current_dir(folder.path())
        .env_remove("MONGODB_URI")
        .stdout(Stdio::null());
    let mut local_aws = LocalAws(local_aws.spawn().unwrap());
    // It writes this file last.
    let variables = folder.path().join(".local/lambda.env");
    let started = Instant::now();
    while !fs::read_to_string(&variables).is_ok_and(|text| text.ends_with('\n')) {
        assert!(started.elapsed() < Duration::from_secs(120));
        assert!(local_aws.0.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(50));
    }
    let variables = fs::read_to_string(variables).unwrap();
    assert!(variables.contains(&format!("MONGODB_URI=\"{URI}\"\n")));
    let parameters = fs::read_to_string(folder.path().join(".local/lambda.json")).unwrap();
    let parameters: Value = serde_json::from_str(&parameters).unwrap();
    assert_eq!(parameters["Parameters"]["MONGODB_URI"], URI);
    assert!(!folder.path().join(".local/mongodb-of-functions").exists());
}
