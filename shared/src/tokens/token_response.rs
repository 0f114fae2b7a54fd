//! The response to a login or a refresh (RFC 6749, section 5.1).

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::AccessToken;
use crate::model::{Principal, Role};

#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// A JWT for the header `Authorization: Bearer …`.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJIUzI1NiIsImtpZCI6ImxvY2FsIn0.e30.c2ln")]
    access_token: String,
    token_type: TokenType,
    /// Seconds until the access token expires.
    #[schema(example = 1800)]
    expires_in: u64,
    /// For one `POST /admin/refresh`, which returns the next one.
    #[schema(
        example = "Z0Sh8MOyoZCPfm1cS0H0bWJ0oZVfKX9eYd3uQhY2m1c5Jr8tTn0wYk6bXv4aLz2sQe7Rp1Uo3Hg5Ij9C"
    )]
    refresh_token: String,
    /// Seconds until the session ends, however often it is refreshed.
    #[schema(example = 2_592_000)]
    refresh_expires_in: u64,
    #[schema(example = "6744a1f0c3b2a1908f7e6d5d", pattern = "^[0-9a-f]{24}$")]
    admin_id: String,
    /// The organization that the session is in.
    #[schema(example = "6744a1f0c3b2a1908f7e6d5c", pattern = "^[0-9a-f]{24}$")]
    organization_id: String,
    /// The admin's role in the organization.
    role: Role,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    Bearer,
}

impl TokenResponse {
    /// `session` is the time until the session expires.
    pub(crate) fn new(
        principal: &Principal,
        access: AccessToken,
        refresh_token: String,
        session: Duration,
    ) -> Self {
        Self {
            access_token: access.jwt,
            token_type: TokenType::Bearer,
            expires_in: access.expires_in.as_secs(),
            refresh_token,
            refresh_expires_in: session.as_secs(),
            admin_id: principal.account.id.to_hex(),
            organization_id: principal.organization.id.to_hex(),
            role: principal.membership.role,
        }
    }
}
