//! `GET /org/audit`: the organization's audit trail, newest events first.

use axum::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::audit;
use shared::auth::Caller;
use shared::clock::date_time;
use shared::http::{Query, limit_out_of_range, page_limit};
use shared::model::{AccountId, Action, Event};
use shared::problem::{FieldError, Problem};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Events on a page; 50 by default.
    #[param(minimum = 1, maximum = 100, example = 50, format = Int32)]
    limit: Option<i64>,
    /// The `next_cursor` of the previous page.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Only events of this admin.
    #[param(pattern = "^[0-9a-f]{24}$", example = "6744a1f0c3b2a1908f7e6d5d")]
    admin_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct AuditPage {
    events: Vec<AuditEvent>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(example = "AAABk1xPbkBnRKHww7KhkI9-bVxTfX0lq8lNsUf0c1vJx2Ah", required)]
    next_cursor: Option<String>,
}

/// One action in the organization.
#[derive(Serialize, ToSchema)]
pub struct AuditEvent {
    #[schema(example = "6744a1f0c3b2a1908f7e6d5c", pattern = "^[0-9a-f]{24}$")]
    id: String,
    #[schema(example = "2026-11-24T12:00:00.123Z", format = DateTime)]
    at: String,
    /// What was done: `organization_created`, `organization_renamed`, `organization_deleted`, `organization_restored`,
    /// `login`, `login_refused`, `password_changed`, `password_reset`, `profile_changed`, `email_verified`, `email_changed`,
    /// `email_change_undone`, `session_ended`. More may be added. An action of a product is `<product>.<action>`, such as `invoices.invoice_posted`.
    #[schema(example = "organization_renamed")]
    action: String,
    /// Absent if the action has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AuditDetails>, nullable = false)]
    details: Option<Details>,
    #[schema(
        example = "6744a1f0c3b2a1908f7e6d5d",
        pattern = "^[0-9a-f]{24}$",
        required
    )]
    admin_id: Option<String>,
    /// Null if there was no session.
    #[schema(
        example = "6744a1f0c3b2a1908f7e6d5e",
        pattern = "^[0-9a-f]{24}$",
        required
    )]
    session_id: Option<String>,
    /// The client's address, `job:<name>` for a job of a product, or `product:<name>` for an event that the product reported
    /// with its own database user.
    #[schema(example = "203.0.113.7")]
    address: String,
    /// How many sessions the action ended, counted up to 10,000. Only in `session_ended`,
    /// `password_changed`, `password_reset` and `organization_deleted`; else null.
    #[schema(example = 2, minimum = 0, required)]
    sessions_ended: Option<i64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Details {
    Service(AuditDetails),
    Product(Map<String, Value>),
}

/// The details of all actions. An event has those of its action. An action of a product has the product's own.
#[derive(Default, Serialize, ToSchema)]
pub struct AuditDetails {
    /// Of `organization_created`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Akshay Pvt Ltd", nullable = false)]
    organization_name: Option<String>,
    /// Of `organization_renamed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Akshay Pvt Ltd", nullable = false)]
    from: Option<String>,
    /// Of `organization_renamed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Akshay Ltd", nullable = false)]
    to: Option<String>,
    /// Of an ended session: `logout`, `logout_everywhere`, `refresh_token_reused`, `revoked`, `session_limit`. More may be added.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "logout", nullable = false)]
    reason: Option<&'static str>,
}

impl Details {
    /// None if the action has none.
    fn of(action: Action) -> Option<Self> {
        let details = match action {
            Action::OrganizationCreated { organization_name } => AuditDetails {
                organization_name: Some(organization_name),
                ..AuditDetails::default()
            },
            Action::OrganizationRenamed { from, to } => AuditDetails {
                from: Some(from),
                to: Some(to),
                ..AuditDetails::default()
            },
            Action::SessionEnded { reason } => AuditDetails {
                reason: Some(reason.name()),
                ..AuditDetails::default()
            },
            Action::Product { details, .. } => return Some(Self::Product(details)),
            Action::OrganizationDeleted
            | Action::OrganizationRestored
            | Action::Login
            | Action::LoginRefused
            | Action::PasswordChanged
            | Action::PasswordReset
            | Action::EmailChanged
            | Action::EmailChangeUndone
            | Action::EmailVerified
            | Action::ProfileChanged => return None,
        };
        Some(Self::Service(details))
    }
}

impl AuditEvent {
    fn of(event: Event) -> Self {
        Self {
            id: event.id.to_hex(),
            at: date_time(event.at),
            action: event.action.name().to_owned(),
            details: Details::of(event.action),
            admin_id: event.account_id.map(|id| id.to_hex()),
            session_id: event.session_id.map(|id| id.to_hex()),
            address: event.address,
            sessions_ended: event.sessions_ended,
        }
    }
}

shared::problem_responses!(Problems: ValidationFailed = limit_out_of_range().into());

/// List the organization's audit events
///
/// Newest events first. Events are kept for 400 days. An action that ends sessions writes one event: `session_ended` with the
/// reason `logout`, `revoked` or `refresh_token_reused` for one session, `session_limit` for those that a login displaced,
/// `logout_everywhere` for all of the admin; `password_changed` for all of the admin but its own;
/// `password_reset` for all of the admin; `organization_deleted` for
/// all of the organization. A session that expires writes no event.
#[utoipa::path(
    get,
    path = "/org/audit",
    tag = "organization",
    security(("bearer" = [])),
    params(PageQuery),
    responses((status = OK, description = "A page of the trail", body = AuditPage), Problems)
)]
pub async fn list_audit_events(
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<AuditPage>, Problem> {
    let limit = page_limit(query.limit)?;
    let account = query.admin_id.as_deref().map(parse_id).transpose()?;
    let page = audit::page(&caller, limit, query.cursor.as_deref(), account).await?;
    Ok(Json(AuditPage {
        events: page.events.into_iter().map(AuditEvent::of).collect(),
        next_cursor: page.next_cursor,
    }))
}

fn parse_id(text: &str) -> Result<AccountId, Vec<FieldError>> {
    AccountId::parse(text).ok_or_else(|| {
        vec![FieldError {
            field: "admin_id",
            code: "invalid_id",
            message: "must be 24 hexadecimal digits".to_owned(),
        }]
    })
}
