//! The keys that sign and verify: the secret's current version, and for verifying the one before it, too.
//!
//! A process knows the current one from its start on. It asks for both every few minutes, and when a token names
//! a key that it does not know: the secret may have been rotated since. Where Secrets Manager is away, it carries on
//! with what it knows.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use mongodb::bson::DateTime;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::claims::TYPE;
use super::{SecretSource, SigningSecretError};
use crate::clock::{after, between, numeric_date};
use crate::metrics::{self, Metric};
use crate::secrets::SecretVersion;

/// In seconds.
const DAY: f64 = 86_400.0;
/// What is known is asked for again after so long, and after a failure sooner.
const REFRESH_INTERVAL: Duration = Duration::from_secs(300);
const REFRESH_INTERVAL_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// A caller who could be served with what is known waits for so long.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(1);
/// Functions sign with the key before the current one until they next ask, so tokens that were issued so long after
/// the current one was created still verify. Later ones are forgeries: somebody has the earlier key.
const PREVIOUS_KEY_OVERLAP: Duration = Duration::from_secs(360);
/// Unknown keys are asked for that often in the long run, and [`UNKNOWN_KEY_BURST`] times at once: whoever makes them up
/// must not make us flood Secrets Manager.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(1);
const UNKNOWN_KEY_BURST: u32 = 5;

/// The keys of one moment.
pub(super) struct KeyRing {
    pub current: SigningKey,
    previous: Option<PreviousKey>,
}

/// The key before the current one. It verifies, and signs no more.
struct PreviousKey {
    key: SigningKey,
    /// It verifies no token that was issued later.
    issued_until: DateTime,
}

pub(super) struct SigningKey {
    pub header: Header,
    pub encoding: EncodingKey,
    pub decoding: DecodingKey,
}

pub(super) struct Keys {
    source: SecretSource,
    known: RwLock<Option<Known>>,
    /// Locked while the source is asked: all who need it wait for one answer.
    asking: Mutex<UnknownKeys>,
}

#[derive(Clone)]
struct Known {
    ring: Arc<KeyRing>,
    refresh_at: DateTime,
}

/// How often the source is asked for keys that are unknown (the generic cell rate algorithm).
#[derive(Default)]
struct UnknownKeys {
    /// When the burst will be whole again.
    until: Option<DateTime>,
}

impl UnknownKeys {
    fn may_ask(&mut self, now: DateTime) -> bool {
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
    pub fn find(&self, key_id: &str) -> Option<&SigningKey> {
        let previous = self.previous.as_ref().map(|previous| &previous.key);
        let mut keys = [Some(&self.current), previous].into_iter().flatten();
        keys.find(|key| key.is(key_id))
    }

    /// Whether the key with this id may have signed a token that was issued at this moment, in seconds since 1970.
    pub fn may_have_signed(&self, key_id: &str, issued_at: i64) -> bool {
        match &self.previous {
            Some(previous) if previous.key.is(key_id) => {
                issued_at <= numeric_date(previous.issued_until)
            }
            _ => true,
        }
    }
}

/// The version before the current one as a key, if it is known how long it may have signed.
fn previous_key(current: &SecretVersion, previous: Option<SecretVersion>) -> Option<PreviousKey> {
    let created_at = current.created_at?;
    Some(PreviousKey {
        key: SigningKey::new(previous?),
        issued_until: after(created_at, PREVIOUS_KEY_OVERLAP),
    })
}

/// An alarm compares it with the days after which a rotation is due.
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
            known: RwLock::default(),
            asking: Mutex::default(),
        }
    }

    /// The keys, as fresh as they must be.
    pub async fn ring(&self, now: DateTime) -> Result<Arc<KeyRing>, SigningSecretError> {
        let Some(known) = self.known() else {
            return self.first(now).await;
        };
        if known.refresh_at > now {
            return Ok(known.ring);
        }
        // Those who come meanwhile need not wait for it.
        self.set(&known.ring, after(now, REFRESH_INTERVAL_AFTER_FAILURE));
        // Those who ask for unknown keys may be in line before it.
        let asking = async {
            let _asking = self.asking.lock().await;
            self.ask(now).await
        };
        match timeout(REFRESH_TIMEOUT, asking).await {
            Ok(Ok(ring)) => return Ok(ring),
            Ok(Err(error)) => tracing::warn!(%error, "the signing secret is not refreshed"),
            Err(_) => tracing::warn!("the signing secret is not refreshed: no answer in time"),
        }
        Ok(known.ring)
    }

    /// The keys after asking the source for `key_id`; none where it has been asked for unknown keys too often.
    pub async fn ring_with(
        &self,
        key_id: &str,
        now: DateTime,
    ) -> Result<Option<Arc<KeyRing>>, SigningSecretError> {
        let mut unknown = self.asking.lock().await;
        // Whoever was first may have found it for us.
        let known = self.known().map(|known| known.ring);
        if let Some(ring) = known.filter(|ring| ring.find(key_id).is_some()) {
            return Ok(Some(ring));
        }
        match unknown.may_ask(now) {
            true => self.ask(now).await.map(Some),
            false => Ok(None),
        }
    }

    async fn first(&self, now: DateTime) -> Result<Arc<KeyRing>, SigningSecretError> {
        let _asking = self.asking.lock().await;
        match self.known() {
            Some(known) => Ok(known.ring),
            // A start need not wait for the version before it, either: no token has named it yet.
            None => Ok(self.keep(self.source.current().await?, None, now)),
        }
    }

    async fn ask(&self, now: DateTime) -> Result<Arc<KeyRing>, SigningSecretError> {
        let (current, previous) = self.source.versions().await?;
        Ok(self.keep(current, previous, now))
    }

    fn keep(
        &self,
        current: SecretVersion,
        previous: Option<SecretVersion>,
        now: DateTime,
    ) -> Arc<KeyRing> {
        record_age(&current, now);
        let ring = Arc::new(KeyRing {
            previous: previous_key(&current, previous),
            current: SigningKey::new(current),
        });
        self.set(&ring, after(now, REFRESH_INTERVAL));
        ring
    }

    fn known(&self) -> Option<Known> {
        self.known.read().ok()?.clone()
    }

    fn set(&self, ring: &Arc<KeyRing>, refresh_at: DateTime) {
        if let Ok(mut known) = self.known.write() {
            *known = Some(Known {
                ring: Arc::clone(ring),
                refresh_at,
            });
        }
    }
}
