//! The relay of the local server: sends mail as soon as a request wrote one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use relay::{MailFolder, MailSettings, Sender, SenderError};
use shared::outbox::{LinkBase, relay};
use shared::secrets::SecretsManager;
use shared::state::AppState;
use tokio::time::{Instant, timeout};

/// A retry waits at most this long, and no request was there in between.
const INTERVAL: Duration = Duration::from_secs(5);
const RUN: Duration = Duration::from_secs(60);

/// Sends mail until the process ends. Without `APP_URL`, links lead to the server's own pages at `own`.
pub async fn relay_mail(
    state: Arc<AppState>,
    settings: MailSettings,
    own: LinkBase,
    folder: &Path,
) -> Result<(), SenderError> {
    let secrets = SecretsManager::default();
    let sender = Sender::new(&settings, &secrets, MailFolder(folder.join("mail"))).await?;
    let links = settings.links.unwrap_or(own);
    tokio::spawn(async move {
        loop {
            // Failures are logged, and retried by the next run.
            let _ = relay(&state, &sender, &links, Instant::now() + RUN).await;
            let _ = timeout(INTERVAL, state.outbox_written.notified()).await;
        }
    });
    Ok(())
}
