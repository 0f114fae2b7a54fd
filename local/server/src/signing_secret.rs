//! The signing secret of the local server: Secrets Manager's where an id is set, else one in a file.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use shared::secrets::{SecretVersion, SecretsManager};
use shared::tokens::SecretSource;

const VERSION_ID: &str = "local";

/// The source for `id`, or the secret in `folder` where there is none.
pub fn token_secret(
    id: Option<String>,
    client: Arc<SecretsManager>,
    folder: &Path,
) -> io::Result<SecretSource> {
    match id {
        Some(id) => Ok(SecretSource::SecretsManager { client, id }),
        None => local_secret(folder).map(SecretSource::Local),
    }
}

/// The secret in `folder`, made on the first call. Only its owner can read the file.
fn local_secret(folder: &Path) -> io::Result<SecretVersion> {
    let file = folder.join("jwt-secret");
    if !file.exists() {
        fs::create_dir_all(folder)?;
        let temporary = folder.join("jwt-secret.new");
        let _ = fs::remove_file(&temporary);
        write_private(&temporary, &random_secret()?)?;
        fs::rename(&temporary, &file)?;
    }
    Ok(SecretVersion {
        value: fs::read_to_string(&file)?.into(),
        version_id: VERSION_ID.to_owned(),
    })
}

/// 256 bits, in hexadecimal digits.
fn random_secret() -> io::Result<String> {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
