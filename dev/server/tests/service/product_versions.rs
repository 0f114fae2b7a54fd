//! What a tenant starts with: versions of a product's indexes and documents, in new tenants and in existing ones.

use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use shared::model::{OrganizationId, ProductVersion};
use shared::product_versions::{Progress, Rollout, RolloutError, RolloutReport, parse};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::local_server::{Server, command};
use testkit::{Owner, TestService, all};

fn version(number: i64, kinds: &Value) -> ProductVersion {
    let file = json!({ "product": "invoices", "version": number, "kinds": kinds });
    parse(&file.to_string()).unwrap()
}

fn first() -> ProductVersion {
    let kinds = json!({
        "invoice": { "indexes": [ { "key": { "state": 1 } }, { "key": { "number": 1 }, "unique": true } ] },
        "ledger": { "seeds": [ { "_id": "cash", "label": "Cash" }, { "_id": "sales", "label": "Sales" } ] },
    });
    version(1, &kinds)
}

/// Drops an index, changes one, adds one, and has another seed.
fn second() -> ProductVersion {
    let kinds = json!({
        "invoice": { "indexes": [ { "key": { "number": 1 } }, { "key": { "customer": 1 } } ] },
        "ledger": { "seeds": [
            { "_id": "cash", "label": "Bank" }, { "_id": "sales", "label": "Sales" }, { "_id": "tax", "label": "Tax" } ] },
    });
    version(2, &kinds)
}

async fn check(service: &TestService, version: ProductVersion) -> Result<Rollout, RolloutError> {
    Rollout::check(&service.state.mongo, version).await
}

/// Applies the version to all organizations. The run stops once `on_progress` returns false.
async fn run(
    rollout: &Rollout,
    mut on_progress: impl FnMut(&Progress) -> bool,
) -> Result<RolloutReport, RolloutError> {
    let (stop, stopped) = watch::channel(false);
    let report = rollout.to_all(stopped, |progress| {
        if !on_progress(&progress) {
            stop.send_replace(true);
        }
    });
    report.await
}

/// Without the wait for sign-ups.
fn until_waiting(progress: &Progress) -> bool {
    !matches!(progress, Progress::Waiting(_))
}

/// How many organizations got the version, and how many failed.
async fn roll_out(service: &TestService, version: ProductVersion) -> (u64, u64) {
    let rollout = check(service, version).await.unwrap();
    let report = run(&rollout, until_waiting).await.unwrap();
    (report.applied, report.failed)
}

/// The tenant's collection.
fn data(service: &TestService, tenant: &Owner) -> Collection<Document> {
    service.tenants().collection(&tenant.collection_name)
}

/// Names of the indexes, without that of `_id`.
async fn indexes(service: &TestService, tenant: &Owner) -> Vec<String> {
    let collection = data(service, tenant);
    let mut names = collection.list_index_names().await.unwrap();
    names.retain(|name| name != "_id_");
    names.sort();
    names
}

/// The labels of the ledger's accounts by their `_id`.
async fn labels(service: &TestService, tenant: &Owner) -> Vec<String> {
    let documents = all(service.tenants().collection(&tenant.collection_name)).await;
    let ledger = documents
        .iter()
        .filter(|one| one.get_str("_kind").is_ok_and(|kind| kind == "ledger"));
    let mut labels: Vec<_> = ledger
        .map(|one| {
            format!(
                "{} {}",
                one.get_str("_id").unwrap(),
                one.get_str("label").unwrap()
            )
        })
        .collect();
    labels.sort();
    labels
}

async fn versions(service: &TestService) -> Vec<Option<i64>> {
    let organizations = all(service.organizations()).await;
    organizations
        .iter()
        .map(|one| one.get_i64("product_version").ok())
        .collect()
}

fn id(owner: &Owner) -> ObjectId {
    ObjectId::parse_str(&owner.organization_id).unwrap()
}

#[tokio::test]
async fn a_new_organization_starts_with_the_published_version() {
    let service = TestService::start().await;
    assert_eq!(roll_out(&service, first()).await, (0, 0));
    let owner = service.owner("Acme").await;
    assert_eq!(
        indexes(&service, &owner).await,
        ["invoice.number_1", "invoice.state_1"]
    );
    assert_eq!(labels(&service, &owner).await, ["cash Cash", "sales Sales"]);
    assert_eq!(versions(&service).await, [Some(1)]);
    // All or nothing.
    let taken = service.create("Other", &owner.email).await;
    taken.problem(409, "email_taken");
    assert_eq!(
        service.tenants().list_collection_names().await.unwrap(),
        ["org_acme"]
    );
    // An index of a kind is as unique as the kind.
    let invoices = data(&service, &owner);
    let numbered = |kind: &str| doc! { "_kind": kind, "number": 1 };
    invoices.insert_one(numbered("invoice")).await.unwrap();
    invoices.insert_one(numbered("order")).await.unwrap();
    invoices.insert_one(numbered("invoice")).await.unwrap_err();
}

