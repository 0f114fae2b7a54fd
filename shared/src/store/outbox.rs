//! The outbox: messages that transactions wrote, and that the relay sends.

use mongodb::ClientSession;
use mongodb::bson::{DateTime, doc};
use mongodb::error::Error;

use super::Databases;
use crate::model::{OneTimeToken, OutboxMessage, OutboxMessageId};
use crate::mongo::collect_readable;

impl Databases {
    /// Writes a message, in the transaction of its cause.
    pub(crate) async fn enqueue(
        &self,
        message: &OutboxMessage,
        transaction: &mut ClientSession,
    ) -> Result<(), Error> {
        let inserting = self.outbox.insert_one(message).session(transaction);
        inserting.await.map(drop)
    }

    /// Writes a token, and the message with its link.
    pub(crate) async fn enqueue_link(
        &self,
        token: &OneTimeToken,
        message: &OutboxMessage,
        transaction: &mut ClientSession,
    ) -> Result<(), Error> {
        let inserting = self.one_time_tokens.insert_one(token);
        inserting.session(&mut *transaction).await?;
        self.enqueue(message, transaction).await
    }

    /// At most `limit` messages whose attempt is due, those of a lower priority first.
    pub(crate) async fn due_messages(
        &self,
        now: DateTime,
        limit: i64,
    ) -> Result<Vec<OutboxMessage>, Error> {
        let due = doc! { "priority": { "$gte": 0 }, "next_attempt_at": { "$lte": now } };
        let due = self
            .outbox
            .find(due)
            .sort(doc! { "priority": 1, "next_attempt_at": 1 });
        collect_readable(due.limit(limit).await?).await
    }

    /// The message has left, or is void.
    pub(crate) async fn delete_message(&self, id: OutboxMessageId) -> Result<(), Error> {
        self.outbox.delete_one(doc! { "_id": id }).await.map(drop)
    }

    /// Records a failed attempt. Without a next one, the message is given up.
    pub(crate) async fn record_failed_attempt(
        &self,
        id: OutboxMessageId,
        error: &str,
        next_attempt_at: Option<DateTime>,
    ) -> Result<(), Error> {
        let mut failed = doc! { "last_error": error };
        let change = match next_attempt_at {
            Some(next) => {
                failed.insert("next_attempt_at", next);
                doc! { "$inc": { "attempts": 1 }, "$set": failed }
            }
            None => doc! {
                "$inc": { "attempts": 1 },
                "$set": failed,
                "$unset": { "priority": "", "next_attempt_at": "" },
            },
        };
        let attempt = self.outbox.update_one(doc! { "_id": id }, change);
        attempt.await.map(drop)
    }
}
