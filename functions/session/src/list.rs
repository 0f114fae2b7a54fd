//! `GET /admin/sessions` and `DELETE /admin/sessions/{id}`: the admin's own sessions.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::auth::Caller;
use shared::clock::date_time;
use shared::http::{Query, limit_out_of_range, page_limit};
use shared::model::{Session, SessionId};
use shared::problem::Problem;
use shared::sessions;
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Sessions on a page; 50 by default.
    #[param(minimum = 1, maximum = 100, example = 50, format = Int32)]
    limit: Option<i64>,
    /// The `next_cursor` of the previous page.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct SessionPage {
    sessions: Vec<SessionView>,
    /// The `cursor` of the next page; null on the last one.
    #[schema(example = "Z0Sh8MOyoZCPfm1f", required)]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    #[schema(example = "6744a1f0c3b2a1908f7e6d5e", pattern = "^[0-9a-f]{24}$")]
    id: String,
    /// Whether it is the token's session.
    current: bool,
    /// The organization that the session is in.
    #[schema(
        example = "6744a1f0c3b2a1908f7e6d5c",
        pattern = "^[0-9a-f]{24}$",
        required
    )]
    organization_id: Option<String>,
    /// The client's address at the login.
    #[schema(example = "203.0.113.7")]
    address: String,
    /// The header `User-Agent` of the login, its first 200 characters. Null if there was none.
    #[schema(example = "curl/8.7.1", max_length = 200, required)]
    user_agent: Option<String>,
    #[schema(example = "2026-11-24T12:00:00.123Z", format = DateTime)]
    created_at: String,
    /// When tokens were last issued.
    #[schema(example = "2026-11-24T12:00:00.123Z", format = DateTime)]
    refreshed_at: String,
    #[schema(example = "2026-12-24T12:00:00.123Z", format = DateTime)]
    expires_at: String,
}

impl SessionView {
    fn of(session: &Session, current: SessionId) -> Self {
        Self {
            id: session.id.to_hex(),
            current: session.id == current,
            organization_id: session.organization_id.map(|id| id.to_hex()),
            address: session.address().to_owned(),
            user_agent: session.user_agent().map(str::to_owned),
            created_at: date_time(session.created_at()),
            refreshed_at: date_time(session.refreshed_at()),
            expires_at: date_time(session.expires_at),
        }
    }
}

shared::problem_responses!(ListProblems: ValidationFailed = limit_out_of_range().into());

/// List the admin's sessions
///
/// The live sessions in all organizations of the admin, newest logins first.
#[utoipa::path(
    get,
    path = "/admin/sessions",
    tag = "access",
    security(("bearer" = [])),
    params(PageQuery),
    responses((status = OK, description = "A page of sessions", body = SessionPage), ListProblems)
)]
pub async fn list_sessions(
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<SessionPage>, Problem> {
    let limit = page_limit(query.limit)?;
    let page = sessions::list(&caller, limit, query.cursor.as_deref()).await?;
    let current = caller.session_id();
    let sessions = page.sessions.iter();
    Ok(Json(SessionPage {
        sessions: sessions
            .map(|found| SessionView::of(found, current))
            .collect(),
        next_cursor: page.next_cursor,
    }))
}

shared::problem_responses!(EndProblems: SessionNotFound);

/// End one of the admin's sessions
///
/// Its tokens are invalid immediately. The session may be in another organization of the admin, and may be the token's own.
#[utoipa::path(
    delete,
    path = "/admin/sessions/{id}",
    tag = "access",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The session's `id`", example = "6744a1f0c3b2a1908f7e6d5e", pattern = "^[0-9a-f]{24}$")),
    responses((status = NO_CONTENT, description = "The session has ended"), EndProblems)
)]
pub async fn end_session(caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let id = SessionId::parse(&id).ok_or_else(Problem::session_not_found)?;
    sessions::end_session(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
