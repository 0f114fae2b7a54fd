//! Compares the stored documents with what the clients were answered.

use std::collections::BTreeSet;

use mongodb::bson::{Bson, Document};
use testkit::Snapshot;

use super::client::{COMPANIES, email_of};
use super::record::{Count, Outcome, Record};

/// Each contradiction, in words.
pub fn violations(record: &Record, stored: &Snapshot) -> Vec<String> {
    let mut violations: Vec<String> = record.violations.iter().cloned().collect();
    violations.extend(stored.violations());
    violations.extend(lost_organizations(record, stored));
    for organization in &stored.organizations {
        let trail = Trail::of(organization, stored);
        violations.extend(trail.wrong_order());
        violations.extend(trail.wrong_renames(record));
        violations.extend(trail.wrong_deletions(record));
        violations.extend(trail.wrong_sessions(record));
    }
    for company in 0..COMPANIES {
        violations.extend(wrong_account_events(record, stored, company));
    }
    violations
}

/// An organization that was created, and that nobody deleted, exists.
fn lost_organizations(record: &Record, stored: &Snapshot) -> Vec<String> {
    let existing: BTreeSet<_> = stored.organizations.iter().map(id).collect();
    let is_lost = |id: &&String| {
        let Count { done, unknown } = record.counted("organization_deleted", id);
        done + unknown == 0 && !existing.contains(*id)
    };
    let lost = record.created.keys().filter(is_lost);
    lost.map(|id| format!("the organization {id} was acknowledged and is lost"))
        .collect()
}

/// An organization and its events that a lock ordered.
struct Trail<'s> {
    organization: &'s Document,
    id: String,
    ordered: Vec<&'s Document>,
    all: Vec<&'s Document>,
}

impl<'s> Trail<'s> {
    fn of(organization: &'s Document, stored: &'s Snapshot) -> Self {
        let own = organization.get("_id").unwrap();
        let concerns =
            |event: &&Document| event.get_array("organization_ids").unwrap().contains(own);
        let all: Vec<_> = stored.events.iter().filter(concerns).collect();
        let mut ordered = all.clone();
        ordered.retain(|event| event.contains_key("sequence"));
        ordered.sort_by_key(|event| sequence(event));
        Self {
            id: id(organization),
            organization,
            ordered,
            all,
        }
    }

