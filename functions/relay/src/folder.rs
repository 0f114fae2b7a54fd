//! Mails of the local server: printed, and kept in files.

use std::fs;
use std::io;
use std::path::PathBuf;

use shared::outbox::OutgoingMail;

/// The folder of the files.
#[derive(Clone, Debug)]
pub struct MailFolder(pub PathBuf);

impl MailFolder {
    /// Prints `text`, and writes the message to `<id>.eml`.
    pub(crate) fn keep(&self, mail: &OutgoingMail, text: &str, message: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let file = self.0.join(format!("{}.eml", mail.id));
        fs::write(&file, message)?;
        println!("Mail to {} ({}):\n\n{text}\n", mail.to, file.display());
        Ok(())
    }
}
