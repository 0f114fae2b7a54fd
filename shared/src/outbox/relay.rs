//! The relay: sends what is due, and decides about what could not be sent.

use std::future::ready;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;
use mongodb::bson::{DateTime, doc};
use tokio::time::Instant;

use super::{LinkBase, MailSender, OutgoingMail, SendError};
use crate::clock::after;
use crate::metrics::{self, Metric};
use crate::model::{Mail, OneTimeTokenId, OutboxMessage, OutboxMessageId};
use crate::problem::Problem;
use crate::state::AppState;
use crate::store::{Databases, Lease};

/// Mails that are sent at a time, so that a slow one delays few others.
const CONCURRENT: usize = 8;
/// Messages that are read at a time. All attempts of a batch take less time than [`LEASE`].
const BATCH: i64 = 40;
/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// Renewed with each batch. A killed run blocks the next ones for this long.
const LEASE: Duration = Duration::from_secs(120);
/// The wait after the first failed attempt; each failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(15);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// In bytes, of the error that is stored.
const MAX_ERROR: usize = 500;

/// The result of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct RelayReport {
    pub sent: u64,
    /// Failed. A later run tries again.
    pub failed: u64,
    /// Will not be tried again.
    pub given_up: u64,
}

/// What became of one attempt.
enum Outcome {
    Sent,
    /// Its link is void, or there is no recipient.
    Void,
    Failed,
    GivenUp,
}

/// Sends what is due, until nothing is. Begins no attempt after `deadline`, and does nothing while another run is active.
pub async fn relay(
    state: &AppState,
    sender: &impl MailSender,
    links: &LinkBase,
    deadline: Instant,
) -> Result<RelayReport, Problem> {
    let databases = state.mongo.databases().await?;
    let mut report = RelayReport::default();
    let Some(lease) = Lease::acquire(&databases, "relay", LEASE).await? else {
        return Ok(report);
    };
    let relayed = relay_due(&databases, sender, links, deadline, &lease, &mut report).await;
    lease.release().await;
    metrics::record(Metric::MailsGivenUp, count(report.given_up));
    relayed.map(|()| report)
}

async fn relay_due(
    databases: &Databases,
    sender: &impl MailSender,
    links: &LinkBase,
    deadline: Instant,
    lease: &Lease<'_>,
    report: &mut RelayReport,
) -> Result<(), Problem> {
    while Instant::now() < deadline && lease.renew(LEASE).await? {
        let due = databases.due_messages(databases.clock.now(), BATCH).await?;
        if due.is_empty() {
            break;
        }
        let attempts = iter(due)
            .take_while(|_| ready(Instant::now() < deadline))
            .map(|message| attempt(databases, sender, links, message));
        let mut attempts = attempts.buffer_unordered(CONCURRENT);
        while let Some(outcome) = attempts.next().await {
            match outcome? {
                Outcome::Sent => report.sent += 1,
                Outcome::Void => {}
                Outcome::Failed => report.failed += 1,
                Outcome::GivenUp => report.given_up += 1,
            }
        }
    }
    Ok(())
}

/// Sends one message, and records the result.
async fn attempt(
    databases: &Databases,
    sender: &impl MailSender,
    links: &LinkBase,
    message: OutboxMessage,
) -> Result<Outcome, Problem> {
    let OutboxMessage {
        id,
        mail,
        attempts,
        give_up_at,
        ..
    } = message;
    let has_link = mail
        .as_ref()
        .is_some_and(|mail| mail.content.token_id().is_some());
    if has_link && give_up_at <= databases.clock.now() {
        give_up(databases, id, "its link ended before it could be sent").await?;
        return Ok(Outcome::GivenUp);
    }
    let Some((mail, link)) = with_link(databases, links, mail).await? else {
        databases.delete_message(id).await?;
        return Ok(Outcome::Void);
    };
    let mail = OutgoingMail::new(id, mail, link);
    let sending = tokio::time::timeout(ATTEMPT_TIMEOUT, sender.send(&mail)).await;
    let error = match sending {
        Ok(Ok(())) => {
            databases.delete_message(id).await?;
            return Ok(Outcome::Sent);
        }
        Ok(Err(error)) => error,
        Err(_) => SendError::Failed("no answer in time".to_owned()),
    };
    let next = match &error {
        SendError::Refused(_) => None,
        SendError::Failed(_) => next_attempt(databases.clock.now(), attempts, give_up_at),
    };
    // The error may contain the recipient's address, which belongs in no log.
    let reason = shortened(error.to_string());
    let Some(next) = next else {
        give_up(databases, id, &reason).await?;
        return Ok(Outcome::GivenUp);
    };
    tracing::warn!(message_id = %id, "a mail could not be sent: it is tried again");
    databases
        .record_failed_attempt(id, &reason, Some(next))
        .await?;
    Ok(Outcome::Failed)
}

async fn give_up(databases: &Databases, id: OutboxMessageId, reason: &str) -> Result<(), Problem> {
    tracing::error!(message_id = %id, "a mail was given up: its `last_error` in the outbox is the reason");
    databases.record_failed_attempt(id, reason, None).await?;
    Ok(())
}

/// The mail and its link. None if it has become pointless: its link is void, or nobody gets it.
async fn with_link(
    databases: &Databases,
    links: &LinkBase,
    mail: Option<Mail>,
) -> Result<Option<(Mail, Option<String>)>, Problem> {
    let Some(mail) = mail else { return Ok(None) };
    let Some(token) = mail.content.token_id() else {
        return Ok(Some((mail, None)));
    };
    let link = link(databases, links, token).await?;
    Ok(link.map(|link| (mail, Some(link))))
}

/// None if the token cannot be used any more.
async fn link(
    databases: &Databases,
    links: &LinkBase,
    id: OneTimeTokenId,
) -> Result<Option<String>, Problem> {
    let token = databases
        .one_time_tokens
        .find_one(doc! { "_id": id })
        .await?;
    let Some(token) = token else { return Ok(None) };
    let Some(account) = token.account_id else {
        return Ok(None);
    };
    let account = databases.account(account).await?;
    let now = databases.clock.now();
    let is_valid = account.is_some_and(|account| token.is_valid_for(&account, now));
    let pepper = databases.pepper()?;
    Ok(is_valid.then(|| links.link(&token, pepper)))
}

/// None if there is no time for another attempt.
fn next_attempt(now: DateTime, attempts: i32, give_up_at: DateTime) -> Option<DateTime> {
    let doublings = u32::try_from(attempts).unwrap_or(0).min(16);
    let wait = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    Some(after(now, wait)).filter(|next| *next < give_up_at)
}

/// At most [`MAX_ERROR`] bytes.
fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_ERROR));
    text
}

#[allow(clippy::cast_precision_loss, reason = "counts are small")]
fn count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_until_the_message_is_given_up() {
        let start = DateTime::from_millis(0);
        let give_up_at = after(start, Duration::from_secs(24 * 3600));
        let seconds = |attempts| {
            let next = next_attempt(start, attempts, give_up_at);
            next.map(|next| next.timestamp_millis() / 1000)
        };
        let waits: Vec<_> = (0..10).filter_map(seconds).collect();
        assert_eq!(waits, [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(
            next_attempt(start, 0, after(start, Duration::from_secs(15))),
            None
        );
    }
}