    fn with_action(&self, action: &'s str) -> impl Iterator<Item = &'s Document> {
        let events = self.all.iter().copied();
        events.filter(move |event| event.get_str("action").unwrap() == action)
    }

    fn violation(&self, text: &str) -> String {
        format!("{}: {text}", self.id)
    }

    /// Sequences are unique, the first event is the creation, and no write follows a deletion but the restoration.
    fn wrong_order(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let is_repeated = |pair: &[&Document]| sequence(pair[0]) == sequence(pair[1]);
        if self.ordered.windows(2).any(is_repeated) {
            wrong.push(self.violation("two events have one sequence"));
        }
        let actions = self
            .ordered
            .iter()
            .map(|event| event.get_str("action").unwrap());
        let actions: Vec<_> = actions.collect();
        if actions.first() != Some(&"organization_created") {
            wrong.push(self.violation("the first event is not the creation"));
        }
        for pair in actions.windows(2) {
            let after_deletion = pair[0] == "organization_deleted";
            if after_deletion != (pair[1] == "organization_restored") {
                wrong.push(self.violation(&format!("{} follows {}", pair[1], pair[0])));
            }
        }
        let is_deleted = self.organization.get("deleted") != Some(&Bson::Null);
        if is_deleted != (actions.last() == Some(&"organization_deleted")) {
            wrong.push(self.violation("the trail and the state disagree about the deletion"));
        }
        wrong
    }

    /// Each acknowledged rename has an event, no refused one has, and the last one is the name.
    fn wrong_renames(&self, record: &Record) -> Vec<String> {
        let events = self
            .ordered
            .iter()
            .filter(|event| event.get_str("action").unwrap() == "organization_renamed");
        let stored: Vec<_> = events.map(|event| new_name(event)).collect();
        let asked = record.renames.get(&self.id).cloned().unwrap_or_default();
        let mut wrong = Vec::new();
        for (name, outcome) in &asked {
            let times = stored.iter().filter(|stored| stored == &name).count();
            let expected = match outcome {
                Outcome::Done => 1..=1,
                Outcome::Unknown => 0..=1,
                Outcome::Refused => 0..=0,
            };
            if !expected.contains(&times) {
                wrong.push(self.violation(&format!(
                    "{times} events of the rename to {name:?}, which was {outcome:?}"
                )));
            }
        }
        let unasked = stored.iter().filter(|name| !asked.contains_key(*name));
        wrong.extend(
            unasked.map(|name| self.violation(&format!("nobody asked for the name {name:?}"))),
        );
        let created = record.created.get(&self.id);
        let name = self.organization.get_str("name").unwrap();
        if stored.last().or(created).is_some_and(|last| last != name) {
            wrong
                .push(self.violation(&format!("the name is {name:?}, not that of the last event")));
        }
        wrong
    }

    fn wrong_deletions(&self, record: &Record) -> Vec<String> {
        let counted = record.counted("organization_deleted", &self.id);
        let stored = self.with_action("organization_deleted").count();
        let text = format!("{stored} deletions in the trail, {counted:?} were answered");
        let is_wrong = !counted.includes(stored);
        is_wrong
            .then(|| self.violation(&text))
            .into_iter()
            .collect()
    }

    /// A login has one event; an event of a session that ended is not ordered after its end.
    fn wrong_sessions(&self, record: &Record) -> Vec<String> {
        let mut wrong = Vec::new();
        let logins: Vec<_> = self.with_action("login").map(session_of).collect();
        for session in &record.sessions {
            if session.organization == self.id {
                let times = logins.iter().filter(|id| **id == session.id).count();
                if times != 1 {
                    wrong.push(self.violation(&format!("{times} events of one login")));
                }
            }
        }
        let deletions = self.ordered.iter().enumerate();
        let mut deletions = deletions
            .filter(|(_, event)| event.get_str("action").unwrap() == "organization_deleted");
        let sent = record
            .deletions
            .iter()
            .filter(|deleted| deleted.organization == self.id);
        // The first acknowledged deletion was sent after the first one in the trail, at the latest.
        let (Some((position, _)), Some(first)) = (
            deletions.next_back(),
            sent.map(|deleted| deleted.sent).min(),
        ) else {
            return wrong;
        };
        for event in &self.ordered[position + 1..] {
            let id = session_of(event);
            let own = record.sessions.iter().find(|session| session.id == id);
            if own.is_some_and(|session| session.opened < first) {
                wrong.push(self.violation("a session wrote after the deletion that ended it"));
            }
        }
        wrong
    }
}

/// The events of the company's account are as many as were answered, unless its organization, and so their trail, was
/// purged.
fn wrong_account_events(record: &Record, stored: &Snapshot, company: usize) -> Vec<String> {
    let known = record.accounts.get(&email_of(company));
    let (Some(account), Some(home)) = (known, record.organizations.get(&company)) else {
        return Vec::new();
    };
    if !stored.organizations.iter().any(|found| id(found) == *home) {
        return Vec::new();
    }
    let Some(found) = stored.accounts.iter().find(|found| id(found) == *account) else {
        return Vec::new();
    };
    let own = |event: &&Document| event.get("account_id") == found.get("_id");
    let events = |action: &str| {
        let events = stored.events.iter().filter(own);
        let is_action = |event: &&Document| event.get_str("action").unwrap() == action;
        events.filter(is_action).count()
    };
    let mut wrong = Vec::new();
    let (changes, counted) = (
        events("password_changed"),
        record.counted("password_changed", account),
    );
    if !counted.includes(changes) {
        wrong.push(format!(
            "{changes} password changes in the trail, {counted:?} were answered"
        ));
    }
    let (refused, counted) = (
        events("login_refused"),
        record.counted("login_refused", &email_of(company)),
    );
    // Attempts before the account existed count as well, so there is no lower bound.
    if refused > counted.done + counted.unknown {
        wrong.push(format!(
            "{refused} refused logins in the trail, {counted:?} were answered"
        ));
    }
    wrong
}

impl Count {
    fn includes(self, stored: usize) -> bool {
        (self.done..=self.done + self.unknown).contains(&stored)
    }
}

fn id(document: &Document) -> String {
    document.get_object_id("_id").unwrap().to_hex()
}

fn sequence(event: &Document) -> i64 {
    event.get_i64("sequence").unwrap()
}

fn session_of(event: &Document) -> String {
    let id = event.get_object_id("session_id");
    id.map(|id| id.to_hex()).unwrap_or_default()
}

fn new_name(event: &Document) -> String {
    let details = event.get_document("details").unwrap();
    details.get_str("to").unwrap().to_owned()
}
