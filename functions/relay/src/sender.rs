//! Sends mails by the configured transport.

use std::time::Duration;

use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, RawMessage};
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;
use shared::aws::{self, Timeouts};
use shared::outbox::{MailSender, OutgoingMail, SendError};
use shared::secrets::{SecretError, SecretsManager};

use crate::folder::MailFolder;
use crate::message::message;
use crate::settings::{MailSettings, Transport};
use crate::templates::{TemplateError, Templates};

/// The relay's attempt ends after 20 seconds.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    attempt: Duration::from_secs(8),
    operation: Duration::from_secs(18),
};

pub struct Sender {
    route: Route,
    from: Mailbox,
    templates: Templates,
}

enum Route {
    Ses {
        client: aws_sdk_sesv2::Client,
        configuration_set: Option<String>,
    },
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(MailFolder),
}

/// Why no mail can be sent.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("the SMTP URL cannot be used: {0}")]
    SmtpUrl(String),
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl Sender {
    /// `folder` is for `MAIL_TRANSPORT=log`.
    pub async fn new(
        settings: &MailSettings,
        secrets: &SecretsManager,
        folder: MailFolder,
    ) -> Result<Self, SenderError> {
        let templates = Templates::load(settings.templates.as_deref(), &settings.service_name)?;
        let route = match &settings.transport {
            Transport::Ses { configuration_set } => Route::Ses {
                client: aws_sdk_sesv2::Client::new(
                    &aws::configuration("AWS_ENDPOINT_URL_SESV2", TIMEOUTS).await,
                ),
                configuration_set: configuration_set.clone(),
            },
            Transport::Smtp(url) => {
                let (url, _) = secrets.resolve(url).await?;
                let smtp = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret());
                // The error may quote the URL, and so the password.
                let smtp = smtp.map_err(|_| {
                    SenderError::SmtpUrl(
                        "it must be such as smtps://user:password@smtp.example.com".to_owned(),
                    )
                })?;
                Route::Smtp(smtp.build())
            }
            Transport::Log => Route::Folder(folder),
        };
        Ok(Self {
            route,
            from: settings.from.clone(),
            templates,
        })
    }
}

impl MailSender for Sender {
    async fn send(&self, mail: &OutgoingMail) -> Result<(), SendError> {
        let rendered = self.templates.render(mail);
        // An operator can correct a template.
        let rendered = rendered.map_err(|error| SendError::Failed(error.to_string()))?;
        let text = rendered.text.clone();
        let message = message(mail, rendered, &self.from)?;
        match &self.route {
            Route::Ses {
                client,
                configuration_set,
            } => {
                send_by_ses(
                    client,
                    configuration_set.clone(),
                    &self.from,
                    &mail.to,
                    &message,
                )
                .await
            }
            Route::Smtp(smtp) => send_by_smtp(smtp, message).await,
            Route::Folder(folder) => folder
                .keep(mail, &text, &message.formatted())
                .map_err(|error| SendError::Failed(error.to_string())),
        }
    }
}

async fn send_by_ses(
    client: &aws_sdk_sesv2::Client,
    configuration_set: Option<String>,
    from: &Mailbox,
    to: &str,
    message: &Message,
) -> Result<(), SendError> {
    let raw = RawMessage::builder().data(Blob::new(message.formatted()));
    let raw = raw
        .build()
        .map_err(|error| SendError::Refused(error.to_string()))?;
    let sent = client
        .send_email()
        .from_email_address(from.email.to_string())
        .destination(Destination::builder().to_addresses(to).build())
        .content(EmailContent::builder().raw(raw).build())
        .set_configuration_set_name(configuration_set)
        .send()
        .await;
    sent.map(drop).map_err(|error| {
        let error = aws_sdk_sesv2::Error::from(error);
        let reason = error.to_string();
        match error {
            // Of this message. All other errors are the account's, or temporary.
            aws_sdk_sesv2::Error::MessageRejected(_)
            | aws_sdk_sesv2::Error::BadRequestException(_) => SendError::Refused(reason),
            _ => SendError::Failed(reason),
        }
    })
}

async fn send_by_smtp(
    smtp: &AsyncSmtpTransport<Tokio1Executor>,
    message: Message,
) -> Result<(), SendError> {
    let sent = smtp.send(message).await;
    sent.map(drop).map_err(
        |error| match error.is_permanent() && !is_about_login(&error) {
            true => SendError::Refused(error.to_string()),
            false => SendError::Failed(error.to_string()),
        },
    )
}

/// The user or the password is wrong (RFC 4954, section 6), which an operator can correct.
fn is_about_login(error: &lettre::transport::smtp::Error) -> bool {
    let status = error.status().map(u16::from);
    status.is_some_and(|status| [530, 534, 535, 538].contains(&status))
}
