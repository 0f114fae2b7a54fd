//! A MongoDB configured like Atlas: a replica set that requires TLS and credentials.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use testkit::MongodProcess;

const OPERATOR: &str = "operator:canary-of-the-operator@";
pub const USER: &str = "service";
pub const PASSWORD: &str = "canary-of-mongodb";

/// Dropping it kills the process.
pub struct SecuredMongod(MongodProcess);

impl SecuredMongod {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("ca.pem"), cert.pem()).unwrap();
        let pem = cert.pem() + &signing_key.serialize_pem();
        fs::write(file("server.pem"), pem).unwrap();
        // Key file for authentication between replica set members.
        fs::write(file("key"), "a2V5IG9mIHRoZSByZXBsaWNhIHNldA==").unwrap();
        fs::set_permissions(file("key"), fs::Permissions::from_mode(0o600)).unwrap();
        let path = |name: &str| file(name).display().to_string();
        let options = [
            "--replSet",
            "rs0",
            "--bind_ip",
            "localhost",
            "--tlsMode",
            "requireTLS",
            "--tlsAllowConnectionsWithoutCertificates",
            "--tlsCertificateKeyFile",
            &path("server.pem"),
            "--tlsCAFile",
            &path("ca.pem"),
            "--keyFile",
            &path("key"),
        ];
        let mongod = Self(MongodProcess::spawn_in(folder, &options));
        mongod.initiate().await;
        mongod
    }

    /// Initiates the replica set and creates the users. MongoDB needs no credentials until the first user exists.
    async fn initiate(&self) {
        let member = doc! { "_id": 0, "host": format!("localhost:{}", self.0.port) };
        let config = doc! { "_id": "rs0", "members": [member] };
        self.until_accepted(doc! { "replSetInitiate": config })
            .await;
        let (name, password) = OPERATOR.trim_end_matches('@').split_once(':').unwrap();
        let operator = doc! { "createUser": name, "pwd": password, "roles": ["root"] };
        self.until_accepted(operator).await;
        // The documented roles.
        self.create_user(USER, &["master_db", "tenants"]).await;
    }

    async fn until_accepted(&self, command: Document) {
        let started = Instant::now();
        while let Err(error) = self.admin("").await.run_command(command.clone()).await {
            assert!(started.elapsed() < Duration::from_secs(60), "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Creates a user with the role `readWrite` on these databases. Returns its connection string.
    pub async fn create_user(&self, name: &str, databases: &[&str]) -> String {
        let role = |db: &&str| doc! { "role": "readWrite", "db": *db };
        let roles: Vec<_> = databases.iter().map(role).collect();
        let user = doc! { "createUser": name, "pwd": PASSWORD, "roles": roles };
        self.operator().await.run_command(user).await.unwrap();
        self.uri_with(&format!("{name}:{PASSWORD}@"), "replicaSet=rs0")
    }

    /// Creates a user with the documented rights of a product. Returns its connection string.
    pub async fn create_product_user(&self, name: &str) -> String {
        let on = |collection: &str| doc! { "db": "master_db", "collection": collection };
        let role = doc! {
            "createRole": "product",
            "privileges": [
                { "resource": on("open_tenants"), "actions": ["find"] },
                { "resource": on("product_events"), "actions": ["insert"] },
            ],
            "roles": [{ "role": "readWrite", "db": "tenants" }],
        };
        let operator = self.operator().await;
        operator.run_command(role).await.unwrap();
        let user = doc! { "createUser": name, "pwd": PASSWORD, "roles": ["product"] };
        operator.run_command(user).await.unwrap();
        self.uri_with(&format!("{name}:{PASSWORD}@"), "replicaSet=rs0")
    }

    pub async fn drop_user(&self, name: &str) {
        let user = doc! { "dropUser": name };
        self.operator().await.run_command(user).await.unwrap();
    }

    /// The database `admin`, accessed as a user with the role `root`.
    pub async fn operator(&self) -> Database {
        self.admin(OPERATOR).await
    }

    /// Changes the password of the service's user. Returns the new connection string.
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

    /// As [`Self::uri`], with these credentials (`user:password@` or empty) and `options`.
    pub fn uri_with(&self, credentials: &str, options: &str) -> String {
        let ca = self.0.folder().join("ca.pem");
        format!(
            "mongodb://{credentials}localhost:{}/?{options}&tls=true&tlsCAFile={}",
            self.0.port,
            ca.display()
        )
    }

    /// Writes a certificate that is not this server's. Returns its path.
    pub fn other_certificate(&self) -> String {
        let CertifiedKey { cert, .. } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = self.0.folder().join("other-ca.pem");
        fs::write(&file, cert.pem()).unwrap();
        file.display().to_string()
    }

    pub fn kill(&mut self) {
        self.0.kill();
    }

    pub async fn restart(&mut self) {
        self.0.respawn();
        let started = Instant::now();
        loop {
            let admin = self.admin(OPERATOR).await;
            let hello = admin.run_command(doc! { "hello": 1 }).await;
            if hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or_default()) {
                return;
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "mongod did not become primary after a restart"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
