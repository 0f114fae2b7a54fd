//! What a transport of mail must do.

use crate::model::{Mail, MailContent, OutboxMessageId};

/// A mail on its way out.
pub struct OutgoingMail {
    /// The same at each attempt.
    pub id: OutboxMessageId,
    pub to: String,
    /// Language tag of the recipient (RFC 5646).
    pub locale: Option<String>,
    pub content: MailContent,
    /// For a mail with a link.
    pub link: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// This mail can never be sent: the recipient or the content is refused.
    #[error("refused: {0}")]
    Refused(String),
    /// Another attempt may succeed. It may also have been sent, if the connection broke in the end.
    #[error("{0}")]
    Failed(String),
}

/// Sends mails, several at a time.
pub trait MailSender: Sync {
    fn send(&self, mail: &OutgoingMail) -> impl Future<Output = Result<(), SendError>> + Send;
}

impl OutgoingMail {
    pub(super) fn new(id: OutboxMessageId, mail: Mail, link: Option<String>) -> Self {
        let Mail {
            to,
            locale,
            content,
        } = mail;
        Self {
            id,
            to,
            locale,
            content,
            link,
        }
    }
}
