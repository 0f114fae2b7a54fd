//! The secrets of the local server: Secrets Manager's where an id is set, else each in a file of its own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;
use shared::config::ConfiguredSecret;
use shared::secrets::{SecretVersion, SecretsManager};
use shared::tokens::SecretSource;

const VERSION_ID: &str = "local";

/// The signing secret: the secret `id`, or the file `jwt-secret` in `folder` if there is no id.
pub fn token_secret(
    id: Option<String>,
    client: Arc<SecretsManager>,
    folder: &Path,
) -> io::Result<SecretSource> {
    match id {
        Some(id) => Ok(SecretSource::SecretsManager { client, id }),
        None => Ok(SecretSource::Local(SecretVersion {
            value: local_secret(folder, "jwt-secret")?.into(),
            version_id: VERSION_ID.to_owned(),
            created_at: None,
        })),
    }
}

/// The pepper: the secret `id`, or the file `pepper` in `folder` if there is no id.
pub fn pepper(id: Option<String>, folder: &Path) -> io::Result<ConfiguredSecret> {
    match id {
        Some(id) => Ok(ConfiguredSecret::Id(id)),
        None => Ok(ConfiguredSecret::Plain(
            local_secret(folder, "pepper")?.into(),
        )),
    }
}

/// The password of the accounts that `--dev` creates: the file `dev-password` in `folder`. 64 characters, as many as
/// `PASSWORD_MIN_LENGTH` can require.
pub fn dev_password(folder: &Path) -> io::Result<SecretString> {
    local_secret(folder, "dev-password").map(SecretString::from)
}

/// The secret in the file `name`, made on the first call. Only its owner can read the file.
fn local_secret(folder: &Path, name: &str) -> io::Result<String> {
    let file = folder.join(name);
    if !file.exists() {
        fs::create_dir_all(folder)?;
        let temporary = folder.join(format!("{name}.new"));
        let _ = fs::remove_file(&temporary);
        write_private(&temporary, &random_secret()?)?;
        fs::rename(&temporary, &file)?;
    }
    Ok(fs::read_to_string(&file)?.trim().to_owned())
}

/// 256 bits, in hexadecimal digits.
fn random_secret() -> io::Result<String> {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
    Ok(hex::encode(bytes))
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
