//! Why a mongod has ended by itself.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use python_packages::{FetchError, prove};

/// Exit codes of the shell, if it cannot run a program.
const NOT_RUN: [i32; 2] = [126, 127];
/// The shell's exit code for a program that SIGKILL has ended.
const KILLED: i32 = 137;
/// ENOSPC, as WiredTiger and the rest of mongod log it.
const DISK_FULL: [&str; 2] = [r#""error":28,"#, "No space left on device"];

#[derive(Debug, thiserror::Error)]
pub enum Ended {
    #[error("{} does not run: {reason}. Remove or replace it, or set MONGODB_URI", binary.display())]
    NotRun { binary: PathBuf, reason: String },
    #[error("the disk of {} is full", folder.display())]
    DiskFull { folder: PathBuf },
    #[error("mongod ended with {status}; its log is {}", log.display())]
    Other { status: ExitStatus, log: PathBuf },
}

/// The log of one run, in a file with those of earlier runs.
#[derive(Debug)]
pub struct RunLog {
    pub file: PathBuf,
    begin: u64,
}

impl RunLog {
    /// The log of a run that begins now.
    pub fn new(folder: &Path) -> Self {
        let file = folder.join("mongod.log");
        let begin = file.metadata().map_or(0, |metadata| metadata.len());
        Self { file, begin }
    }

    fn text(&self) -> String {
        let mut text = Vec::new();
        if let Ok(mut file) = File::open(&self.file) {
            let _ = file.seek(SeekFrom::Start(self.begin));
            let _ = file.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Finds the reason for the end of a run.
pub fn reason(binary: &Path, folder: &Path, log: &RunLog, status: ExitStatus) -> Ended {
    let was_run = status.code().is_none_or(|code| !NOT_RUN.contains(&code));
    if !was_run
        && let Err(FetchError::DoesNotRun(reason)) = prove(Command::new(binary).arg("--version"))
    {
        let binary = binary.to_owned();
        return Ended::NotRun { binary, reason };
    }
    let text = log.text();
    // mongod ends if it cannot write to its log. The last line is then incomplete, as after a SIGKILL.
    let was_killed = status.code() == Some(KILLED);
    let is_cut = !was_killed && !text.is_empty() && !text.ends_with('\n');
    if is_cut || DISK_FULL.iter().any(|message| text.contains(message)) {
        let folder = folder.to_owned();
        return Ended::DiskFull { folder };
    }
    let log = log.file.clone();
    Ended::Other { status, log }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    /// As mongod 6.0.5 writes it on a file system of 150 MB.
    const LINE: &str = r#"{"s":"E","c":"WT","msg":"WiredTiger error message","attr":{"error":28,"message":{}}}
"#;

    #[test]
    fn a_full_disk_is_read_from_the_log_of_this_run_alone() {
        let folder = std::env::temp_dir().join(format!("mongod-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |text: &str| {
            let options = OpenOptions::new().create(true).append(true).to_owned();
            let mut file = options.open(folder.join("mongod.log")).unwrap();
            write!(file, "{text}").unwrap();
        };
        let failed = Command::new("false").status().unwrap();
        write(LINE);
        let log = RunLog::new(&folder);
        let ended = || reason(Path::new("mongod"), &folder, &log, failed);
        assert!(matches!(ended(), Ended::Other { .. }), "{}", ended());
        write("{\"s\":\"I\"");
        assert!(matches!(ended(), Ended::DiskFull { .. }), "{}", ended());
        write("}\n");
        assert!(matches!(ended(), Ended::Other { .. }), "{}", ended());
        write(LINE);
        assert!(matches!(ended(), Ended::DiskFull { .. }), "{}", ended());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
