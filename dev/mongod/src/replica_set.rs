//! Makes a single mongod the primary of a replica set of its own.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{ClientOptions, ServerAddress};
use mongodb::{Client, Database};

pub const NAME: &str = "rs0";

const NOT_YET_INITIALIZED: i32 = 94;

/// One step towards a primary on `port`: whether it is one. To be repeated until it is.
pub async fn make_primary(port: u16) -> Result<bool, Error> {
    let admin = connect(port)?;
    let hello = admin.run_command(doc! { "hello": 1 }).await?;
    if hello.get_bool("isWritablePrimary").unwrap_or(false) {
        return Ok(true);
    }
    let host = format!("127.0.0.1:{port}");
    match admin.run_command(doc! { "replSetGetConfig": 1 }).await {
        Ok(answer) => move_to(&admin, &host, &answer).await?,
        Err(error) if code(&error) == Some(NOT_YET_INITIALIZED) => {
            let member = doc! { "_id": 0, "host": host };
            let config = doc! { "_id": NAME, "members": [member] };
            admin
                .run_command(doc! { "replSetInitiate": config })
                .await?;
        }
        Err(error) => return Err(error),
    }
    Ok(false)
}

/// A set that was kept knows itself by the port it had last time.
async fn move_to(admin: &Database, host: &str, answer: &Document) -> Result<(), Error> {
    let Ok(mut config) = answer.get_document("config").cloned() else {
        return Ok(());
    };
    let members = config.get_array_mut("members").ok();
    let member = members.and_then(|members| members.first_mut()?.as_document_mut());
    let Some(member) =
        member.filter(|member| member.get_str("host").is_ok_and(|known| known != host))
    else {
        return Ok(());
    };
    member.insert("host", host);
    let version = config.get_i32("version").unwrap_or_default();
    config.insert("version", version + 1);
    admin
        .run_command(doc! { "replSetReconfig": config, "force": true })
        .await?;
    Ok(())
}

/// A connection to this server alone: as long as there is no primary, a client of the set finds none.
fn connect(port: u16) -> Result<Database, Error> {
    let address = ServerAddress::Tcp {
        host: "127.0.0.1".to_owned(),
        port: Some(port),
    };
    let options = ClientOptions::builder()
        .hosts(vec![address])
        .direct_connection(true)
        .server_selection_timeout(Duration::from_millis(500))
        .build();
    Ok(Client::with_options(options)?.database("admin"))
}

fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}
