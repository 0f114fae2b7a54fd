//! Jobs of a product over all tenants.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use shared::problem::Problem;
use shared::tenant::{AuditAction, Job, JobReport, Tenant, Tenants};
use tokio::sync::Barrier;
use tokio::time::{Instant, sleep};

use testkit::{Owner, TestService, all};

const REMINDERS: Job = Job {
    action: AuditAction::new("invoices.reminders"),
    parallel: 2,
};

async fn service_with_tenants(count: usize) -> (TestService, Vec<Owner>) {
    let service = TestService::start().await;
    let mut owners = Vec::new();
    for number in 0..count {
        owners.push(service.owner(&format!("Tenant {number}")).await);
    }
    (service, owners)
}

async fn tenants(service: &TestService, time: Duration) -> Tenants {
    Tenants::new(&service.state, Instant::now() + time)
        .await
        .unwrap()
}

/// Inserts a document, as a job does.
async fn remind(tenant: &Tenant<'_>) -> Result<(), Problem> {
    let reminders = tenant.collection::<Document>();
    reminders.insert_one(&doc! { "reminded": true }).await?;
    Ok(())
}

/// How many reminders each tenant has.
async fn reminders(service: &TestService, owners: &[Owner]) -> Vec<usize> {
    let mut counts = Vec::new();
    for owner in owners {
        let collection = service.tenants().collection(&owner.collection_name);
        counts.push(all(collection).await.len());
    }
    counts
}

fn report(done: u64, skipped: u64, failed: u64) -> JobReport {
    let mut report = JobReport::default();
    (report.done, report.skipped, report.failed) = (done, skipped, failed);
    report
}

#[tokio::test]
async fn a_job_visits_each_open_organization_and_is_recorded() {
    let (service, owners) = service_with_tenants(5).await;
    let id = |owner: &Owner| mongodb::bson::oid::ObjectId::parse_str(&owner.organization_id);
    service
        .suspend(doc! { "_id": id(&owners[1]).unwrap() })
        .await;
    owners[3].delete(&service).await;
    let tenants = tenants(&service, Duration::from_secs(20)).await;
    for run in 1..=2 {
        let visits = tenants.for_each(REMINDERS, async |tenant| remind(&tenant).await);
        assert_eq!(visits.await.unwrap(), report(3, 2, 0));
        assert_eq!(reminders(&service, &owners).await, [run, 0, run, 0, run]);
    }
    let null = serde_json::Value::Null;
    let trail = owners[0].call(&service, "GET", "/org/audit", &null).await;
    let event = &trail.body["events"][0];
    assert_eq!(event["action"], "invoices.reminders");
    assert_eq!(event["address"], "job:invoices.reminders");
    assert!(event["admin_id"].is_null() && event["session_id"].is_null());
}

#[tokio::test]
async fn a_run_continues_where_the_last_one_ended() {
    let (service, owners) = service_with_tenants(6).await;
    let visited = Mutex::new(Vec::new());
    let short = tenants(&service, Duration::from_secs(4)).await;
    let slow = short.for_each(REMINDERS, async |tenant| {
        visited.lock().unwrap().push(tenant.organization_id());
        remind(&tenant).await?;
        // The second group is not done before the deadline.
        if visited.lock().unwrap().len() > 2 {
            sleep(Duration::from_secs(60)).await;
        }
        Ok(())
    });
    let mut expected = report(2, 0, 0);
    expected.is_unfinished = true;
    assert_eq!(slow.await.unwrap(), expected);
    let rest = tenants(&service, Duration::from_secs(20)).await;
    let rest = rest.for_each(REMINDERS, async |tenant| {
        visited.lock().unwrap().push(tenant.organization_id());
        remind(&tenant).await
    });
    assert_eq!(rest.await.unwrap(), report(4, 0, 0));
    let visited = visited.into_inner().unwrap();
    let different: BTreeSet<_> = visited.iter().map(ToString::to_string).collect();
    // The second group was visited again.
    assert_eq!((visited.len(), different.len()), (8, 6));
    assert_eq!(reminders(&service, &owners).await, [1, 1, 2, 2, 1, 1]);
}

