//! What a product costs: the authorizer's decision for each of its requests, its indexes for each new tenant, and its
//! transactions.

use std::path::Path;

use aws_emulator::Function;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Client, Collection};
use serde_json::Value;

use crate::Outcome;
use crate::backend::{Backend, event};
use crate::cost::{price, processor_millis};
use crate::latency::{Baseline, Functions, bcrypt_time, timed};
use crate::statistics::median;
use crate::transactions;

const ROUNDS: usize = 60;
/// The memory that the template gives the authorizer, in megabytes.
const MEMORY: f64 = 512.0;
const INDEXES: [i32; 3] = [0, 3, 10];

fn asking(token: &str) -> Outcome<Value> {
    let mut event = event("authorizer.json")?;
    if let Some(place) = event.pointer_mut("/headers/authorization") {
        *place = format!("Bearer {token}").into();
    }
    Ok(event)
}

async fn ask(authorizer: &Function, event: &Value) -> Outcome<()> {
    let answer = authorizer.invoke(event).await;
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.get("isAuthorized") == Some(&true.into()) {
        true => Ok(()),
        false => Err(format!("{answer}").into()),
    }
}

async fn decision(authorizer: &Function, baseline: &Baseline, token: &str) -> Outcome<String> {
    let event = asking(token)?;
    let (mut decisions, mut reads) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        decisions.push(timed(ask(authorizer, &event)).await?);
        reads.push(timed(baseline.read()).await?);
    }
    let work = async {
        for _ in 0..1000 {
            ask(authorizer, &event).await?;
        }
        Ok(1000)
    };
    let millis = processor_millis(authorizer, work).await?;
    let (_, dollars) = price(millis, MEMORY);
    Ok(format!(
        "| the authorizer's decision | median of {ROUNDS}, ms | one read by id, ms | of one vCPU, ms | a million with {MEMORY:.0} MB, $ |\n\
         |---|---|---|---|---|\n| | {:.1} | {:.1} | {millis:.2} | {dollars:.2} |\n",
        median(&mut decisions),
        median(&mut reads),
    ))
}

/// A stored version that declares so many indexes, published.
fn version(number: i64, indexes: i32) -> Document {
    let index = |number: i32| {
        let field = format!("field_{number}");
        doc! {
            "key": { "_kind": 1, &field: 1 },
            "name": format!("invoice.{field}_1"),
            "partialFilterExpression": { "_kind": "invoice" },
        }
    };
    let indexes: Vec<_> = (0..indexes).map(index).collect();
    let (seeds, now): (Vec<Document>, _) = (Vec::new(), DateTime::now());
    doc! { "_id": number, "product": "benchmark", "indexes": indexes, "seeds": seeds, "published_at": now }
}

async fn onboardings(functions: &Functions, versions: &Collection<Document>) -> Outcome<String> {
    let mut table =
        "| indexes of the product | onboarding without its hash, ms |\n|---|---|\n".to_owned();
    for (number, indexes) in (1..).zip(INDEXES) {
        versions.insert_one(version(number, indexes)).await?;
        let (mut hashes, mut times) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            hashes.push(bcrypt_time().await?);
            times.push(timed(functions.onboard()).await?);
        }
        let time = median(&mut times) - median(&mut hashes);
        table += &format!("| {indexes} | {time:.1} |\n");
    }
    Ok(table)
}

pub async fn measure(binaries: &Path) -> Outcome<String> {
    let backend = Backend::start().await?;
    let baseline = Baseline::new(&backend.mongod.uri()).await?;
    let functions = Functions::start(&backend, binaries).await?;
    let authorizer = backend.function(binaries, "authorizer").await?;
    let decision = decision(&authorizer, &baseline, &functions.token).await?;
    let client = Client::with_uri_str(backend.mongod.uri()).await?;
    let versions = client.database("master_db").collection("product_versions");
    let onboardings = onboardings(&functions, &versions).await?;
    let transactions = transactions::measure().await?;
    Ok(format!("{decision}\n{onboardings}\n{transactions}"))
}
