//! Starts the stack for a test and invokes its functions as API Gateway does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aws_emulator::{Function, NotStarted, Profile, SecretsManager};
use aws_sdk_secretsmanager::Client;
use serde_json::{Value, json};

use crate::secured_mongod::SecuredMongod;

pub const MONGODB_URI_SECRET: &str = "organization-service/mongodb-uri";
pub const JWT_SECRET: &str = "organization-service/jwt";
pub const PEPPER_SECRET: &str = "organization-service/pepper";
pub const PASSWORD: &str = "Admin@123";

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The service's functions: the folder names in `functions/`, without those of a product.
pub fn functions() -> BTreeSet<String> {
    let folders = xtask::functions::folders().unwrap().into_iter();
    folders
        .filter(|folder| !xtask::functions::is_of_product(folder))
        .collect()
}

/// Path of a function's executable, built with the profile of the tests. Builds all of them once per process.
pub fn executable(function: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER
        .get_or_init(|| aws_emulator::build(Profile::Dev).unwrap())
        .join(function)
}

pub struct Stack {
    pub mongod: SecuredMongod,
    pub secrets: Client,
    manager: SecretsManager,
}

impl Stack {
    /// Starts MongoDB and Secrets Manager with a connection string, a signing secret and a pepper.
    pub async fn start() -> Self {
        let building = tokio::task::spawn_blocking(|| executable(""));
        let (mongod, manager) = tokio::join!(SecuredMongod::start(), SecretsManager::start());
        building.await.unwrap();
        let manager = manager.unwrap();
        let stack = Self {
            secrets: manager.client().await,
            mongod,
            manager,
        };
        stack.keep(MONGODB_URI_SECRET, &stack.mongod.uri()).await;
        stack
            .keep(JWT_SECRET, "a signing secret of 32 bytes or more")
            .await;
        stack
            .keep(PEPPER_SECRET, "a pepper of 32 bytes or more, for tests")
            .await;
        stack
    }

    /// Creates a secret and returns its ARN.
    pub async fn keep(&self, name: &str, value: &str) -> String {
        let made = self.secrets.create_secret().name(name).secret_string(value);
        made.send().await.unwrap().arn.unwrap()
    }

    /// Stores `value` as the current version of a secret.
    pub async fn replace(&self, name: &str, value: &str) {
        let put = self.secrets.put_secret_value().secret_id(name);
        put.secret_string(value).send().await.unwrap();
    }

    /// Stages a version of the signing secret as Secrets Manager does when a rotation begins. moto requires a value.
    pub async fn stage_pending(&self, version: &str) {
        let put = self.secrets.put_secret_value().secret_id(JWT_SECRET);
        let put = put
            .client_request_token(version)
            .version_stages("AWSPENDING");
        let value = format!("a pending signing secret: {version}");
        put.secret_string(value).send().await.unwrap();
    }

    /// The id of the signing secret's version with this staging label.
    pub async fn version(&self, stage: &str) -> Option<String> {
        let described = self.secrets.describe_secret().secret_id(JWT_SECRET).send();
        let versions = described.await.unwrap().version_ids_to_stages.unwrap();
        let mut found = versions.into_iter();
        let found = found.find(|(_, stages)| stages.iter().any(|label| label == stage));
        found.map(|(version, _)| version)
    }

    /// The URL of the services that stand in for AWS.
    pub fn aws_url(&self) -> &str {
        self.manager.url()
    }

    /// The settings that the template gives every function, with a cheaper hash.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = self.manager.settings().to_vec();
        settings.extend([
            ("MONGODB_URI", String::new()),
            ("MONGODB_URI_SECRET_ID", MONGODB_URI_SECRET.to_owned()),
            ("JWT_SECRET_ID", JWT_SECRET.to_owned()),
            ("PEPPER_SECRET_ID", PEPPER_SECRET.to_owned()),
            ("BCRYPT_COST", "10".to_owned()),
        ]);
        settings
    }

    pub async fn function(&self, name: &str) -> Function {
        self.function_with(name, &[]).await.unwrap()
    }

    /// Starts a function. `settings` override the defaults.
    pub async fn function_with(
        &self,
        name: &str,
        settings: &[(&'static str, &str)],
    ) -> Result<Function, NotStarted> {
        let mut all = self.settings();
        all.extend(
            settings
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        Function::start(&executable(name), &all).await
    }
}

/// Loads a sample event.
pub fn event(file: &str) -> Value {
    let text = fs::read_to_string(root().join("events").join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A sample event with this body.
pub fn request(file: &str, body: &Value) -> Value {
    let mut event = event(file);
    event["body"] = body.to_string().into();
    event
}

/// A sample event with a bearer token.
pub fn with_token(file: &str, token: &str) -> Value {
    let mut event = event(file);
    event["headers"]["authorization"] = format!("Bearer {token}").into();
    event
}

/// Sends a request and returns the status and body.
pub async fn send(function: &Function, event: &Value) -> (u16, Value) {
    let response = function.invoke(event).await.unwrap();
    let status = u16::try_from(response["statusCode"].as_u64().unwrap()).unwrap();
    let body = response["body"].as_str().unwrap_or_default();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Creates the organization Acme.
pub async fn create(function: &Function) -> (u16, Value) {
    let body = json!({"organization_name": "Acme", "email": "a@example.com", "password": PASSWORD});
    send(function, &request("create-org.json", &body)).await
}

/// Logs the admin of Acme in.
pub async fn log_in(function: &Function) -> (u16, Value) {
    let body = json!({"email": "a@example.com", "password": PASSWORD});
    send(function, &request("admin-login.json", &body)).await
}

/// Logs in and returns the access token.
pub async fn token(function: &Function) -> String {
    let (status, body) = log_in(function).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}
