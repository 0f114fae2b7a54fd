//! `GET /admin` and `PATCH /admin`: the admin's account and organizations.

use axum::Json;
use serde::{Deserialize, Deserializer, Serialize};
use shared::account::{self, ProfileChange};
use shared::auth::Caller;
use shared::http::JsonBody;
use shared::model::{Account, OrganizationId, Principal, Role};
use shared::problem::Problem;
use shared::values::{Locale, PersonName};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = Admin)]
pub struct AdminView {
    #[schema(example = "6744a1f0c3b2a1908f7e6d5d", pattern = "^[0-9a-f]{24}$")]
    admin_id: String,
    #[schema(example = "admin@example.com", format = "idn-email")]
    email: String,
    /// Whether the admin proved to receive mail at this address.
    email_verified: bool,
    #[schema(example = "Akshay Kumar", required)]
    name: Option<String>,
    /// Language tag (RFC 5646).
    #[schema(example = "en", required)]
    locale: Option<String>,
    /// The organization that the token's session is in.
    #[schema(example = "6744a1f0c3b2a1908f7e6d5c", pattern = "^[0-9a-f]{24}$")]
    organization_id: String,
    /// All organizations of the admin, the one that the admin joined first in front.
    organizations: Vec<MembershipView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Membership)]
pub struct MembershipView {
    #[schema(example = "6744a1f0c3b2a1908f7e6d5c", pattern = "^[0-9a-f]{24}$")]
    organization_id: String,
    #[schema(example = "Akshay Pvt Ltd")]
    organization_name: String,
    role: Role,
    /// False while the organization is deleted or suspended.
    open: bool,
}

impl AdminView {
    fn of(account: &Account, current: OrganizationId, memberships: &[Principal]) -> Self {
        Self {
            admin_id: account.id().to_hex(),
            email: account.email().to_owned(),
            email_verified: account.is_email_verified(),
            name: account.name().map(str::to_owned),
            locale: account.locale().map(str::to_owned),
            organization_id: current.to_hex(),
            organizations: memberships.iter().map(MembershipView::of).collect(),
        }
    }
}

impl MembershipView {
    fn of(principal: &Principal) -> Self {
        let organization = principal.organization();
        Self {
            organization_id: organization.id.to_hex(),
            organization_name: organization.name.clone(),
            role: principal.role(),
            open: organization.is_open(),
        }
    }
}

/// At least one field. One that is absent does not change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProfile {
    /// 1 to 100 characters of any script. Null removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "Akshay Kumar", min_length = 1, max_length = 100)]
    name: Option<Option<String>>,
    /// Language tag (RFC 5646) without extensions, such as `de` or `pt-BR`. Null removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "en", max_length = 35)]
    locale: Option<Option<String>>,
}

/// Reads null as a value: without this, null and an absent field are the same.
fn present<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(field).map(Some)
}

/// Show the admin
///
/// The admin of the token, with the role in each organization.
#[utoipa::path(
    get,
    path = "/admin",
    tag = "access",
    security(("bearer" = [])),
    responses((status = OK, description = "The token's admin", body = AdminView))
)]
pub async fn show_admin(caller: Caller) -> Result<Json<AdminView>, Problem> {
    view(&caller, caller.account()).await
}

shared::problem_responses!(ChangeProblems: ValidationFailed = no_name(), QuotaExceeded);

/// The response to an empty name.
fn no_name() -> Problem {
    Problem::validation(PersonName::parse("name", "").err().into_iter().collect())
}

/// Change the admin's name or language
///
/// A change counts towards the organization's daily limit of changes.
#[utoipa::path(
    patch,
    path = "/admin",
    tag = "access",
    security(("bearer" = [])),
    request_body = ChangeProfile,
    responses((status = OK, description = "The admin is changed", body = AdminView), ChangeProblems)
)]
pub async fn change_profile(
    caller: Caller,
    JsonBody(change): JsonBody<ChangeProfile>,
) -> Result<Json<AdminView>, Problem> {
    if change.name.is_none() && change.locale.is_none() {
        return Err(Problem::malformed("Send `name`, `locale` or both."));
    }
    let mut errors = Vec::new();
    let mut note = |error| errors.push(error);
    let name = change
        .name
        .map(|name| name.and_then(|name| PersonName::parse("name", &name).map_err(&mut note).ok()));
    let locale = change.locale.map(|locale| {
        locale.and_then(|locale| Locale::parse("locale", &locale).map_err(&mut note).ok())
    });
    if !errors.is_empty() {
        return Err(Problem::validation(errors));
    }
    let changed = account::change_profile(&caller, &ProfileChange { name, locale }).await?;
    view(&caller, &changed).await
}

async fn view(caller: &Caller, account: &Account) -> Result<Json<AdminView>, Problem> {
    let memberships = account::memberships(caller).await?;
    let current = caller.organization().id;
    Ok(Json(AdminView::of(account, current, &memberships)))
}
