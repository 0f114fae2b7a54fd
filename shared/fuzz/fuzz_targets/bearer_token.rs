//! Access tokens: no input is valid unless the service signed it.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mongodb::bson::DateTime;
use shared::config::{Settings, TokenConfig};
use shared::secrets::SecretVersion;
use shared::tokens::{SecretSource, Tokens};
use tokio::runtime::{Builder, Runtime};

static TOKENS: LazyLock<(Runtime, Tokens)> = LazyLock::new(|| {
    let config = TokenConfig::read(&mut Settings::new(&|_| None));
    let secret = SecretSource::Local(SecretVersion {
        value: "a signing secret of 32 bytes or more".into(),
        version_id: "test".to_owned(),
        created_at: None,
    });
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    (runtime, Tokens::new(config, secret))
});

fuzz_target!(|token: &str| {
    let (runtime, tokens) = &*TOKENS;
    assert!(
        runtime
            .block_on(tokens.verify(token, DateTime::now()))
            .is_err()
    );
});