#[tokio::test]
async fn existing_organizations_get_the_version_open_or_not() {
    let service = TestService::start().await;
    let (open, held, deleted) = (
        service.owner("Open").await,
        service.owner("Held").await,
        service.owner("Deleted").await,
    );
    service.suspend(doc! { "_id": id(&held) }).await;
    deleted.delete(&service).await;
    assert_eq!(roll_out(&service, first()).await, (3, 0));
    for owner in [&open, &held, &deleted] {
        assert_eq!(
            indexes(&service, owner).await,
            ["invoice.number_1", "invoice.state_1"]
        );
        assert_eq!(labels(&service, owner).await, ["cash Cash", "sales Sales"]);
    }
    assert_eq!(roll_out(&service, first()).await, (0, 0));
}

#[tokio::test]
async fn a_version_changes_what_the_one_before_declared_and_nothing_else() {
    let service = TestService::start().await;
    roll_out(&service, first()).await;
    let owner = service.owner("Acme").await;
    let collection = data(&service, &owner);
    let own = mongodb::IndexModel::builder()
        .keys(doc! { "own": 1 })
        .build();
    collection.create_index(own).await.unwrap();
    collection
        .delete_one(doc! { "_id": "sales" })
        .await
        .unwrap();
    collection.insert_one(doc! { "_id": "own" }).await.unwrap();

    let rollout = check(&service, second()).await.unwrap();
    let changes = rollout.changes().await.unwrap();
    assert_eq!(
        changes.dropped_indexes,
        ["invoice.number_1", "invoice.state_1"]
    );
    assert_eq!(
        changes.created_indexes,
        ["invoice.number_1", "invoice.customer_1"]
    );
    assert_eq!(
        (changes.seeds, changes.organizations),
        (vec!["tax".into()], 1)
    );

    assert_eq!(roll_out(&service, second()).await, (1, 0));
    let expected = ["invoice.customer_1", "invoice.number_1", "own_1"];
    assert_eq!(indexes(&service, &owner).await, expected);
    // What the tenant changed or deleted stays so.
    assert_eq!(labels(&service, &owner).await, ["cash Cash", "tax Tax"]);
    let numbered = || doc! { "_kind": "invoice", "number": 1 };
    collection
        .insert_many([numbered(), numbered()])
        .await
        .unwrap();
    let new = service.owner("New").await;
    assert_eq!(
        labels(&service, &new).await,
        ["cash Bank", "sales Sales", "tax Tax"]
    );
}

#[tokio::test]
async fn an_organization_that_fails_stops_no_other_and_is_tried_again() {
    let service = TestService::start().await;
    let failing = service.owner("Failing").await;
    let other = service.owner("Other").await;
    let collection = data(&service, &failing);
    let numbered = || doc! { "_kind": "invoice", "number": 1 };
    collection
        .insert_many([numbered(), numbered()])
        .await
        .unwrap();
    let rollout = check(&service, first()).await.unwrap();
    let mut reasons = Vec::new();
    let report = run(&rollout, |progress| {
        if let Progress::Failed(id, reason) = progress {
            reasons.push((id.to_hex(), reason.clone()));
        }
        until_waiting(progress)
    });
    let report = report.await.unwrap();
    assert_eq!((report.applied, report.failed), (1, 1));
    let [(failed, reason)] = &reasons[..] else {
        panic!("{reasons:?}");
    };
    assert_eq!(failed, &failing.organization_id);
    assert!(reason.contains("invoice.number_1"), "{reason}");
    assert_eq!(versions(&service).await, [None, Some(1)]);
    assert_eq!(labels(&service, &other).await.len(), 2);

    collection.delete_one(numbered()).await.unwrap();
    assert_eq!(roll_out(&service, first()).await, (1, 0));
    assert_eq!(versions(&service).await, [Some(1), Some(1)]);
}

#[tokio::test]
async fn a_run_that_was_stopped_is_continued() {
    let service = TestService::start().await;
    for number in 0..9 {
        service.owner(&format!("Tenant {number}")).await;
    }
    let rollout = check(&service, first()).await.unwrap();
    let stopped = run(&rollout, |_| false).await.unwrap();
    assert!(stopped.is_unfinished);
    assert_eq!((stopped.applied, stopped.failed), (4, 0));
    // A newer version continues it, too. The indexes of the one that was stopped do not stay.
    assert_eq!(roll_out(&service, second()).await, (9, 0));
    for name in service.tenants().list_collection_names().await.unwrap() {
        let collection = service.tenants().collection::<Document>(&name);
        let mut names = collection.list_index_names().await.unwrap();
        names.sort();
        let expected = ["_id_", "invoice.customer_1", "invoice.number_1"];
        assert_eq!(names, expected, "{name}");
    }
}

