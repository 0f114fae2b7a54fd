//! A real SMTP server: aiosmtpd, in a process of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use python_packages::{FetchError, PythonPackages};
use tempfile::TempDir;

use crate::SentMail;

/// Pure Python.
const AIOSMTPD: PythonPackages<'_> = PythonPackages {
    name: "aiosmtpd-1.4.6",
    title: "aiosmtpd, an SMTP server (0.2 MB)",
    requirements: "aiosmtpd==1.4.6 \
        --hash=sha256:72c99179ba5aa9ae0abbda6994668239b64a5ce054471955fe75f581d2592475\n\
        atpublic==9.0.0 \
        --hash=sha256:449c3c4f0c74df79749d6fe225ba55e2a2fce34b303f0329211e4d6989ed6f6e\n\
        attrs==26.1.0 \
        --hash=sha256:c647aa4a12dfbad9333ca4e71fe62ddc36f4e63b2d260a37a8b83d2f043ac309\n",
};
/// Its documentation says what recipients it treats in another way.
const SCRIPT: &str = include_str!("smtp_server.py");

/// Ended with this value.
pub struct SmtpServer {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl SmtpServer {
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// With `login`, `user:password`, the server requires it.
    pub async fn start_with(login: Option<&'static str>) -> Self {
        let starting = tokio::task::spawn_blocking(move || Self::start_blocking(login));
        starting.await.unwrap()
    }

    fn start_blocking(login: Option<&str>) -> Self {
        let packages = AIOSMTPD.folder(prove).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut process = python(&packages)
            .args(["-c", SCRIPT])
            .arg(folder.path())
            .args(login)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        Self {
            port: line.trim().parse().unwrap(),
            process,
            folder,
        }
    }

    /// For `SMTP_URL`, without a login.
    pub fn url(&self) -> String {
        self.url_with("")
    }

    /// `login` is `user:password@`.
    pub fn url_with(&self, login: &str) -> String {
        format!("smtp://{login}127.0.0.1:{}", self.port)
    }

    /// The messages that it took, in their order.
    pub fn received(&self) -> Vec<SentMail> {
        let files = fs::read_dir(self.folder.path()).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let mut files: Vec<_> = files
            .filter(|file| file.extension().unwrap() == "eml")
            .collect();
        files.sort();
        let read = |file: &std::path::PathBuf| SentMail::read(&fs::read(file).unwrap());
        files.iter().map(read).collect()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn python(packages: &Path) -> Command {
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", packages);
    python
}

fn prove(folder: &Path) -> Result<(), FetchError> {
    python_packages::prove(python(folder).args(["-c", "import aiosmtpd.smtp"]))
}
