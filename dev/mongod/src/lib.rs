//! A real MongoDB on the own machine, for the local server and the tests: found or fetched, run as a one-node
//! replica set on a free loopback port, and never left behind.

mod end;
mod fetch;
mod find;
mod process;
mod replica_set;

pub use end::Ended;
pub use find::{NotFound, find};
pub use process::{Mongod, Purpose, StartError, free_port};