#[tokio::test]
async fn sign_ups_during_a_rollout_have_the_version_afterwards() {
    let service = TestService::start().await;
    let rollout = check(&service, first()).await.unwrap();
    let sign_ups = async {
        let emails = (0..24).map(|number| format!("{number}@example.com"));
        for email in emails {
            let created = service.create(&format!("Company {email}"), &email).await;
            assert_eq!(created.status, 201);
        }
    };
    // As one of which the first pass saw nothing.
    let organizations = service.organizations();
    let late = tokio::sync::Notify::new();
    let onboarded_late = async {
        late.notified().await;
        let none = doc! { "$unset": { "product_version": "" } };
        organizations.update_one(doc! {}, none).await.unwrap();
    };
    let rolling_out = run(&rollout, |progress| {
        if matches!(progress, Progress::Waiting(_)) {
            late.notify_one();
        }
        true
    });
    let ((), (), report) = tokio::join!(sign_ups, onboarded_late, rolling_out);
    let report = report.unwrap();
    assert!(report.applied >= 1);
    assert_eq!((report.failed, report.is_unfinished), (0, false));
    assert_eq!(versions(&service).await, [Some(1); 24]);
}

#[tokio::test]
async fn one_organization_can_be_the_first() {
    let service = TestService::start().await;
    let one = service.owner("One").await;
    let rollout = check(&service, first()).await.unwrap();
    let unknown = OrganizationId::parse("0123456789abcdef01234567").unwrap();
    let refused = rollout.to_one(unknown).await;
    assert!(matches!(refused, Err(RolloutError::NoOrganization(id)) if id == unknown));
    rollout
        .to_one(OrganizationId::parse(&one.organization_id).unwrap())
        .await
        .unwrap();
    service.owner("Other").await;
    assert_eq!(versions(&service).await, [Some(1), None]);
    assert_eq!(roll_out(&service, first()).await, (1, 0));
    assert_eq!(versions(&service).await, [Some(1), Some(1)]);
}

#[tokio::test]
async fn versions_that_cannot_be_applied_are_refused_and_change_nothing() {
    let service = TestService::start().await;
    service.owner("Acme").await;
    roll_out(&service, second()).await;
    let refusal = async |version: ProductVersion| match check(&service, version).await {
        Ok(_) => panic!("the version is not refused"),
        Err(error) => error.to_string(),
    };
    assert!(
        refusal(first())
            .await
            .contains("version 2 is stored: the file's version 1 is older")
    );
    let other = version(2, &json!({ "invoice": {} }));
    assert!(
        refusal(other)
            .await
            .contains("give the file the next number")
    );
    let product = json!({ "product": "crm", "version": 3, "kinds": {} }).to_string();
    assert!(
        refusal(parse(&product).unwrap())
            .await
            .contains("of the product invoices")
    );
    for (kind, reason) in [
        (
            json!({ "indexes": [ { "key": { "a": "text" } }, { "key": { "b": "text" } } ] }),
            "equivalent index",
        ),
        (
            json!({ "indexes": [ { "key": { "a": 3, "b": "no such type" } } ] }),
            "index",
        ),
        (
            json!({ "indexes": [ { "key": { "n": 1 }, "unique": true } ], "seeds": [ { "_id": 1, "n": 1 }, { "_id": 2, "n": 1 } ] }),
            "duplicate key",
        ),
    ] {
        let refused = refusal(version(3, &json!({ "item": kind }))).await;
        assert!(refused.contains(reason), "{refused}");
    }
    assert_eq!(versions(&service).await, [Some(2)]);
    let stored = all(service.master().collection("product_versions")).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(
        service.tenants().list_collection_names().await.unwrap(),
        ["org_acme"]
    );
}

#[tokio::test]
async fn a_seed_with_the_id_of_another_document_is_an_error() {
    let service = TestService::start().await;
    let owner = service.owner("Acme").await;
    let collection = data(&service, &owner);
    collection
        .insert_one(doc! { "_id": "cash", "_kind": "drawer" })
        .await
        .unwrap();
    assert_eq!(roll_out(&service, first()).await, (0, 1));
}

