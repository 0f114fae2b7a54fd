//! The life of a scheduled function of a product.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;

use super::{InvocationError, serve_events};
use crate::http::remaining_time;
use crate::problem::Problem;
use crate::start::StartupError;
use crate::state::AppState;
use crate::tenant::{JobReport, Tenants};

/// Connects to all dependencies, then runs `job` for each event until Lambda ends the process. The content of the event is
/// ignored, and the report is the function's result. If the job failed for an organization, the invocation fails, so that an
/// alarm can report it.
pub async fn serve_job<F>(state: &AppState, job: impl Fn(Tenants) -> F) -> Result<(), StartupError>
where
    F: Future<Output = Result<JobReport, Problem>>,
{
    let run = async |event: LambdaEvent<Value>| {
        let deadline = Instant::now() + remaining_time(&event.context);
        let report = job(Tenants::new(state, deadline).await?).await?;
        match report.failed {
            0 => Ok(report),
            failed => {
                let report = serde_json::to_value(report).unwrap_or_default();
                tracing::error!(%report, "a job failed for organizations");
                Err(InvocationError::new(
                    "OrganizationsFailed",
                    format!("the job failed for {failed} organizations"),
                ))
            }
        }
    };
    serve_events(state, service_fn(run)).await
}
