//! Mail of the service under test.

use std::fs;
use std::time::Duration;

use relay::{MailFolder, MailSettings, Sender};
use shared::config::Settings;
use shared::outbox::{RelayReport, relay};
use shared::secrets::SecretsManager;
use tokio::time::Instant;

use crate::TestService;

/// Settings of a service that sends mail.
pub const WITH_MAIL: &[(&str, &str)] = &[("MAIL_TRANSPORT", "log")];

/// A mail as it was sent: headers and parts.
pub struct SentMail(pub String);

impl SentMail {
    pub fn read(message: &[u8]) -> Self {
        let mode = quoted_printable::ParseMode::Robust;
        let decoded = quoted_printable::decode(message, mode).unwrap();
        Self(String::from_utf8(decoded).unwrap())
    }

    pub fn header(&self, name: &str) -> &str {
        let (head, _) = self.0.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let prefix = format!("{name}: ");
        lines.find_map(|line| line.strip_prefix(&prefix)).unwrap()
    }

    /// The link, alone on its line.
    pub fn link(&self) -> &str {
        let mut lines = self.0.lines();
        lines.find(|line| line.starts_with("http")).unwrap()
    }

    /// The token of the link.
    pub fn token(&self) -> String {
        self.link().split_once("#token=").unwrap().1.to_owned()
    }
}

impl TestService {
    /// Sends what is due into files, and returns it.
    pub async fn sent_mails(&self) -> Vec<SentMail> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let settings = [
            ("MAIL_TRANSPORT", "log"),
            ("MAIL_FROM", "Acme <no-reply@acme.example>"),
        ];
        self.relay_by(&settings, MailFolder(path.clone())).await;
        let files = fs::read_dir(&path)
            .unwrap()
            .map(|file| file.unwrap().path());
        let mut files: Vec<_> = files.collect();
        files.sort();
        files
            .iter()
            .map(|file| SentMail::read(&fs::read(file).unwrap()))
            .collect()
    }

    /// Sends what is due by SMTP.
    pub async fn relay_by_smtp(&self, url: &str) -> RelayReport {
        let settings = [
            ("MAIL_TRANSPORT", "smtp"),
            ("SMTP_URL", url),
            ("MAIL_FROM", "Acme <no-reply@acme.example>"),
        ];
        self.relay_by(&settings, MailFolder("".into())).await
    }

    async fn relay_by(&self, settings: &[(&str, &str)], folder: MailFolder) -> RelayReport {
        let lookup = |name: &str| {
            let found = settings.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut settings = Settings::new(&lookup);
        let mail = MailSettings::read(&mut settings);
        settings.finish().unwrap();
        let secrets = SecretsManager::default();
        let sender = Sender::new(&mail.unwrap(), &secrets, folder).await.unwrap();
        let links = self.base.parse().unwrap();
        let soon = Instant::now() + Duration::from_secs(20);
        relay(&self.state, &sender, &links, soon).await.unwrap()
    }
}
