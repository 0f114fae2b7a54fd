//! `server product apply <file>`: brings what a tenant starts with into the database of the settings.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use shared::model::{OrganizationId, ProductVersion};
use shared::mongo::ConnectError;
use shared::product_versions::{
    Changes, DefinitionErrors, Progress, Rollout, RolloutError, RolloutReport, parse,
};
use shared::store::Mongo;
use tokio::signal::ctrl_c;
use tokio::sync::watch;

use crate::arguments::ProductApply;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
/// The exit code of a process that Ctrl-C ended: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// Why a version was not applied to all tenants.
#[derive(Debug, thiserror::Error)]
pub enum ProductCommandError {
    #[error("{} cannot be read: {error}", file.display())]
    File { file: PathBuf, error: io::Error },
    #[error("{}:\n{errors}", file.display())]
    Definition {
        file: PathBuf,
        errors: DefinitionErrors,
    },
    #[error(
        "set MONGODB_URI to the service's MongoDB. A local server prints its address when it starts"
    )]
    NoMongodb,
    #[error("`{0}` is not the id of an organization: 24 hexadecimal digits")]
    NotAnId(String),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error(
        "{0} of the organizations do not have the version: see above. Run the command again to try them again"
    )]
    Failed(u64),
    #[error("stopped. Run the command again to continue")]
    Stopped,
}

/// The version that the file declares.
fn read_version(file: PathBuf) -> Result<ProductVersion, ProductCommandError> {
    match std::fs::read_to_string(&file) {
        Ok(text) => parse(&text).map_err(|errors| ProductCommandError::Definition { file, errors }),
        Err(error) => Err(ProductCommandError::File { file, error }),
    }
}

pub async fn apply_product(
    mongo: &Mongo,
    arguments: ProductApply,
) -> Result<(), ProductCommandError> {
    let version = read_version(arguments.file)?;
    let number = version.number;
    let only = arguments
        .only
        .map(|text| OrganizationId::parse(&text).ok_or_else(|| ProductCommandError::NotAnId(text)));
    let only = only.transpose()?;
    mongo.connect(CONNECT_TIMEOUT).await?;
    let rollout = Rollout::check(mongo, version).await?;
    let changes = rollout.changes().await?;
    show(number, &changes);
    match only {
        _ if arguments.dry_run => println!("Nothing was written."),
        Some(id) => {
            rollout.to_one(id).await?;
            println!(
                "The organization {id} has version {number}. New tenants do not start with it yet."
            );
        }
        None => {
            let report = to_all(&rollout, &changes).await?;
            if report.is_unfinished {
                return Err(ProductCommandError::Stopped);
            }
            if report.failed > 0 {
                return Err(ProductCommandError::Failed(report.failed));
            }
            println!("All organizations have version {number}, and new ones start with it.");
        }
    }
    Ok(())
}

fn show(number: i64, changes: &Changes) {
    println!("Version {number}, compared to the one before:");
    for name in &changes.dropped_indexes {
        println!("  - index {name}");
    }
    for name in &changes.created_indexes {
        println!("  + index {name}");
    }
    for id in &changes.seeds {
        println!("  + seed {id}");
    }
    println!(
        "Organizations that do not have it: {}",
        changes.organizations
    );
}

async fn to_all(rollout: &Rollout, changes: &Changes) -> Result<RolloutReport, RolloutError> {
    let (stop, stopped) = watch::channel(false);
    let stopping = tokio::spawn(stop_on_ctrl_c(stop));
    let mut visited = 0_u64;
    let applying = rollout.to_all(stopped, |progress| match progress {
        Progress::Applied(id) => {
            visited += 1;
            println!("{visited} of {}: {id}", changes.organizations);
        }
        Progress::Failed(id, reason) => {
            visited += 1;
            eprintln!(
                "{visited} of {}: {id} failed: {reason}",
                changes.organizations
            );
        }
        Progress::Waiting(time) => println!(
            "Waiting for sign-ups that began before: {} s",
            time.as_secs() + 1
        ),
    });
    let applied = applying.await;
    stopping.abort();
    applied
}

/// The first Ctrl-C stops after the organizations in progress, the second one at once.
async fn stop_on_ctrl_c(stop: watch::Sender<bool>) {
    if ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    eprintln!("Stopping after the organizations in progress. Ctrl-C again stops at once.");
    stop.send_replace(true);
    if ctrl_c().await.is_ok() {
        std::process::exit(INTERRUPTED);
    }
}
