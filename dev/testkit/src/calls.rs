//! Requests to the service.

use std::time::Duration;

use serde_json::{Value, json};
use shared::organizations::{PurgeReport, purge_deleted};
use shared::problem::Problem;

use crate::response::assert_no_internals;
use crate::{PASSWORD, Response, TestService, Tokens};

impl TestService {
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Response {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.unwrap();
        if status.as_u16() >= 400 {
            assert_no_internals(&String::from_utf8_lossy(&body));
        }
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Response {
            status,
            headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send(self.request("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(self.request("POST", path).json(body)).await
    }

    pub async fn create(&self, name: &str, email: &str) -> Response {
        let body = json!({"organization_name": name, "email": email, "password": PASSWORD});
        self.post("/org/create", &body).await
    }

    pub async fn log_in(&self, email: &str, password: &str) -> Response {
        self.post(
            "/admin/login",
            &json!({"email": email, "password": password}),
        )
        .await
    }

    /// Logs in and returns the tokens of the new session.
    pub async fn session_of(&self, email: &str) -> Tokens {
        Tokens::of(&self.log_in(email, PASSWORD).await)
    }

    pub async fn token_of(&self, email: &str) -> String {
        self.session_of(email).await.access
    }

    /// Sends a request with a bearer token. `Value::Null` sends no body.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Response {
        let request = self.request(method, path);
        let request = request.header("authorization", format!("Bearer {token}"));
        self.send(match body {
            Value::Null => request,
            body => request.json(body),
        })
        .await
    }

    pub async fn show(&self, token: &str) -> Response {
        self.call("GET", "/org", token, &Value::Null).await
    }

    pub async fn rename(&self, token: &str, name: &str) -> Response {
        let body = json!({"organization_name": name});
        self.call("PATCH", "/org", token, &body).await
    }

    pub async fn delete(&self, token: &str, password: &str) -> Response {
        let body = json!({"password": password});
        self.call("DELETE", "/org", token, &body).await
    }

    pub async fn restore(&self, email: &str, password: &str) -> Response {
        let body = json!({"email": email, "password": password});
        self.post("/org/restore", &body).await
    }

    pub async fn refresh(&self, refresh_token: &str) -> Response {
        let body = json!({"refresh_token": refresh_token});
        self.post("/admin/refresh", &body).await
    }

    pub async fn log_out(&self, token: &str) -> Response {
        self.call("POST", "/admin/logout", token, &Value::Null)
            .await
    }

    pub async fn change_password(&self, token: &str, current: &str, new: &str) -> Response {
        let body = json!({"current_password": current, "new_password": new});
        self.call("POST", "/admin/password", token, &body).await
    }

    /// Requests a link that verifies or changes the email.
    pub async fn request_email(&self, token: &str, email: &str, password: &str) -> Response {
        let body = json!({"email": email, "password": password});
        self.call("POST", "/admin/email", token, &body).await
    }

    pub async fn verify_email(&self, token: &str, password: &str) -> Response {
        let body = json!({"token": token, "password": password});
        self.post("/admin/email/verify", &body).await
    }

    pub async fn undo_email_change(&self, token: &str, new: &str) -> Response {
        let body = json!({"token": token, "new_password": new});
        self.post("/admin/email/undo", &body).await
    }

    pub async fn forgot_password(&self, email: &str) -> Response {
        let body = json!({"email": email});
        self.post("/admin/password/forgot", &body).await
    }

    pub async fn reset_password(&self, token: &str, new: &str) -> Response {
        let body = json!({"token": token, "new_password": new});
        self.post("/admin/password/reset", &body).await
    }

    /// The actions in the organization's audit trail, newest first.
    pub async fn trail(&self, token: &str) -> Vec<String> {
        let page = self
            .call("GET", "/org/audit?limit=100", token, &Value::Null)
            .await;
        let events = page.body["events"].as_array().unwrap();
        let action = |event: &Value| event["action"].as_str().unwrap().to_owned();
        events.iter().map(action).collect()
    }

    /// Runs the purge as the schedule does.
    pub async fn purge(&self) -> Result<PurgeReport, Problem> {
        let soon = tokio::time::Instant::now() + Duration::from_secs(10);
        purge_deleted(&self.state, soon).await
    }
}
