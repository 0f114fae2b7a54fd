//! The request that a use case serves.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use mongodb::ClientSession;
use mongodb::bson::DateTime;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::config::Config;
use crate::http::{ClientAddress, Deadline, RequestLog};
use crate::mongo::{Scope, Writes};
use crate::problem::Problem;
use crate::state::AppState;
use crate::store::Databases;

/// In characters. Browsers send about 110.
const MAX_USER_AGENT: usize = 200;

/// Client address, deadline and id of a request, with the application's state.
pub struct RequestContext {
    state: Arc<AppState>,
    address: ClientAddress,
    user_agent: Option<String>,
    deadline: Instant,
    log: RequestLog,
    /// All statements of a request use the same connection.
    databases: OnceCell<Arc<Databases>>,
}

impl RequestContext {
    pub fn state(&self) -> &AppState {
        &self.state
    }

    pub fn config(&self) -> &Config {
        &self.state.config
    }

    /// The client's address.
    pub fn address(&self) -> ClientAddress {
        self.address
    }

    /// The header `User-Agent`: at most 200 characters, visible ones and spaces.
    pub(crate) fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The request gets 503 if it has no response by then.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The request's id in logs and errors.
    pub fn id(&self) -> &str {
        self.log.request_id()
    }

    pub(crate) fn log(&self) -> &RequestLog {
        &self.log
    }

    /// The current time, which decides what has expired.
    pub fn now(&self) -> DateTime {
        self.state.clock.now()
    }

    /// Connects to MongoDB, if that has not been done yet.
    pub(crate) async fn databases(&self) -> Result<&Arc<Databases>, Problem> {
        let connecting = || self.state.mongo.databases();
        self.databases.get_or_try_init(connecting).await
    }

    /// Runs a transaction until shortly before the deadline, see [`run_transaction`](crate::mongo::run_transaction).
    pub(crate) async fn transaction<'env, T>(
        &'env self,
        run: impl for<'run> Fn(&'run mut ClientSession, Scope<'run, 'env>) -> Writes<'run, T, Problem>
        + Sync,
    ) -> Result<T, Problem> {
        let databases = self.databases().await?;
        databases.transaction(self.deadline, run).await
    }
}

impl FromRequestParts<Arc<AppState>> for RequestContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<Self, Problem> {
        let address = ClientAddress::from_request_parts(parts, state).await?;
        let Deadline(deadline) = Deadline::from_request_parts(parts, state).await?;
        let log = parts.extensions.get::<RequestLog>();
        Ok(Self {
            state: Arc::clone(state),
            address,
            user_agent: user_agent(&parts.headers),
            deadline,
            log: log.cloned().ok_or_else(Problem::internal)?,
            databases: OnceCell::new(),
        })
    }
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    let text: String = text.chars().take(MAX_USER_AGENT).collect();
    Some(text).filter(|text| !text.is_empty())
}
