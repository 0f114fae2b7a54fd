//! The settings of mail.

use std::path::PathBuf;

use lettre::message::Mailbox;
use shared::config::{ConfiguredSecret, MailTransport, Settings};
use shared::outbox::LinkBase;

/// All settings of mail. They are read only if `MAIL_TRANSPORT` is set.
#[derive(Clone, Debug)]
pub struct MailSettings {
    pub transport: Transport,
    pub from: Mailbox,
    /// The name of the service in mails.
    pub service_name: String,
    /// Where links lead. None: to the service's own pages.
    pub links: Option<LinkBase>,
    /// A folder with templates that replace the built-in ones.
    pub templates: Option<PathBuf>,
}

/// How mail leaves, with what it needs.
#[derive(Clone, Debug)]
pub enum Transport {
    Ses { configuration_set: Option<String> },
    Smtp(ConfiguredSecret),
    Log,
}

impl MailSettings {
    /// None if the service sends no mail, or with an error in `settings`.
    pub fn read(settings: &mut Settings<'_>) -> Option<Self> {
        let configuration_set = settings.optional("SES_CONFIGURATION_SET");
        let smtp_url = settings.optional_secret("SMTP_URL", "SMTP_URL_SECRET_ID");
        let transport = match (MailTransport::read(settings)?, smtp_url) {
            (MailTransport::Ses, _) => Transport::Ses { configuration_set },
            (MailTransport::Smtp, Some(url)) => Transport::Smtp(url),
            (MailTransport::Smtp, None) => {
                settings.error("MAIL_TRANSPORT=smtp requires SMTP_URL or SMTP_URL_SECRET_ID");
                return None;
            }
            (MailTransport::Log, _) => Transport::Log,
        };
        let from = match settings.required("MAIL_FROM") {
            empty if empty.is_empty() => None,
            from => from.parse().ok().or_else(|| {
                settings.error("MAIL_FROM must be an address such as Acme <no-reply@example.com>");
                None
            }),
        };
        let links = settings.optional("APP_URL").map(|url| url.parse());
        if matches!(links, Some(Err(_))) {
            settings.error("APP_URL must be an address such as https://app.example.com");
        }
        Some(Self {
            transport,
            from: from?,
            service_name: settings.text("SERVICE_NAME", "Organization Service"),
            links: links.transpose().ok()?,
            templates: settings.optional("MAIL_TEMPLATES").map(PathBuf::from),
        })
    }
}
