//! Transactions of a product that one session runs at the same time. They lock nothing of the session, so they do not collide.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Router};
use futures_util::future::try_join_all;
use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use serde_json::Value;
use shared::auth::Caller;
use shared::problem::Problem;
use testkit::{Owner, TestService};

use crate::Outcome;
use crate::statistics::{median, millis};

const AT_ONCE: usize = 64;
const ROUNDS: usize = 20;

/// How often the closures of all transactions have been called.
type Runs = Arc<AtomicUsize>;

async fn insert_two(
    Extension(runs): Extension<Runs>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let tenant = caller.tenant();
    let inserting = tenant.transaction(async |tx| {
        runs.fetch_add(1, Ordering::Relaxed);
        let documents = tx.collection::<Document>();
        documents.insert_one(&doc! { "line": 1 }).await?;
        documents.insert_one(&doc! { "line": 2 }).await?;
        Ok(())
    });
    inserting.await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn request(service: &TestService, owner: &Owner) -> Outcome<()> {
    let response = owner.call(service, "POST", "/two", &Value::Null).await;
    match response.status.as_u16() {
        204 => Ok(()),
        _ => Err(format!("{response:?}").into()),
    }
}

/// The same two inserts without the service.
async fn bare(client: &Client, documents: &Collection<Document>) -> Outcome<()> {
    let mut session = client.start_session().await?;
    session.start_transaction().await?;
    for line in 1..=2 {
        let inserting = documents.insert_one(doc! { "line": line });
        inserting.session(&mut session).await?;
    }
    Ok(session.commit_transaction().await?)
}

pub async fn measure() -> Outcome<String> {
    let (service, owner) = TestService::start_with_owner().await;
    let runs = Runs::default();
    let state = Arc::clone(&service.state);
    let product = Router::new()
        .route("/two", post(insert_two))
        .layer(Extension(Arc::clone(&runs)))
        .with_state(Arc::clone(&state));
    let routes = server::routes(&state).merge(product);
    let service = service.with_routes(routes).await;
    let bare_collection = service.master().collection("bare");
    bare_collection.insert_one(doc! {}).await?;
    let (mut times, mut bare_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        try_join_all((0..AT_ONCE).map(|_| request(&service, &owner))).await?;
        times.push(millis(started.elapsed()));
        let started = Instant::now();
        try_join_all((0..AT_ONCE).map(|_| bare(bare_collection.client(), &bare_collection)))
            .await?;
        bare_times.push(millis(started.elapsed()));
    }
    let all = AT_ONCE * ROUNDS;
    let repeated = runs.load(Ordering::Relaxed).saturating_sub(all);
    Ok(format!(
        "| {AT_ONCE} transactions at once with one token | median of {ROUNDS}, ms | as many bare transactions, ms | repeated after a conflict |\n\
         |---|---|---|---|\n| two inserts each | {:.0} | {:.0} | {repeated} of {all} |\n",
        median(&mut times),
        median(&mut bare_times),
    ))
}
