//! Growth of the cost with the number of tenants: each has a collection, and each collection has files.

use std::fs;
use std::path::Path;

use mongodb::Client;
use mongodb::bson::doc;

use crate::Outcome;
use crate::backend::{Backend, login, send, showing};
use crate::latency::{Baseline, Functions, bcrypt_time, timed};
use crate::plot::{self, Point};
use crate::statistics::median;

const TENANTS: [u32; 5] = [100, 1000, 3000, 6000, 9000];
const ROUNDS: usize = 25;

/// The mongod that listens on this connection string's port.
fn process_of(uri: &str) -> Outcome<String> {
    let port = uri
        .rsplit(':')
        .next()
        .and_then(|rest| rest.split('/').next());
    let port = format!("--port\0{}\0", port.ok_or("no port")?);
    for entry in fs::read_dir("/proc")? {
        let id = entry?.file_name().to_string_lossy().into_owned();
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        if line.contains(&port) && !line.starts_with("sh\0") {
            return Ok(id);
        }
    }
    Err("no mongod".into())
}

async fn point(backend: &Backend, functions: &Functions, tenants: u32) -> Outcome<Point> {
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let round = [
            bcrypt_time().await?,
            timed(functions.onboard()).await?,
            timed(send(&functions.log_in, &login()?, 200)).await?,
            timed(send(
                &functions.organization,
                &showing(&functions.token)?,
                200,
            ))
            .await?,
        ];
        times
            .iter_mut()
            .zip(round)
            .for_each(|(times, time)| times.push(time));
    }
    let [hash, onboarding, login, show] = times.each_mut().map(|times| median(times));
    let uri = backend.mongod.uri();
    let admin = Client::with_uri_str(&uri).await?.database("admin");
    let status = admin.run_command(doc! { "serverStatus": 1 }).await?;
    // In mebibytes.
    let resident = status.get_document("mem")?.get_i32("resident")?;
    Ok(Point {
        tenants,
        onboarding: onboarding - hash,
        login: login - hash,
        show,
        memory: f64::from(resident) * 1.048_576,
        files: fs::read_dir(format!("/proc/{}/fd", process_of(&uri)?))?.count(),
    })
}

pub async fn measure(binaries: &Path) -> Outcome<String> {
    let backend = Backend::start().await?;
    let baseline = Baseline::new(&backend.mongod.uri()).await?;
    let functions = Functions::start(&backend, binaries).await?;
    let (mut points, mut there) = (Vec::new(), 1);
    for tenants in TENANTS {
        while there < tenants {
            baseline.onboarding().await?;
            there += 1;
        }
        let point = point(&backend, &functions, tenants).await?;
        eprintln!(
            "  at {tenants} tenants: onboarding {:.1} ms",
            point.onboarding
        );
        there += u32::try_from(ROUNDS)?;
        points.push(point);
    }
    plot::growth(&points)?;
    let mut table = "| tenants | onboarding without its hash, ms | login without its hash, ms | `GET /org`, ms | mongod's \
        memory, MB | its open files |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for point in &points {
        table += &format!(
            "| {} | {:.1} | {:.1} | {:.1} | {:.0} | {} |\n",
            point.tenants, point.onboarding, point.login, point.show, point.memory, point.files
        );
    }
    Ok(table + "\n![Growth with the number of tenants](growth.svg)\n")
}
