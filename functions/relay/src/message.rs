//! A mail as MIME (RFC 5322, RFC 2045).

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use shared::outbox::{OutgoingMail, SendError};

use crate::templates::Rendered;

/// Fails if the recipient's address cannot be written as a header.
pub fn message(
    mail: &OutgoingMail,
    rendered: Rendered,
    from: &Mailbox,
) -> Result<Message, SendError> {
    let refused = |error: &dyn std::fmt::Display| SendError::Refused(error.to_string());
    let to = mail.to.parse().map_err(|error| refused(&error))?;
    // The same at each attempt, so that a mail client can tell that it has the message already.
    let id = format!("<{}@{}>", mail.id.to_hex(), from.email.domain());
    let automatic = HeaderValue::new(
        HeaderName::new_from_ascii_str("Auto-Submitted"),
        "auto-generated".to_owned(),
    );
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(rendered.subject)
        .message_id(Some(id))
        .raw_header(automatic)
        .multipart(MultiPart::alternative_plain_html(
            rendered.text,
            rendered.html,
        ))
        .map_err(|error| refused(&error))
}
