//! Arguments of the local server's command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use shared::version::version_and_commit;

use crate::ProductRoute;

/// The organization service on this machine: all routes on one port, with MongoDB.
///
/// Settings are variables of the environment, or lines of the file .env in the current folder. The file .env.example
/// lists them with their defaults. Without MONGODB_URI it starts a MongoDB of its own. Data and generated
/// secrets are kept in .local in the current folder.
#[derive(Parser)]
#[command(name = "organization-service", version = version_and_commit(), args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub options: Options,
}

/// What the server serves besides the service's own routes.
#[derive(Args)]
pub struct Options {
    /// A path of your product, and the function behind it: any program that speaks Lambda's invoke API, such as
    /// `cargo lambda watch` or `sam local start-lambda`.
    ///
    /// As behind API Gateway, the service's authorizer is asked first. Can be given several times.
    #[arg(long = "route", value_name = "/PATH/*=INVOKE-URL")]
    pub routes: Vec<ProductRoute>,
    /// Adds what helps to develop a product: POST /dev/sign-in, which signs in and creates what it needs for that, and the signing
    /// secret for a product in Rust.
    ///
    /// For a loopback address and the MongoDB that the server starts.
    #[arg(long)]
    pub dev: bool,
}

/// What else the program does. It then serves nothing.
#[derive(Subcommand)]
pub enum Command {
    /// Indexes and documents that each tenant of your product starts with.
    #[command(subcommand)]
    Product(ProductCommand),
}

#[derive(Subcommand)]
pub enum ProductCommand {
    /// Stores the version in a file, publishes it to new tenants, and applies it to all others.
    ///
    /// Needs MONGODB_URI or MONGODB_URI_SECRET_ID, and MASTER_DB and TENANT_DB if the service has them. Can be interrupted,
    /// and repeated.
    Apply(ProductApply),
}

#[derive(Args)]
pub struct ProductApply {
    /// The product's file, such as product.json.
    pub file: PathBuf,
    /// Shows what would change, and writes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Applies the version to this organization alone, and does not publish it to new tenants.
    #[arg(long, value_name = "ORGANIZATION-ID", conflicts_with = "dry_run")]
    pub only: Option<String>,
}
