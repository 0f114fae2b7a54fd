//! Messages that must leave the service, such as mails. Nothing is sent within a request.
//!
//! A message is written in the transaction of its cause. The relay sends it afterwards, at least once: if it is interrupted
//! between sending and deleting a message, the next run sends it again, with the same id.

mod link;
mod relay;
mod sending;

pub use link::{LinkBase, LinkBaseInvalid};
pub use relay::{RelayReport, relay};
pub use sending::{MailSender, OutgoingMail, SendError};
