//! What the clients were answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::Value;

use crate::access_tokens::claims_of;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The service refused it. Nothing was changed.
    Refused,
    /// 503, or no response: it may have happened.
    Unknown,
}

/// A session whose tokens a client received.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    pub account: String,
    pub organization: String,
    pub access: String,
    pub refresh: String,
    /// When the response to the login was received.
    pub opened: Instant,
    /// Whether its end was acknowledged.
    pub ended: bool,
}

/// How often something was done, and how often it may have been done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    pub done: usize,
    pub unknown: usize,
}

/// An acknowledged deletion of an organization.
pub struct Deleted {
    pub organization: String,
    pub sent: Instant,
}

#[derive(Default)]
pub struct Record {
    pub sessions: Vec<Session>,
    /// Of each organization that was created: its name.
    pub created: BTreeMap<String, String>,
    /// New names, by organization, and whether the rename was acknowledged.
    pub renames: BTreeMap<String, BTreeMap<String, Outcome>>,
    pub deletions: Vec<Deleted>,
    /// The latest organization of each company, and the latest account of each email.
    pub organizations: BTreeMap<usize, String>,
    pub accounts: BTreeMap<String, String>,
    /// By action and id of the organization or account.
    pub counts: BTreeMap<(&'static str, String), Count>,
    /// Passwords of an email, of which one is the current one.
    pub passwords: BTreeMap<String, Vec<String>>,
    pub violations: BTreeSet<String>,
    /// Requests by operation and outcome.
    pub requests: BTreeMap<(&'static str, &'static str), usize>,
}

impl Record {
    pub fn count(&mut self, action: &'static str, subject: &str, outcome: Outcome) {
        let count = self.counts.entry((action, subject.to_owned())).or_default();
        match outcome {
            Outcome::Done => count.done += 1,
            Outcome::Unknown => count.unknown += 1,
            Outcome::Refused => {}
        }
    }

    pub fn counted(&self, action: &'static str, subject: &str) -> Count {
        let count = self.counts.get(&(action, subject.to_owned()));
        count.copied().unwrap_or_default()
    }

    /// Adds the session of a login.
    pub fn open(&mut self, response: &Value) {
        let text = |field: &str| response[field].as_str().unwrap().to_owned();
        let access = text("access_token");
        self.sessions.push(Session {
            id: claims_of(&access)["sid"].as_str().unwrap().to_owned(),
            account: text("admin_id"),
            organization: text("organization_id"),
            refresh: text("refresh_token"),
            opened: Instant::now(),
            ended: false,
            access,
        });
    }

    /// Ends sessions that match, and that were open before `sent`. A login at the same time may survive.
    pub fn end(&mut self, sent: Instant, matches: impl Fn(&Session) -> bool) {
        for session in &mut self.sessions {
            session.ended |= session.opened < sent && matches(session);
        }
    }
}
