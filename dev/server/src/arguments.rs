//! Arguments of the local server's command.

use clap::Parser;
use shared::version::version_and_commit;

use crate::ProductRoute;

/// The organization service on this machine: all routes on one port, with MongoDB.
///
/// Settings are variables of the environment, or lines of the file .env in the current folder. The file .env.example
/// lists them with their defaults. Without MONGODB_URI it starts a MongoDB of its own. Data and generated
/// secrets are kept in .local in the current folder.
#[derive(Parser)]
#[command(name = "organization-service", version = version_and_commit())]
pub struct Arguments {
    /// A path of your product, and the function behind it: any program that speaks Lambda's invoke API, such as
    /// `cargo lambda watch` or `sam local start-lambda`.
    ///
    /// As behind API Gateway, the service's authorizer is asked first. Can be given several times.
    #[arg(long = "route", value_name = "/PATH/*=INVOKE-URL")]
    pub routes: Vec<ProductRoute>,
}
