//! A MongoDB as Atlas is one: a replica set that takes connections with TLS and credentials only.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mongodb::bson::doc;
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

const OPERATOR: &str = "operator:canary-of-the-operator@";
pub const USER: &str = "service";
pub const PASSWORD: &str = "canary-of-mongodb";

pub struct SecuredMongod {
    folder: TempDir,
    port: u16,
    process: Child,
}

impl SecuredMongod {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("ca.pem"), cert.pem()).unwrap();
        fs::write(
            file("server.pem"),
            cert.pem() + &signing_key.serialize_pem(),
        )
        .unwrap();
        // By it the members of a set know each other.
        fs::write(file("key"), "a2V5IG9mIHRoZSByZXBsaWNhIHNldA==").unwrap();
        fs::set_permissions(file("key"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::create_dir(file("data")).unwrap();
        let port = aws_emulator::free_port().unwrap();
        let process = spawn(&folder, port);
        let mongod = Self {
            folder,
            port,
            process,
        };
        mongod.initiate().await;
        mongod
    }

    /// Until there is a user, whoever is on the same machine may make one.
    async fn initiate(&self) {
        let admin = self.admin("").await;
        let member = doc! { "_id": 0, "host": format!("localhost:{}", self.port) };
        let config = doc! { "_id": "rs0", "members": [member] };
        let started = Instant::now();
        while admin
            .run_command(doc! { "replSetInitiate": &config })
            .await
            .is_err()
        {
            assert!(started.elapsed() < Duration::from_secs(60), "no mongod");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (name, password) = OPERATOR.trim_end_matches('@').split_once(':').unwrap();
        let operator = doc! { "createUser": name, "pwd": password, "roles": ["root"] };
        while self
            .admin("")
            .await
            .run_command(operator.clone())
            .await
            .is_err()
        {
            assert!(started.elapsed() < Duration::from_secs(60), "no primary");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // What the README asks for, and no more.
        self.create_user(USER, &["master_db", "tenants"]).await;
    }

    /// Makes a database user with the role `readWrite` on these databases, and gives its connection string.
    pub async fn create_user(&self, name: &str, databases: &[&str]) -> String {
        let role = |db: &&str| doc! { "role": "readWrite", "db": *db };
        let roles: Vec<_> = databases.iter().map(role).collect();
        let user = doc! { "createUser": name, "pwd": PASSWORD, "roles": roles };
        self.operator().await.run_command(user).await.unwrap();
        self.uri_with(&format!("{name}:{PASSWORD}@"), "replicaSet=rs0")
    }

    pub async fn drop_user(&self, name: &str) {
        let user = doc! { "dropUser": name };
        self.operator().await.run_command(user).await.unwrap();
    }

    /// The database `admin`, as a user with every right.
    pub async fn operator(&self) -> Database {
        self.admin(OPERATOR).await
    }

    /// Gives the service's user another password, and the connection string with it.
    pub async fn replace_password(&self, password: &str) -> String {
        let user = doc! { "updateUser": USER, "pwd": password };
        self.admin(OPERATOR).await.run_command(user).await.unwrap();
        self.uri_with(&format!("{USER}:{password}@"), "replicaSet=rs0")
    }

    async fn admin(&self, credentials: &str) -> Database {
        let uri = self.uri_with(credentials, "directConnection=true");
        let mut options = ClientOptions::parse(uri).await.unwrap();
        options.server_selection_timeout = Some(Duration::from_millis(500));
        Client::with_options(options).unwrap().database("admin")
    }

    /// The connection string, with its password.
    pub fn uri(&self) -> String {
        self.uri_with(&format!("{USER}:{PASSWORD}@"), "replicaSet=rs0")
    }

    /// As [`Self::uri`], with these credentials (`user:password@`, or nothing), and with `options`.
    pub fn uri_with(&self, credentials: &str, options: &str) -> String {
        let ca = self.folder.path().join("ca.pem");
        format!(
            "mongodb://{credentials}localhost:{}/?{options}&tls=true&tlsCAFile={}",
            self.port,
            ca.display()
        )
    }

    /// The file of a certificate that is not this server's.
    pub fn other_certificate(&self) -> String {
        let CertifiedKey { cert, .. } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = self.folder.path().join("other-ca.pem");
        fs::write(&file, cert.pem()).unwrap();
        file.display().to_string()
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub async fn start_again(&mut self) {
        self.process = spawn(&self.folder, self.port);
        let started = Instant::now();
        loop {
            let admin = self.admin(OPERATOR).await;
            let hello = admin.run_command(doc! { "hello": 1 }).await;
            if hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or_default()) {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "no primary");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for SecuredMongod {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(folder: &TempDir, port: u16) -> Child {
    let file = |name: &str| folder.path().join(name);
    Command::new(mongod::find().unwrap())
        .args([
            "--bind_ip",
            "localhost",
            "--nounixsocket",
            "--replSet",
            "rs0",
        ])
        .args([
            "--port",
            &port.to_string(),
            "--wiredTigerCacheSizeGB",
            "0.25",
        ])
        .args([
            "--tlsMode",
            "requireTLS",
            "--tlsAllowConnectionsWithoutCertificates",
        ])
        .arg("--tlsCertificateKeyFile")
        .arg(file("server.pem"))
        .arg("--tlsCAFile")
        .arg(file("ca.pem"))
        .arg("--keyFile")
        .arg(file("key"))
        .arg("--dbpath")
        .arg(file("data"))
        .arg("--logpath")
        .arg(file("log"))
        .arg("--logappend")
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
