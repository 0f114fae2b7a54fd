//! The dependencies of functions while they are measured: a mongod, a Secrets Manager with two secrets, and events.

use std::fs;
use std::path::Path;

use aws_emulator::{Function, SecretsManager};
use mongod::{Mongod, Purpose};
use serde_json::{Value, json};

use crate::{Outcome, root};

pub const EMAIL: &str = "admin@example.com";
pub const PASSWORD: &str = "Admin@123";

pub struct Backend {
    pub mongod: Mongod,
    pub manager: SecretsManager,
}

impl Backend {
    pub async fn start() -> Outcome<Self> {
        let folder = tempfile::tempdir()?.keep();
        let binary = tokio::task::spawn_blocking(mongod::find).await??;
        let backend = Self {
            mongod: Mongod::start(&binary, &folder, Purpose::Test).await?,
            manager: SecretsManager::start().await?,
        };
        backend.keep("mongodb-uri", &backend.mongod.uri()).await?;
        backend
            .keep("jwt", "a signing secret of 32 bytes or more")
            .await?;
        backend
            .keep("pepper", "a pepper of 32 bytes or more, for keyed hashes")
            .await?;
        Ok(backend)
    }

    async fn keep(&self, name: &str, value: &str) -> Outcome<()> {
        let client = self.manager.client().await;
        let made = client.create_secret().name(name).secret_string(value);
        made.send().await?;
        Ok(())
    }

    /// As the template has it, with the default cost of a hash and no limits for one address.
    pub async fn function(&self, binaries: &Path, name: &str) -> Outcome<Function> {
        self.function_with(binaries, name, &[]).await
    }

    /// The same, but for these settings.
    pub async fn function_with(
        &self,
        binaries: &Path,
        name: &str,
        others: &[(&'static str, String)],
    ) -> Outcome<Function> {
        let mut settings = self.manager.settings().to_vec();
        settings.extend(
            [
                ("JWT_SECRET_ID", "jwt"),
                ("PEPPER_SECRET_ID", "pepper"),
                ("MONGODB_URI_SECRET_ID", "mongodb-uri"),
                ("LOGIN_ATTEMPTS_PER_ADDRESS", "0"),
                ("ONBOARDINGS_PER_ADDRESS", "0"),
                ("MAX_ORGANIZATIONS", "100000"),
                ("RUST_LOG", "info"),
            ]
            .map(|(name, value)| (name, value.to_owned())),
        );
        settings.extend_from_slice(others);
        let started = Function::start(&binaries.join(name), &settings).await;
        started.map_err(|error| format!("{name} does not start: {error:?}").into())
    }
}

/// A sample event.
pub fn event(file: &str) -> Outcome<Value> {
    let text = fs::read_to_string(root().join("events").join(file))?;
    Ok(serde_json::from_str(&text)?)
}

fn with_body(file: &str, body: &Value) -> Outcome<Value> {
    let mut event = event(file)?;
    if let Some(place) = event.get_mut("body") {
        *place = body.to_string().into();
    }
    Ok(event)
}

pub fn creation(name: &str, email: &str) -> Outcome<Value> {
    let body = json!({"organization_name": name, "email": email, "password": PASSWORD});
    with_body("create-org.json", &body)
}

pub fn login() -> Outcome<Value> {
    with_body(
        "admin-login.json",
        &json!({"email": EMAIL, "password": PASSWORD}),
    )
}

pub fn showing(token: &str) -> Outcome<Value> {
    let mut event = event("organization.json")?;
    if let Some(place) = event.pointer_mut("/headers/authorization") {
        *place = format!("Bearer {token}").into();
    }
    Ok(event)
}

/// Sends a request that must get `status`, and returns the response's body.
pub async fn send(function: &Function, event: &Value, status: u16) -> Outcome<Value> {
    let answer = function
        .invoke(event)
        .await
        .map_err(|error| error.to_string())?;
    let body = answer
        .get("body")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if answer.get("statusCode") != Some(&status.into()) {
        return Err(format!("{answer}").into());
    }
    Ok(serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Creates the organization whose admin logs in, and gives an access token.
pub async fn first_organization(create: &Function, login_function: &Function) -> Outcome<String> {
    send(create, &creation("Akshay Pvt Ltd", EMAIL)?, 201).await?;
    let tokens = send(login_function, &login()?, 200).await?;
    let token = tokens.get("access_token").and_then(Value::as_str);
    Ok(token.ok_or("no token")?.to_owned())
}