#[tokio::test]
async fn of_two_runs_at_once_one_is_refused_and_changes_nothing() {
    let service = TestService::start().await;
    for number in 0..3 {
        service.owner(&format!("Tenant {number}")).await;
    }
    let older = check(&service, first()).await.unwrap();
    let newer = check(&service, second()).await.unwrap();
    let (one, other) = tokio::join!(run(&older, until_waiting), run(&newer, until_waiting));
    let refused = [&one, &other].into_iter().filter(|result| {
        let refused = matches!(result, Err(RolloutError::ActiveElsewhere));
        assert!(refused || result.as_ref().is_ok_and(|report| report.applied == 3));
        refused
    });
    assert_eq!(refused.count(), 1);
    let stored = all(service.master().collection("product_versions")).await;
    assert_eq!(stored.len(), 1);
    // The lease of both has ended. The older version cannot follow the newer one.
    roll_out(&service, second()).await;
    let late = run(&older, until_waiting).await;
    let expected = RolloutError::Older {
        number: 1,
        newest: 2,
    };
    assert_eq!(late.unwrap_err().to_string(), expected.to_string());
    assert_eq!(versions(&service).await, [Some(2); 3]);
    assert_eq!(roll_out(&service, second()).await, (0, 0));
}

#[tokio::test]
async fn a_violated_index_leaves_the_indexes_that_the_organization_had() {
    let service = TestService::start().await;
    roll_out(&service, first()).await;
    let owner = service.owner("Acme").await;
    let collection = data(&service, &owner);
    let of_year = |number: i32| doc! { "_kind": "invoice", "number": number, "year": 2026 };
    collection
        .insert_many([of_year(1), of_year(2)])
        .await
        .unwrap();
    let kinds = json!({ "invoice": { "indexes": [ { "key": { "year": 1 }, "unique": true } ] } });
    assert_eq!(roll_out(&service, version(2, &kinds)).await, (0, 1));
    assert_eq!(
        indexes(&service, &owner).await,
        ["invoice.number_1", "invoice.state_1"]
    );
    assert_eq!(versions(&service).await, [Some(1)]);
    // The same keys under another name.
    let kinds =
        json!({ "invoice": { "indexes": [ { "key": { "state": 1 }, "name": "by_state" } ] } });
    assert_eq!(roll_out(&service, version(3, &kinds)).await, (1, 0));
    assert_eq!(indexes(&service, &owner).await, ["invoice.by_state"]);
}

/// Output and exit code of `server product apply product.json`.
fn apply(
    folder: &TempDir,
    file: &Value,
    arguments: &[&str],
    mongodb: &str,
) -> (String, String, i32) {
    std::fs::write(folder.path().join("product.json"), file.to_string()).unwrap();
    let mut command = command(folder.path(), &[("MONGODB_URI", mongodb)]);
    command
        .args(["product", "apply", "product.json"])
        .args(arguments);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code().unwrap(),
    )
}

#[test]
fn the_command_applies_a_file_to_the_local_server() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::start(folder.path());
    let organization = server.create()["id"].as_str().unwrap().to_owned();
    let mongodb = server.mongodb.clone();
    let file = json!({ "product": "erp", "version": 1, "kinds": {
        "invoice": { "indexes": [ { "key": { "number": 1 } } ], "seeds": [ { "_id": "a" } ] } } });
    let plan = "Version 1, compared to the one before:\n  + index invoice.number_1\n  + seed \"a\"\nOrganizations that do not have it: 1\n";

    let (output, _, code) = apply(&folder, &file, &["--dry-run"], &mongodb);
    assert_eq!((output, code), (format!("{plan}Nothing was written.\n"), 0));
    let (output, _, code) = apply(&folder, &file, &["--only", &organization], &mongodb);
    let applied = format!(
        "The organization {organization} has version 1. New tenants do not start with it yet.\n"
    );
    assert_eq!((output, code), (plan.to_owned() + &applied, 0));
    let (output, _, code) = apply(&folder, &file, &[], &mongodb);
    let last = output.lines().last().unwrap();
    assert_eq!(
        (last, code),
        (
            "All organizations have version 1, and new ones start with it.",
            0
        )
    );

    for (file, arguments, mongodb, reason) in [
        (
            json!({}),
            &[][..],
            mongodb.as_str(),
            "product.json:\nmissing field `product`",
        ),
        (
            file.clone(),
            &["--only", "x"],
            mongodb.as_str(),
            "`x` is not the id of an organization",
        ),
        (file, &[], "", "set MONGODB_URI to the service's MongoDB"),
    ] {
        let (_, error, code) = apply(&folder, &file, arguments, mongodb);
        assert!(error.contains(reason), "{error}");
        assert_eq!(code, 1);
    }
    assert_eq!(server.signal("TERM"), Some(0));
}
