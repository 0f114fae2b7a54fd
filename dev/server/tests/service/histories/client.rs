//! A client that does random operations.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::fleet::Fleet;
use super::record::{Deleted, Outcome, Record, Session};

/// Companies that sign up, are purged, and sign up again.
pub const COMPANIES: usize = 6;
pub const FIRST_PASSWORD: &str = "the first password";
const RENAMES_BESIDE_DELETION: usize = 6;
/// How long a deletion takes, most of it for the hash.
const DELETION_MILLIS: u64 = 150;
/// How many sessions a client chooses from.
const KEPT_SESSIONS: usize = 40;

#[derive(Clone)]
pub struct Client {
    pub fleet: Arc<Fleet>,
    pub record: Arc<Mutex<Record>>,
    /// Held while the password of a company's account changes: otherwise the current one is not known.
    pub password_changes: Arc<[tokio::sync::Mutex<()>]>,
    pub random: fastrand::Rng,
    pub http: reqwest::Client,
    pub stop: Arc<AtomicBool>,
    pub number: usize,
}

pub fn email_of(company: usize) -> String {
    format!("{company}@example.com")
}

impl Client {
    pub async fn run(mut self) {
        let mut operations = 0_u32;
        while !self.stop.load(Ordering::Relaxed) {
            let company = self.random.usize(..COMPANIES);
            operations += 1;
            match self.random.u8(..100) {
                0..8 => self.create(company).await,
                8..28 => self.log_in(company).await,
                28..32 => self.guess(company).await,
                32..48 => self.rename(operations).await,
                48..60 => self.refresh().await,
                60..72 => self.show().await,
                72..80 => self.log_out().await,
                80..83 => self.log_out_everywhere().await,
                83..88 => self.change_password(company, operations).await,
                88..93 => self.delete_beside_renames(company, operations).await,
                _ => self.restore(company).await,
            }
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    fn password(&mut self, company: usize) -> String {
        let known = self.record().passwords.get(&email_of(company)).cloned();
        let known = known.unwrap_or_else(|| vec![FIRST_PASSWORD.to_owned()]);
        known[self.random.usize(..known.len())].clone()
    }

    /// One of the latest sessions: usually one whose end was not acknowledged.
    fn session(&mut self) -> Option<Session> {
        let any = self.random.u8(..5) == 0;
        let record = self.record();
        let usable = record.sessions.iter().rev();
        let usable = usable.filter(|session| any || !session.ended);
        let usable: Vec<_> = usable.take(KEPT_SESSIONS).cloned().collect();
        drop(record);
        self.random.choice(usable)
    }

    /// Sends a request, and records what it was answered. A session that has ended gets no success.
    async fn send(
        &mut self,
        operation: &'static str,
        request: (&str, &str, Value),
        session: Option<&Session>,
        header: Option<(&str, String)>,
    ) -> (Outcome, Value) {
        let (method, path, body) = request;
        let url = format!("{}{path}", self.fleet.any_server(&mut self.random));
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(session) = session {
            request = request.bearer_auth(&session.access);
        }
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let (status, body) = response_to(request).await;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (outcome, name) = match status {
            200 | 201 | 204 => (Outcome::Done, "done"),
            401 | 409 => (Outcome::Refused, "refused"),
            0 | 503 => (Outcome::Unknown, "unknown"),
            _ => (Outcome::Unknown, "unexpected"),
        };
        let mut record = self.record();
        *record.requests.entry((operation, name)).or_default() += 1;
        if name == "unexpected" {
            let violation = format!("{operation} was answered {status}: {body}");
            record.violations.insert(violation);
        }
        if outcome == Outcome::Done && session.is_some_and(|session| session.ended) {
            let violation = format!("{operation} succeeded in a session that had ended");
            record.violations.insert(violation);
        }
        drop(record);
        (outcome, body)
    }

    /// Repeats the creation until its result is known.
    async fn create(&mut self, company: usize) {
        let name = format!("Company {company}");
        let body = json!({
            "organization_name": name,
            "email": email_of(company),
            "password": FIRST_PASSWORD,
        });
        let key = ("idempotency-key", format!("{:x}", self.random.u64(..)));
        let give_up = Instant::now() + Duration::from_secs(60);
        loop {
            let request = ("POST", "/org/create", body.clone());
            let header = Some(key.clone());
            let (outcome, created) = self.send("create", request, None, header).await;
            match outcome {
                Outcome::Done => {
                    let id = created["id"].as_str().unwrap().to_owned();
                    let mut record = self.record();
                    let passwords = vec![FIRST_PASSWORD.to_owned()];
                    record.passwords.insert(email_of(company), passwords);
                    record.organizations.insert(company, id.clone());
                    record.created.insert(id, name);
                    return;
                }
                Outcome::Refused if created["code"] != "request_in_flight" => return,
                _ if Instant::now() > give_up => {
                    let violation = "a creation had no result for a minute".to_owned();
                    self.record().violations.insert(violation);
                    return;
                }
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn log_in(&mut self, company: usize) {
        let email = email_of(company);
        let body = json!({"email": email, "password": self.password(company)});
        let request = ("POST", "/admin/login", body);
        let (outcome, opened) = self.send("login", request, None, None).await;
        let mut record = self.record();
        record.count("login", "all", outcome);
        self.count_refusal(&mut record, company, outcome);
        if outcome == Outcome::Done {
            let account = opened["admin_id"].as_str().unwrap().to_owned();
            record.accounts.insert(email, account);
            record.open(&opened);
        }
    }

    async fn guess(&mut self, company: usize) {
        let email = email_of(company);
        let body = json!({"email": email, "password": "a wrong password"});
        let request = ("POST", "/admin/login", body);
        let (outcome, _) = self.send("guess", request, None, None).await;
        let mut record = self.record();
        if outcome == Outcome::Done {
            let violation = "a wrong password was accepted".to_owned();
            record.violations.insert(violation);
        }
        self.count_refusal(&mut record, company, outcome);
    }

    /// Counts an attempt that may have an event.
    fn count_refusal(&self, record: &mut Record, company: usize, outcome: Outcome) {
        let counted = match outcome {
            Outcome::Refused => Outcome::Done,
            Outcome::Unknown => Outcome::Unknown,
            Outcome::Done => return,
        };
        record.count("login_refused", &email_of(company), counted);
    }

    async fn show(&mut self) {
        let Some(session) = self.session() else {
            return;
        };
        let request = ("GET", "/org", Value::Null);
        let (outcome, shown) = self.send("show", request, Some(&session), None).await;
        if outcome == Outcome::Done && shown["id"] != session.organization {
            let violation = "a session was shown another organization".to_owned();
            self.record().violations.insert(violation);
        }
    }

    async fn rename(&mut self, operations: u32) {
        let Some(session) = self.session() else {
            return;
        };
        self.rename_in(session, operations).await;
    }

    async fn rename_in(&mut self, session: Session, operations: u32) {
        let name = format!("Renamed {} {operations}", self.number);
        let request = ("PATCH", "/org", json!({"organization_name": name}));
        let (outcome, _) = self.send("rename", request, Some(&session), None).await;
        let mut record = self.record();
        let renames = record.renames.entry(session.organization).or_default();
        renames.insert(name, outcome);
    }

    async fn refresh(&mut self) {
        let Some(session) = self.session() else {
            return;
        };
        let request = (
            "POST",
            "/admin/refresh",
            json!({"refresh_token": session.refresh}),
        );
        let (outcome, refreshed) = self.send("refresh", request, None, None).await;
        let mut record = self.record();
        let own = record.sessions.iter_mut().find(|own| own.id == session.id);
        let own = own.unwrap();
        if outcome == Outcome::Done {
            let text = |field: &str| refreshed[field].as_str().unwrap().to_owned();
            own.access = text("access_token");
            own.refresh = text("refresh_token");
        }
        if outcome == Outcome::Done && session.ended {
            let violation = "an ended session was refreshed".to_owned();
            record.violations.insert(violation);
        }
    }

    async fn log_out(&mut self) {
        let Some(session) = self.session() else {
            return;
        };
        let (sent, request) = (Instant::now(), ("POST", "/admin/logout", Value::Null));
        let (outcome, _) = self.send("logout", request, Some(&session), None).await;
        let mut record = self.record();
        record.count("logout", &session.id, outcome);
        if outcome == Outcome::Done {
            record.end(sent, |own| own.id == session.id);
        }
    }

    async fn log_out_everywhere(&mut self) {
        let Some(session) = self.session() else {
            return;
        };
        let path = "/admin/logout?everywhere=true";
        let (sent, request) = (Instant::now(), ("POST", path, Value::Null));
        let (outcome, _) = self
            .send("logout everywhere", request, Some(&session), None)
            .await;
        let mut record = self.record();
        record.count("logout_everywhere", &session.account, outcome);
        if outcome == Outcome::Done {
            record.end(sent, |own| own.account == session.account);
        }
    }

    /// In the latest session of the company's account.
    async fn change_password(&mut self, company: usize, operations: u32) {
        let changes = Arc::clone(&self.password_changes);
        let _change = changes[company].lock().await;
        let Some(session) = self.session_of(company) else {
            return;
        };
        let (email, current) = (email_of(company), self.password(company));
        let new = format!("password {} {operations}", self.number);
        let body = json!({"current_password": current, "new_password": new});
        let (sent, request) = (Instant::now(), ("POST", "/admin/password", body));
        let (outcome, problem) = self.send("password", request, Some(&session), None).await;
        let mut record = self.record();
        record.count("password_changed", &session.account, outcome);
        let is_login = problem["code"] == "invalid_credentials" || outcome == Outcome::Unknown;
        if is_login {
            self.count_refusal(&mut record, company, outcome);
        }
        match outcome {
            Outcome::Done => {
                record.passwords.insert(email, vec![new]);
                let others = |own: &Session| own.account == session.account && own.id != session.id;
                record.end(sent, others);
            }
            Outcome::Unknown => record.passwords.entry(email).or_default().push(new),
            Outcome::Refused => {}
        }
    }

    /// Sends renames while the organization is being deleted. None may come after the deletion.
    async fn delete_beside_renames(&mut self, company: usize, operations: u32) {
        let Some(session) = self.session_of(company) else {
            return;
        };
        let mut renaming = Vec::new();
        for number in 0..RENAMES_BESIDE_DELETION {
            let mut client = self.clone();
            client.random = self.random.fork();
            // The names of all clients differ.
            client.number = 1000 * (number + 1) + self.number;
            let session = session.clone();
            renaming.push(async move {
                tokio::time::sleep(Duration::from_millis(client.random.u64(..DELETION_MILLIS)))
                    .await;
                client.rename_in(session, operations).await;
            });
        }
        tokio::join!(self.delete(company), join_all(renaming));
    }

    async fn delete(&mut self, company: usize) {
        let Some(session) = self.session_of(company) else {
            return;
        };
        let body = json!({"password": self.password(company)});
        let (sent, request) = (Instant::now(), ("DELETE", "/org", body));
        let (outcome, problem) = self.send("delete", request, Some(&session), None).await;
        let mut record = self.record();
        let organization = session.organization;
        record.count("organization_deleted", &organization, outcome);
        if problem["code"] == "invalid_credentials" || outcome == Outcome::Unknown {
            self.count_refusal(&mut record, company, outcome);
        }
        if outcome == Outcome::Done {
            record.end(sent, |own| own.organization == organization);
            record.deletions.push(Deleted { organization, sent });
        }
    }

    async fn restore(&mut self, company: usize) {
        let body = json!({"email": email_of(company), "password": self.password(company)});
        let request = ("POST", "/org/restore", body);
        let (outcome, restored) = self.send("restore", request, None, None).await;
        let mut record = self.record();
        self.count_refusal(&mut record, company, outcome);
        let organization = restored["id"].as_str().unwrap_or("unknown");
        record.count("restore", organization, outcome);
    }

    /// The latest session of the company's account.
    fn session_of(&self, company: usize) -> Option<Session> {
        let record = self.record();
        let account = record.accounts.get(&email_of(company))?;
        let mut own = record.sessions.iter().rev();
        own.find(|session| session.account == *account).cloned()
    }
}

/// Status and body; 0 if there was no complete response.
async fn response_to(request: reqwest::RequestBuilder) -> (u16, Vec<u8>) {
    let Ok(response) = request.send().await else {
        return (0, Vec::new());
    };
    let status = response.status().as_u16();
    match response.bytes().await {
        Ok(body) => (status, body.to_vec()),
        Err(_) => (0, Vec::new()),
    }
}
