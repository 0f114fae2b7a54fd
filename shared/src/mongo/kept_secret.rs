//! The first question to MongoDB: for random bytes that all processes share. Its answer also tells whether the
//! server has transactions, so that a start asks no second one.

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, Timestamp, deserialize_from_document, doc};
use mongodb::error::Error;
use mongodb::options::ReturnDocument;
use mongodb::{Client, Database};
use serde::Deserialize;

use super::{ConnectError, errors};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    cursor: Cursor,
    /// Replica sets and sharded clusters say it with every answer
    /// (<https://www.mongodb.com/docs/manual/reference/method/db.runCommand/#response>).
    operation_time: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cursor {
    first_batch: Vec<KeptSecret>,
}

#[derive(Deserialize)]
struct KeptSecret {
    secret: Binary,
}

/// The secret with this name, made by the first process that asks for it.
pub(super) async fn kept_secret(master: &Database, name: &str) -> Result<Vec<u8>, ConnectError> {
    // As a command, because a cursor keeps the rest of the answer to itself.
    let find = doc! {
        "find": "keys",
        "filter": { "_id": name },
        "limit": 1,
        "singleBatch": true,
        // One that a failing primary may forget is nothing to build on.
        "readConcern": { "level": "majority" },
    };
    let answer = master.run_command(find).await?;
    let answer: Answer = deserialize_from_document(answer).map_err(Error::from)?;
    if answer.operation_time.is_none() {
        refuse_standalone(master.client()).await?;
    }
    match answer.cursor.first_batch.into_iter().next() {
        Some(kept) => Ok(kept.secret.bytes),
        None => make(master, name).await,
    }
}

/// Onboarding is a transaction, and a standalone server has none.
async fn refuse_standalone(client: &Client) -> Result<(), ConnectError> {
    let hello = client
        .database("admin")
        .run_command(doc! { "hello": 1 })
        .await?;
    let sharded = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    if hello.contains_key("setName") || sharded {
        return Ok(());
    }
    Err(ConnectError::Refused(
        "this MongoDB is a standalone server, which has no transactions. Start it with --replSet rs0 \
         and run rs.initiate() once (one node is enough), or use MongoDB Atlas"
            .to_owned(),
    ))
}

async fn make(master: &Database, name: &str) -> Result<Vec<u8>, ConnectError> {
    let keys = master.collection::<Document>("keys");
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| ConnectError::Unavailable("there is no randomness".to_owned()))?;
    let secret = Binary {
        subtype: BinarySubtype::Generic,
        bytes: random.to_vec(),
    };
    let kept = async || {
        keys.find_one_and_update(
            doc! { "_id": name },
            doc! { "$setOnInsert": { "secret": &secret } },
        )
        .upsert(true)
        .return_document(ReturnDocument::After)
        .await
    };
    // Of several that make it at once, all but one find it the second time.
    let kept = match kept().await {
        Err(error) if errors::is_duplicate(&error) => kept().await,
        result => result,
    }?;
    let kept = kept.ok_or_else(|| {
        ConnectError::Unavailable("the control plane's key was not kept".to_owned())
    })?;
    let kept: KeptSecret = deserialize_from_document(kept).map_err(Error::from)?;
    Ok(kept.secret.bytes)
}
