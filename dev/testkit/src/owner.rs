//! A logged-in admin of an organization.

use serde_json::{Value, json};

use crate::{PASSWORD, Response, TestService, Tokens};

/// The admin of an organization, with a session.
pub struct Owner {
    pub email: String,
    pub organization_id: String,
    pub collection_name: String,
    pub tokens: Tokens,
}

impl TestService {
    /// Starts a service with one organization and logs its owner in.
    pub async fn start_with_owner() -> (Self, Owner) {
        let service = Self::start().await;
        let owner = service.owner("Acme").await;
        (service, owner)
    }

    /// Creates an organization and logs its admin in.
    pub async fn owner(&self, name: &str) -> Owner {
        let email = format!("{}@example.com", name.to_lowercase().replace(' ', "-"));
        let created = self.create(name, &email).await;
        assert_eq!(created.status, 201, "{created:?}");
        let text = |field: &str| created.body[field].as_str().unwrap().to_owned();
        Owner {
            organization_id: text("id"),
            collection_name: text("collection_name"),
            tokens: self.session_of(&email).await,
            email,
        }
    }
}

impl Owner {
    /// Sends a request with the access token. `Value::Null` sends no body.
    pub async fn call(
        &self,
        service: &TestService,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Response {
        service.call(method, path, &self.tokens.access, body).await
    }

    pub async fn show(&self, service: &TestService) -> Response {
        self.call(service, "GET", "/org", &Value::Null).await
    }

    /// Deletes the organization.
    pub async fn delete(&self, service: &TestService) {
        let deleted = service.delete(&self.tokens.access, PASSWORD).await;
        assert_eq!(deleted.status, 200, "{deleted:?}");
    }

    pub async fn rename(&self, service: &TestService, name: &str) -> Response {
        let body = json!({"organization_name": name});
        self.call(service, "PATCH", "/org", &body).await
    }
}
