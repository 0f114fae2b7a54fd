//! Scheduled job: sends the mails of the outbox, by Amazon SES, by SMTP, or into files.

mod folder;
mod message;
mod sender;
mod settings;
mod templates;

pub use folder::MailFolder;
pub use sender::{Sender, SenderError};
pub use settings::{MailSettings, Transport};
