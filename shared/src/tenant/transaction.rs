//! Transactions on a tenant's data.

use mongodb::bson::doc;
use mongodb::options::ReturnDocument;
use serde::Deserialize;

use super::actor::Actor;
use super::collection::TenantCollection;
use super::cursor::lock;
use super::error::TenantError;
use super::handle::Tenant;
use super::kind::{COUNTER, COUNTER_ID, KIND_FIELD, Kind, Reach};

use crate::mongo::{TransactionError, TransactionSession, run_in_session};
use crate::problem::Problem;

/// A running transaction of [`Tenant::transaction`].
#[derive(Debug)]
pub struct TenantTransaction<'a> {
    tenant: Tenant<'a>,
    session: TransactionSession,
}

/// A document of the counters' kind.
#[derive(Deserialize)]
struct Counter {
    last: i64,
}

impl<'a> Tenant<'a> {
    /// Runs `run` in a transaction and commits it: all of its writes, or none.
    ///
    /// Session, account, membership and organization are read again at the beginning. If one of them has ended, the
    /// transaction fails with [`Problem::not_active`]. It locks none of them, so transactions of one session conflict only if
    /// they write the same document. After a conflict, or if MongoDB changes its primary, `run` is called again, until shortly
    /// before the request's deadline. So it must have no effect but its statements. After the deadline, the response is 503.
    ///
    /// An error that the closure returns aborts the transaction. So does the error of a statement, even if the closure does not
    /// return it. Statements run one after the other: do not wait for one while another one of the same transaction has been
    /// started and is not polled.
    ///
    /// ```
    /// # use shared::{auth::Caller, http::JsonBody, problem::{Code, Problem}, tenant::Kind};
    /// # use mongodb::bson::{doc, oid::ObjectId};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Invoice { number: i64 }
    /// # impl Kind for Invoice { const KIND: &'static str = "invoice"; }
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Line { invoice: ObjectId, cents: i64 }
    /// # impl Kind for Line { const KIND: &'static str = "line"; }
    /// async fn post_invoice(caller: &Caller, id: ObjectId, cents: i64) -> Result<i64, Problem> {
    ///     let draft = doc! { "_id": id, "status": "draft" };
    ///     caller
    ///         .tenant()
    ///         .transaction(async |tx| {
    ///             let number = tx.next_number("invoice").await?;
    ///             let post = doc! { "$set": { "status": "posted", "number": number } };
    ///             let posted = tx.kind::<Invoice>().update_one(draft.clone(), post).await?;
    ///             if posted.matched_count == 0 {
    ///                 return Err(Problem::new(Code::NotFound, "There is no such draft.").into());
    ///             }
    ///             tx.kind::<Line>().insert_one(&Line { invoice: id, cents }).await?;
    ///             Ok(number)
    ///         })
    ///         .await
    /// }
    /// ```
    pub async fn transaction<T, F>(
        &self,
        run: impl Fn(TenantTransaction<'a>) -> F + Sync,
    ) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, TransactionError<Problem>>> + Send,
    {
        let (actor, run) = (&self.actor, &run);
        let check_and_run = async move |session: TransactionSession| {
            let locked = session.lock().await;
            let mut locked = locked.ok_or(TransactionError::DeadlineExceeded)?;
            actor.check(&mut locked).await?;
            drop(locked);
            let tenant = self.clone();
            run(TenantTransaction { tenant, session }).await
        };
        let client = &actor.databases().client;
        match run_in_session(client, actor.deadline(), check_and_run).await {
            Err(TransactionError::Mongo(error)) => Err(TenantError::from(error).into()),
            result => Ok(result?),
        }
    }
}

impl TenantTransaction<'_> {
    /// Like [`Tenant::kind`], with all statements in this transaction.
    pub fn kind<T: Kind>(&self) -> TenantCollection<T> {
        self.tenant.of_kind(Some(self.session.clone()))
    }

    /// Like [`Tenant::collection`], with all statements in this transaction.
    pub fn collection<T: Send + Sync>(&self) -> TenantCollection<T> {
        self.tenant
            .reaching(Reach::NoKind, Some(self.session.clone()))
    }

    /// The next number of a sequence: 1, 2, 3 and so on, without gaps. An aborted transaction gives its number back.
    ///
    /// The sequence is a document that the transaction writes. So transactions that take a number of the same sequence are
    /// committed one after the other.
    pub async fn next_number(&self, sequence: &str) -> Result<i64, TenantError> {
        let mut session = lock(&self.session).await?;
        let own = doc! { "_id": format!("{COUNTER_ID}{sequence}"), KIND_FIELD: COUNTER };
        let next = doc! { "$inc": { "last": 1_i64 } };
        let counters = self.tenant.location.collection::<Counter>();
        let counting = counters
            .find_one_and_update(own, next)
            .upsert(true)
            .return_document(ReturnDocument::After)
            .session(&mut *session);
        let counted = self.session.recorded(counting.await)?;
        Ok(counted.map_or(1, |counter| counter.last))
    }

    pub(super) fn actor(&self) -> &Actor<'_> {
        &self.tenant.actor
    }

    pub(super) fn session(&self) -> &TransactionSession {
        &self.session
    }
}
