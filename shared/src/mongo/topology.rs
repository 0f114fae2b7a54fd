//! The first command on a new connection. Its response also shows whether the server supports transactions, so startup
//! needs no second command.

use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::{Client, Database};

use super::ConnectError;

/// The response to `find`, a command that reads. Refuses unsuitable servers: a standalone server, and a directly
/// connected secondary.
pub(crate) async fn check_server(
    master: &Database,
    find: Document,
    is_direct: bool,
) -> Result<Document, ConnectError> {
    let response = master.run_command(find).await?;
    // Replica sets and sharded clusters include it in every response
    // (<https://www.mongodb.com/docs/manual/reference/method/db.runCommand/#response>).
    if response.contains_key("operationTime") && !is_direct {
        return Ok(response);
    }
    let hello = hello(master.client()).await?;
    refuse_standalone(&hello)?;
    refuse_secondary(&hello)?;
    Ok(response)
}

async fn hello(client: &Client) -> Result<Document, Error> {
    let admin = client.database("admin");
    admin.run_command(doc! { "hello": 1 }).await
}

/// Onboarding requires transactions, which a standalone server does not support.
fn refuse_standalone(hello: &Document) -> Result<(), ConnectError> {
    let sharded = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    if hello.contains_key("setName") || sharded {
        return Ok(());
    }
    Err(ConnectError::Fatal(
        "this MongoDB is a standalone server, which has no transactions. Start it with --replSet rs0 \
         and run rs.initiate() once (one node is enough), or use MongoDB Atlas"
            .to_owned(),
    ))
}

/// A server that knows another primary remains a secondary, and with `directConnection=true` the driver sends it all
/// writes. An election in progress is only a temporary error.
fn refuse_secondary(hello: &Document) -> Result<(), ConnectError> {
    let is_primary = hello.get_bool("isWritablePrimary").unwrap_or_default();
    if is_primary || hello.contains_key("msg") {
        return Ok(());
    }
    match hello.get_str("primary") {
        Ok(_) => Err(ConnectError::Fatal(
            "directConnection=true in the connection string names a secondary, which takes no writes. Remove the \
             option and set replicaSet, or name the primary"
                .to_owned(),
        )),
        Err(_) => Err(ConnectError::Unavailable(
            "MongoDB has no primary at the moment".to_owned(),
        )),
    }
}
