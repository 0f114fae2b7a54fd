//! Drafts, which are posted with a number, and the list of the posted ones.

use organization_service::product::axum::Json;
use organization_service::product::axum::extract::Path;
use organization_service::product::axum::http::StatusCode;
use organization_service::product::mongodb::bson::oid::ObjectId;
use organization_service::product::mongodb::bson::{DateTime, doc};
use organization_service::product::{
    AuditAction, Caller, Code, FieldError, JsonBody, Kind, Problem, ProductCode, Query,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ledger::{Line, SALES};

const POSTED: AuditAction = AuditAction::new("invoices.invoice_posted");
static NOT_A_DRAFT: ProductCode =
    ProductCode::new(409, "invoices.not_a_draft", "The invoice is not a draft");
const MAX_PAGE: i64 = 100;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invoice {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub customer: String,
    /// A fraction of a cent would be lost in a float.
    pub amount_cents: i64,
    pub state: State,
    /// None until it is posted.
    pub number: Option<i64>,
    pub created_at: DateTime,
    /// When the organization was reminded of the draft.
    pub reminded_at: Option<DateTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Draft,
    Posted,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Posted => "posted",
        }
    }
}

impl Kind for Invoice {
    const KIND: &'static str = "invoice";
}

/// An invoice in a response.
#[derive(Serialize)]
pub struct Shown {
    id: String,
    customer: String,
    amount_cents: i64,
    state: State,
    number: Option<i64>,
    reminded: bool,
}

impl From<Invoice> for Shown {
    fn from(invoice: Invoice) -> Self {
        Self {
            id: invoice.id.to_hex(),
            customer: invoice.customer,
            amount_cents: invoice.amount_cents,
            state: invoice.state,
            number: invoice.number,
            reminded: invoice.reminded_at.is_some(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewInvoice {
    customer: String,
    amount_cents: i64,
}

impl NewInvoice {
    fn errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if !(1..=200).contains(&self.customer.chars().count()) {
            errors.push(out_of_range("customer", "must have 1 to 200 characters"));
        }
        if !(1..1_000_000_000_000).contains(&self.amount_cents) {
            errors.push(out_of_range(
                "amount_cents",
                "must be positive and below 10^12",
            ));
        }
        errors
    }
}

/// `POST /invoices`
pub async fn add(
    caller: Caller,
    JsonBody(new): JsonBody<NewInvoice>,
) -> Result<(StatusCode, Json<Shown>), Problem> {
    let errors = new.errors();
    if !errors.is_empty() {
        return Err(Problem::validation(errors));
    }
    let draft = Invoice {
        id: ObjectId::new(),
        customer: new.customer,
        amount_cents: new.amount_cents,
        state: State::Draft,
        number: None,
        created_at: DateTime::now(),
        reminded_at: None,
    };
    caller.tenant().kind().insert_one(&draft).await?;
    Ok((StatusCode::CREATED, Json(draft.into())))
}

/// `POST /invoices/{id}/post`: number, ledger line, audit event and the new state are one transaction.
pub async fn post(caller: Caller, Path(id): Path<String>) -> Result<Json<Shown>, Problem> {
    let unknown = || Problem::new(Code::NotFound, "This invoice does not exist.");
    let id = ObjectId::parse_str(&id).map_err(|_| unknown())?;
    let tenant = caller.tenant();
    let posted = tenant.transaction(async |tx| {
        let invoices = tx.kind::<Invoice>();
        let found = invoices.find_one(doc! { "_id": id }).await?;
        let mut invoice = found.ok_or_else(unknown)?;
        if invoice.state != State::Draft {
            let detail = format!("This invoice is {}.", invoice.state.name());
            return Err(Problem::new(&NOT_A_DRAFT, detail).into());
        }
        let number = tx.next_number("invoice").await?;
        invoice.state = State::Posted;
        invoice.number = Some(number);
        invoices.replace_one(doc! { "_id": id }, &invoice).await?;
        let line = Line {
            account: SALES.to_owned(),
            invoice: id,
            amount_cents: invoice.amount_cents,
        };
        tx.kind().insert_one(&line).await?;
        tx.audit(POSTED, json!({ "number": number })).await?;
        Ok(invoice)
    });
    Ok(Json(posted.await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    limit: Option<i64>,
    after: Option<i64>,
}

#[derive(Serialize)]
pub struct Page {
    invoices: Vec<Shown>,
    /// `after` of the next page. None: this is the last one.
    next_after: Option<i64>,
}

/// `GET /invoices`: the posted ones by number, from `after` on.
pub async fn list(caller: Caller, Query(query): Query<PageQuery>) -> Result<Json<Page>, Problem> {
    let limit = query.limit.unwrap_or(20);
    if !(1..=MAX_PAGE).contains(&limit) {
        let detail = format!("`limit` must be 1 to {MAX_PAGE}.");
        return Err(Problem::new(Code::MalformedRequest, detail));
    }
    let posted = doc! { "state": "posted", "number": { "$gt": query.after.unwrap_or(0) } };
    let invoices = caller.tenant().kind::<Invoice>();
    let found = invoices.find(posted).sort(doc! { "number": 1 });
    // One more than requested: it shows whether there is another page.
    let found = found.limit(limit + 1).await?;
    let mut invoices = found.try_collect().await?;
    let is_last = i64::try_from(invoices.len()).is_ok_and(|count| count <= limit);
    if !is_last {
        invoices.pop();
    }
    let last = invoices.last().and_then(|invoice| invoice.number);
    Ok(Json(Page {
        next_after: last.filter(|_| !is_last),
        invoices: invoices.into_iter().map(Shown::from).collect(),
    }))
}

#[derive(Serialize)]
pub struct Drafts {
    invoices: Vec<Shown>,
}

/// `GET /drafts`: the oldest 100.
pub async fn list_drafts(caller: Caller) -> Result<Json<Drafts>, Problem> {
    let invoices = caller.tenant().kind::<Invoice>();
    let drafts = invoices.find(doc! { "state": "draft" });
    let drafts = drafts
        .sort(doc! { "created_at": 1 })
        .limit(MAX_PAGE)
        .await?;
    let invoices = drafts
        .try_collect()
        .await?
        .into_iter()
        .map(Shown::from)
        .collect();
    Ok(Json(Drafts { invoices }))
}

fn out_of_range(field: &'static str, message: &str) -> FieldError {
    FieldError {
        field,
        code: "out_of_range",
        message: message.to_owned(),
    }
}
