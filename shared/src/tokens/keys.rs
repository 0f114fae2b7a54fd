//! The keys of access tokens: the signing secret's current version signs and verifies, the previous one only verifies.
//!
//! A process reads the current version at its start. It reads both versions every few minutes, and when a token names
//! an unknown key: the secret may have been rotated. While Secrets Manager is down, it uses the versions that it has.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use mongodb::bson::DateTime;
use secrecy::ExposeSecret;

use super::claims::TYPE;
use super::{SecretSource, SigningSecretError};
use crate::clock::{after, between, numeric_date};
use crate::metrics::{self, Metric};
use crate::secrets::{Refreshed, SecretVersion};

/// In seconds.
const DAY: f64 = 86_400.0;
/// The longest that a request waits for Secrets Manager if the process has the key of its token.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(1);
/// Functions sign with the previous key until their next refresh. So its tokens are accepted if they were issued up to
/// this long after the current key was created. A later one can only be a forgery with a leaked key.
const PREVIOUS_KEY_OVERLAP: Duration = Duration::from_secs(360);
/// Unknown keys are looked up this often on average, and [`UNKNOWN_KEY_BURST`] times in a burst: tokens with invented
/// keys must not flood Secrets Manager.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(1);
const UNKNOWN_KEY_BURST: u32 = 5;

/// The keys at one time.
pub(super) struct KeyRing {
    pub current: SigningKey,
    previous: Option<PreviousKey>,
}

/// The previous key. It only verifies.
struct PreviousKey {
    key: SigningKey,
    /// Its tokens that were issued later are refused.
    issued_until: DateTime,
}

pub(super) struct SigningKey {
    pub header: Header,
    pub encoding: EncodingKey,
    pub decoding: DecodingKey,
}

pub(super) struct Keys {
    source: SecretSource,
    ring: Refreshed<KeyRing>,
    unknown_keys: Mutex<LookUpLimit>,
}

/// Limits how often unknown keys are looked up (generic cell rate algorithm).
#[derive(Default)]
struct LookUpLimit {
    /// When the whole burst is available again.
    until: Option<DateTime>,
}

impl LookUpLimit {
    fn may_look_up(&mut self, now: DateTime) -> bool {
        let until = self.until.map_or(now, |until| until.max(now));
        let may = until <= after(now, UNKNOWN_KEY_INTERVAL * (UNKNOWN_KEY_BURST - 1));
        if may {
            self.until = Some(after(until, UNKNOWN_KEY_INTERVAL));
        }
        may
    }
}

impl SigningKey {
    fn new(version: SecretVersion) -> Self {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(version.version_id);
        let bytes = version.value.expose_secret().as_bytes();
        Self {
            header,
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
        }
    }

    fn is(&self, key_id: &str) -> bool {
        self.header.kid.as_deref() == Some(key_id)
    }
}

impl KeyRing {
    fn new(current: SecretVersion, previous: Option<SecretVersion>, now: DateTime) -> Self {
        record_age(&current, now);
        Self {
            previous: previous_key(&current, previous),
            current: SigningKey::new(current),
        }
    }

    pub fn find(&self, key_id: &str) -> Option<&SigningKey> {
        let previous = self.previous.as_ref().map(|previous| &previous.key);
        let mut keys = [Some(&self.current), previous].into_iter().flatten();
        keys.find(|key| key.is(key_id))
    }

    /// Whether the key with this id may have signed a token that was issued at `issued_at`, in seconds since 1970.
    pub fn may_have_signed(&self, key_id: &str, issued_at: i64) -> bool {
        match &self.previous {
            Some(previous) if previous.key.is(key_id) => {
                issued_at <= numeric_date(previous.issued_until)
            }
            _ => true,
        }
    }
}

/// The key of the previous version. None if the current version has no creation time, which limits its use.
fn previous_key(current: &SecretVersion, previous: Option<SecretVersion>) -> Option<PreviousKey> {
    let created_at = current.created_at?;
    Some(PreviousKey {
        key: SigningKey::new(previous?),
        issued_until: after(created_at, PREVIOUS_KEY_OVERLAP),
    })
}

/// An alarm compares this metric with the days after which a rotation is due.
fn record_age(current: &SecretVersion, now: DateTime) {
    if let Some(created_at) = current.created_at {
        let days = between(created_at, now).as_secs_f64() / DAY;
        metrics::record(Metric::SigningSecretAge, days);
    }
}

impl Keys {
    pub fn new(source: SecretSource) -> Self {
        Self {
            source,
            ring: Refreshed::new("the signing secret", REFRESH_TIMEOUT),
            unknown_keys: Mutex::default(),
        }
    }

    /// The keys, refreshed if that is due.
    pub async fn ring(&self, now: DateTime) -> Result<Arc<KeyRing>, SigningSecretError> {
        let Some(ring) = self.ring.known() else {
            // Boxed, because otherwise every request's future would reserve memory for this rare case.
            return Box::pin(self.ring.get_or_create(now, self.first(now))).await;
        };
        if !self.ring.is_due(now, false) {
            return Ok(ring);
        }
        let fetching = async { self.fetch(now).await.map(Some) };
        let refreshing = Box::pin(self.ring.refresh(&ring, now, fetching));
        Ok(refreshing.await.unwrap_or(ring))
    }

    /// The keys after a look-up of the unknown key `key_id`. None if unknown keys were looked up too often.
    pub async fn look_up(
        &self,
        key_id: &str,
        now: DateTime,
    ) -> Result<Option<Arc<KeyRing>>, SigningSecretError> {
        let fetching = async {
            match self.may_look_up(now) {
                true => self.fetch(now).await.map_err(Some),
                false => Err(None),
            }
        };
        let is_known = |ring: &KeyRing| ring.find(key_id).is_some();
        match Box::pin(self.ring.create_unless(now, is_known, fetching)).await {
            Ok(ring) => Ok(Some(ring)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }

    fn may_look_up(&self, now: DateTime) -> bool {
        let unknown_keys = self.unknown_keys.lock();
        unknown_keys
            .unwrap_or_else(PoisonError::into_inner)
            .may_look_up(now)
    }

    /// Startup does not wait for the previous version: `look_up` fetches it when a token names it.
    async fn first(&self, now: DateTime) -> Result<KeyRing, SigningSecretError> {
        Ok(KeyRing::new(self.source.current().await?, None, now))
    }

    async fn fetch(&self, now: DateTime) -> Result<KeyRing, SigningSecretError> {
        let (current, previous) = self.source.versions().await?;
        Ok(KeyRing::new(current, previous, now))
    }
}
