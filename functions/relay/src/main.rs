//! The scheduled relay as a Lambda function.

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use relay::{MailFolder, MailSettings, Sender, Transport};
use serde_json::Value;
use shared::http::remaining_time;
use shared::lambda::{self, InvocationError, Secret};
use shared::outbox::{LinkBase, RelayReport, relay};
use shared::secrets::SecretsManager;
use shared::start::StartupError;
use shared::state::AppState;
use tokio::time::Instant;

type Sending<'a> = Pin<Box<dyn Future<Output = Result<RelayReport, InvocationError>> + 'a>>;

/// For the attempts that have begun at the deadline.
const MARGIN: Duration = Duration::from_secs(25);
/// With a timeout of less than [`MARGIN`].
const SHORTEST_RUN: Duration = Duration::from_secs(5);

/// Without mail it does nothing.
type Mail = Option<(MailSettings, LinkBase)>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartupError> {
    let (state, mail) = lambda::start_with(&[Secret::Pepper], |settings| {
        let mail = MailSettings::read(settings);
        let sends_mail = settings.optional("MAIL_TRANSPORT").is_some();
        if sends_mail && settings.optional("APP_URL").is_none() {
            settings.error("APP_URL is required");
        }
        let mail = mail?;
        if matches!(mail.transport, Transport::Log) {
            settings.error("MAIL_TRANSPORT=log is for the local server");
        }
        let links = mail.links.clone();
        Some((mail, links?))
    })?;
    let secrets = SecretsManager::default();
    // The event has no relevant content.
    let run = async |event: LambdaEvent<Value>| {
        let time = remaining_time(&event.context).saturating_sub(MARGIN);
        let time = time.max(SHORTEST_RUN);
        // On the heap: within this one, the compiler refuses so deep a future.
        let sending: Sending<'_> =
            Box::pin(send_due(&state, &mail, &secrets, Instant::now() + time));
        sending.await
    };
    lambda::serve_events(&state, service_fn(run)).await
}

async fn send_due(
    state: &AppState,
    mail: &Mail,
    secrets: &SecretsManager,
    deadline: Instant,
) -> Result<RelayReport, InvocationError> {
    let Some((settings, links)) = mail else {
        return Ok(RelayReport::default());
    };
    // Built for each run: the secret with the SMTP URL may have changed.
    let sender = Sender::new(settings, secrets, MailFolder(PathBuf::new())).await;
    let sender = sender.map_err(|error| InvocationError::new("NoSender", error.to_string()))?;
    Ok(relay(state, &sender, links, deadline).await?)
}
