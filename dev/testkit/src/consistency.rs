//! What holds of the stored documents at any time between two requests.

use std::collections::{BTreeMap, BTreeSet};

use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document};

use crate::documents::all;

/// The documents of the control plane, and the names of the tenants' collections.
pub struct Snapshot {
    pub organizations: Vec<Document>,
    pub accounts: Vec<Document>,
    pub memberships: Vec<Document>,
    pub events: Vec<Document>,
    pub collections: Vec<String>,
}

impl Snapshot {
    pub async fn read(master: &Database, tenants: &Database) -> Self {
        let read = async |name: &str| all(master.collection(name)).await;
        Self {
            organizations: read("organizations").await,
            accounts: read("admins").await,
            memberships: read("memberships").await,
            events: read("audit_events").await,
            collections: tenants.list_collection_names().await.unwrap(),
        }
    }

    /// Each contradiction between documents, in words.
    pub fn violations(&self) -> Vec<String> {
        [
            self.unequal_collections(),
            self.dangling_memberships(),
            self.wrong_counts_of_owners(),
            self.repeated_values(),
            self.events_of_nobody(),
        ]
        .concat()
    }

    /// Organizations and tenant collections match one to one.
    fn unequal_collections(&self) -> Vec<String> {
        let named =
            |organization: &Document| organization.get_str("collection_name").unwrap().to_owned();
        let named: BTreeSet<_> = self.organizations.iter().map(named).collect();
        let existing: BTreeSet<_> = self.collections.iter().cloned().collect();
        let missing = named.difference(&existing);
        let missing = missing.map(|name| format!("the collection {name} is missing"));
        let unknown = existing.difference(&named);
        let unknown =
            unknown.map(|name| format!("the collection {name} belongs to no organization"));
        missing.chain(unknown).collect()
    }

    /// A membership has an account and an organization, and an account has a membership.
    fn dangling_memberships(&self) -> Vec<String> {
        let ids =
            |documents: &[Document]| -> BTreeSet<ObjectId> { documents.iter().map(id).collect() };
        let (organizations, accounts) = (ids(&self.organizations), ids(&self.accounts));
        let mut violations = Vec::new();
        let mut members = BTreeSet::new();
        for membership in &self.memberships {
            let (organization, account) = (
                membership.get_object_id("organization_id").unwrap(),
                membership.get_object_id("account_id").unwrap(),
            );
            if !organizations.contains(&organization) {
                violations.push(format!("a membership names no organization: {membership}"));
            }
            if !accounts.contains(&account) {
                violations.push(format!("a membership names no account: {membership}"));
            }
            members.insert(account);
        }
        let without = accounts.difference(&members);
        violations
            .extend(without.map(|account| format!("the account {account} has no membership")));
        violations
    }

    /// `owners` is the number of owners, and there is one at least.
    fn wrong_counts_of_owners(&self) -> Vec<String> {
        let mut owners: BTreeMap<ObjectId, i64> = BTreeMap::new();
        for membership in &self.memberships {
            if membership.get_str("role").unwrap() == "owner" {
                let organization = membership.get_object_id("organization_id").unwrap();
                *owners.entry(organization).or_default() += 1;
            }
        }
        let wrong = |organization: &Document| {
            let counted = owners.get(&id(organization)).copied().unwrap_or_default();
            let stored = organization.get_i64("owners").unwrap();
            // A purge ends memberships before it deletes the organization.
            let is_purging = organization
                .get_document("deleted")
                .is_ok_and(|deleted| deleted.contains_key("purge_began_at"));
            let is_wrong = !is_purging && (counted != stored || counted == 0);
            is_wrong.then(|| format!("{counted} owners, but stored are {stored}: {organization}"))
        };
        self.organizations.iter().filter_map(wrong).collect()
    }

    /// Names, addresses and memberships are unique.
    fn repeated_values(&self) -> Vec<String> {
        let names = self
            .organizations
            .iter()
            .map(|one| one.get("name_key").unwrap().to_string());
        let collections = self
            .organizations
            .iter()
            .map(|one| one.get("collection_name").unwrap().to_string());
        let addresses = self
            .accounts
            .iter()
            .flat_map(|one| one.get_array("addresses").unwrap());
        let addresses = addresses.map(Bson::to_string);
        let pair = |one: &Document| {
            let id = |name: &str| one.get_object_id(name).unwrap().to_hex();
            format!("{} in {}", id("account_id"), id("organization_id"))
        };
        let pairs = self.memberships.iter().map(pair);
        let lists = [
            names.collect::<Vec<_>>(),
            collections.collect(),
            addresses.collect(),
            pairs.collect(),
        ];
        let mut repeated = Vec::new();
        for list in lists {
            let mut seen = BTreeSet::new();
            let again = list.into_iter().filter(|value| !seen.insert(value.clone()));
            repeated.extend(again.map(|value| format!("{value} is not unique")));
        }
        repeated
    }

    /// Events concern existing organizations.
    fn events_of_nobody(&self) -> Vec<String> {
        let organizations: BTreeSet<_> = self.organizations.iter().map(id).collect();
        let concerns_nobody = |event: &&Document| {
            let mut concerned = event.get_array("organization_ids").unwrap().iter();
            concerned.any(|id| !organizations.contains(&id.as_object_id().unwrap()))
        };
        let events = self.events.iter().filter(concerns_nobody);
        events
            .map(|event| format!("an event concerns an organization that does not exist: {event}"))
            .collect()
    }
}

fn id(document: &Document) -> ObjectId {
    document.get_object_id("_id").unwrap()
}