#[tokio::test]
async fn organizations_that_take_longer_than_a_run_do_not_stop_the_job() {
    let (service, owners) = service_with_tenants(3).await;
    let one = Job {
        parallel: 1,
        ..REMINDERS
    };
    let slow = owners[0].collection_name.clone();
    let short = tenants(&service, Duration::from_secs(4)).await;
    let stuck = short.for_each(one, async |tenant| {
        if tenant.collection_name() == slow {
            sleep(Duration::from_secs(60)).await;
        }
        remind(&tenant).await
    });
    let mut expected = report(0, 0, 1);
    expected.is_unfinished = true;
    assert_eq!(stuck.await.unwrap(), expected);
    let rest = tenants(&service, Duration::from_secs(20)).await;
    let rest = rest.for_each(one, async |tenant| remind(&tenant).await);
    assert_eq!(rest.await.unwrap(), report(2, 0, 0));
    assert_eq!(reminders(&service, &owners).await, [0, 1, 1]);
}

#[tokio::test]
async fn runs_are_bounded_and_never_at_the_same_time() {
    let (service, owners) = service_with_tenants(5).await;
    let tenants = tenants(&service, Duration::from_secs(20)).await;
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // Two visits at once have begun, and the second run has ended.
    let (both, ended) = (Barrier::new(3), Barrier::new(3));
    let visited = AtomicUsize::new(0);
    let first = tenants.for_each(REMINDERS, async |tenant| {
        let active = now.fetch_add(1, Ordering::Relaxed) + 1;
        most.fetch_max(active, Ordering::Relaxed);
        if visited.fetch_add(1, Ordering::Relaxed) < 2 {
            both.wait().await;
            ended.wait().await;
        }
        now.fetch_sub(1, Ordering::Relaxed);
        remind(&tenant).await
    });
    let second = async {
        both.wait().await;
        let second = tenants.for_each(REMINDERS, async |tenant| remind(&tenant).await);
        let second = second.await.unwrap();
        ended.wait().await;
        second
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.unwrap(), report(5, 0, 0));
    assert!(second.is_active_elsewhere && second.done == 0);
    assert_eq!(most.load(Ordering::Relaxed), 2);
    assert_eq!(reminders(&service, &owners).await, [1; 5]);
}

#[tokio::test]
async fn an_organization_that_is_closed_during_the_visit_is_left_alone() {
    let (service, owners) = service_with_tenants(3).await;
    let tenants = tenants(&service, Duration::from_secs(20)).await;
    let visits = tenants.for_each(REMINDERS, async |tenant| {
        if tenant.collection_name() == owners[1].collection_name {
            owners[1].delete(&service).await;
        }
        tenant
            .transaction(async |tx| {
                let reminders = tx.collection::<Document>();
                reminders.insert_one(&doc! { "reminded": true }).await?;
                Ok(())
            })
            .await
    });
    assert_eq!(visits.await.unwrap(), report(2, 1, 0));
    assert_eq!(reminders(&service, &owners).await, [1, 0, 1]);
}

#[tokio::test]
async fn a_failure_for_one_organization_stops_no_other() {
    let (service, owners) = service_with_tenants(4).await;
    let unreadable = doc! { "$set": { "epoch": "text" } };
    let own = doc! { "collection_name": &owners[0].collection_name };
    service.update_organizations(own, unreadable).await;
    let tenants = tenants(&service, Duration::from_secs(20)).await;
    let visits = tenants.for_each(REMINDERS, async |tenant| {
        if tenant.collection_name() == owners[2].collection_name {
            return Err(Problem::unavailable());
        }
        remind(&tenant).await
    });
    assert_eq!(visits.await.unwrap(), report(2, 0, 2));
    assert_eq!(reminders(&service, &owners).await, [0, 1, 0, 1]);
}
