//! Whether the time of a refused login tells why it was refused.
//!
//! The paths are taken in turn, so that other load on the machine affects all of them equally.

use mongodb::bson::{Document, doc};
use serde_json::json;

use crate::Outcome;
use crate::backend::{EMAIL, PASSWORD};
use crate::latency::timed;
use crate::server::Server;
use crate::statistics::median;

const ROUNDS: usize = 200;
const PATHS: [(&str, &str, &str); 3] = [
    ("unknown email", "nobody@example.com", PASSWORD),
    ("wrong password", EMAIL, "not the password"),
    (
        "disabled admin, right password",
        "disabled@example.com",
        PASSWORD,
    ),
];

pub async fn measure() -> Outcome<String> {
    let http = reqwest::Client::new();
    let server = Server::built().await?.with_admin(&http).await?;
    let body =
        json!({"organization_name": "Two", "email": "disabled@example.com", "password": PASSWORD});
    server.post(&http, "/org/create", &body).await?;
    let mongo = mongodb::Client::with_uri_str(&server.mongodb).await?;
    let admins = mongo.database("master_db").collection::<Document>("admins");
    let disabled = doc! { "$set": { "status": "disabled" } };
    admins
        .update_one(doc! { "email": "disabled@example.com" }, disabled)
        .await?;
    let mut times = PATHS.map(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for ((_, email, password), times) in PATHS.iter().zip(&mut times) {
            let body = json!({"email": email, "password": password});
            let refused = async {
                match server.post(&http, "/admin/login", &body).await? {
                    401 => Ok(()),
                    status => Err(format!("{status}").into()),
                }
            };
            times.push(timed(refused).await?);
        }
    }
    let mut table = format!(
        "| refused for | median of {ROUNDS}, ms | compared with the first |\n|---|---|---|\n"
    );
    let mut first = None;
    for ((name, ..), times) in PATHS.iter().zip(&mut times) {
        let median = median(times);
        let difference = (median / *first.get_or_insert(median) - 1.0) * 100.0;
        table += &format!("| {name} | {median:.2} | {difference:+.2} % |\n");
    }
    Ok(table)
}
