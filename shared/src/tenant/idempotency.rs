//! Transactions that a client may repeat with the same `Idempotency-Key`.

use aws_lc_rs::digest::{Context, SHA256};
use mongodb::Collection;
use mongodb::bson::doc;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cursor::lock;
use super::error::TenantError;
use super::handle::Tenant;
use super::transaction::TenantTransaction;
use crate::clock::after;
use crate::http::{IDEMPOTENCY_TTL, IdempotencyKey};
use crate::model::ProductRequest;
use crate::mongo::{TransactionError, TransactionSession};
use crate::problem::{Code, Problem};

/// A request with an `Idempotency-Key`.
struct Request<'t> {
    tenant: &'t Tenant<'t>,
    id: String,
    fingerprint: String,
}

impl<'a> Tenant<'a> {
    /// Like [`Self::transaction`]. A request with the same key and content within 24 hours gets the same result, and `run` is not
    /// called again. The key belongs to the account and the organization.
    ///
    /// Fails with 422 if the account used the key for a request with other content. `request` is that content, and should
    /// contain the path. The result is stored with the writes of `run`, in the same transaction. An error is not stored, so the client can
    /// repeat the request with the same key. Without a key, this is [`Self::transaction`].
    ///
    /// ```
    /// # use axum::Json;
    /// # use shared::{auth::Caller, http::{IdempotencyKey, JsonBody}, problem::Problem, tenant::Kind};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Invoice { number: Option<i64>, cents: i64 }
    /// # impl Kind for Invoice { const KIND: &'static str = "invoice"; }
    /// async fn add(
    ///     caller: Caller,
    ///     key: IdempotencyKey,
    ///     JsonBody(invoice): JsonBody<Invoice>,
    /// ) -> Result<Json<i64>, Problem> {
    ///     let tenant = caller.tenant();
    ///     let number = tenant.transaction_once(&key, ("add", &invoice), async |tx| {
    ///         let number = tx.next_number("invoice").await?;
    ///         let numbered = Invoice { number: Some(number), ..invoice };
    ///         tx.kind().insert_one(&numbered).await?;
    ///         Ok(number)
    ///     });
    ///     Ok(Json(number.await?))
    /// }
    /// ```
    pub async fn transaction_once<T, F>(
        &self,
        key: &IdempotencyKey,
        request: impl Serialize,
        run: impl Fn(TenantTransaction<'a>) -> F + Sync,
    ) -> Result<T, Problem>
    where
        T: Serialize + DeserializeOwned + Send + Sync,
        F: Future<Output = Result<T, TransactionError<Problem>>> + Send,
    {
        let Some(key) = &key.0 else {
            return self.transaction(run).await;
        };
        let (request, run) = (&Request::new(self, key, &request)?, &run);
        let run_once = async move |tx: TenantTransaction<'a>| {
            let session = tx.session().clone();
            if let Some(result) = request.earlier_result(&session).await? {
                return Ok(result);
            }
            let result = run(tx).await?;
            request.record(&result, &session).await?;
            Ok(result)
        };
        self.transaction(run_once).await
    }
}

impl<'t> Request<'t> {
    fn new(
        tenant: &'t Tenant<'t>,
        key: &str,
        content: &impl Serialize,
    ) -> Result<Self, TenantError> {
        let organization = tenant.organization_id().to_hex();
        let account = tenant.actor.account().map(|id| id.to_hex());
        let parts = [&organization, account.as_deref().unwrap_or_default(), key];
        let content = mongodb::bson::serialize_to_vec(&doc! {
            "content": mongodb::bson::serialize_to_bson(content)?,
        })?;
        Ok(Self {
            tenant,
            id: hash(&parts.map(str::as_bytes)),
            fingerprint: hash(&[&content]),
        })
    }

    /// The result of an earlier request.
    async fn earlier_result<T: DeserializeOwned + Send + Sync>(
        &self,
        session: &TransactionSession,
    ) -> Result<Option<T>, TransactionError<Problem>> {
        let now = self.tenant.actor.databases().clock.now();
        let valid = doc! { "_id": &self.id, "expires_at": { "$gt": now } };
        let records = self.records();
        let mut locked = lock(session).await?;
        let finding = records.find_one(valid).session(&mut *locked);
        match session.recorded(finding.await)? {
            None => Ok(None),
            Some(earlier) if earlier.fingerprint == self.fingerprint => Ok(Some(earlier.result)),
            Some(_) => {
                let detail = "The key was used for another request.";
                Err(Problem::new(Code::IdempotencyKeyReused, detail).into())
            }
        }
    }

    /// Replaces a record that has expired.
    async fn record<T: Serialize + Send + Sync>(
        &self,
        result: &T,
        session: &TransactionSession,
    ) -> Result<(), TransactionError<Problem>> {
        let now = self.tenant.actor.databases().clock.now();
        let record = ProductRequest {
            id: self.id.clone(),
            fingerprint: self.fingerprint.clone(),
            organization_id: self.tenant.organization_id(),
            result,
            expires_at: after(now, IDEMPOTENCY_TTL),
        };
        let expired = doc! { "_id": &self.id, "expires_at": { "$lte": now } };
        let records = self.records::<&T>();
        let mut locked = lock(session).await?;
        let storing = records.replace_one(expired, record).upsert(true);
        session.recorded(storing.session(&mut *locked).await)?;
        Ok(())
    }

    fn records<T: Send + Sync>(&self) -> Collection<ProductRequest<T>> {
        let records = &self.tenant.actor.databases().idempotency_records;
        records.clone_with_type()
    }
}

/// SHA-256 of `parts`, in hexadecimal digits. Different lists of parts have different hashes.
fn hash(parts: &[&[u8]]) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    hex::encode(context.finish())
}
