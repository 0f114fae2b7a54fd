//! A document of `audit_events`: what was done in an organization, by whom and from where.

use std::time::Duration;

use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Admin;
use crate::clock::after;
use crate::http::ClientAddress;

/// How long an organization can look back.
const RETENTION: Duration = Duration::from_secs(400 * 24 * 3600);
/// How long an event is kept that belongs to no organization: a login with an unknown email.
const RETENTION_WITHOUT_ORGANIZATION: Duration = Duration::from_secs(24 * 3600);

/// A document of `audit_events`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// None where a refused login's email is unknown: it is recorded all the same, so that it takes as long.
    pub organization_id: Option<ObjectId>,
    pub at: DateTime,
    #[serde(flatten)]
    pub action: Action,
    pub admin_id: Option<ObjectId>,
    pub session_id: Option<ObjectId>,
    /// The client's, as API Gateway saw it.
    pub address: String,
    /// How many sessions ended with it, where it is of the kind that ends sessions. Of one admin's, 10,000 at most
    /// are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_ended: Option<i64>,
    expires_at: DateTime,
}

/// What happened. The names are part of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", content = "details", rename_all = "snake_case")]
pub enum Action {
    OrganizationCreated {
        organization_name: String,
    },
    OrganizationRenamed {
        from: String,
        to: String,
    },
    OrganizationDeleted,
    OrganizationRestored,
    Login,
    /// A wrong password, or an account that may not log in.
    LoginRefused,
    PasswordChanged,
    SessionEnded {
        reason: EndReason,
    },
}

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    Logout,
    LogoutEverywhere,
    /// An old refresh token was used again: someone else has a copy.
    RefreshTokenReused,
    /// A login beyond the limit of live sessions; the event's session is the new one.
    SessionLimit,
}

impl Event {
    pub(crate) fn new(action: Action, address: ClientAddress, now: DateTime) -> Self {
        Self {
            id: ObjectId::new(),
            organization_id: None,
            at: now,
            action,
            admin_id: None,
            session_id: None,
            address: address.0.to_canonical().to_string(),
            sessions_ended: None,
            expires_at: after(now, RETENTION_WITHOUT_ORGANIZATION),
        }
    }

    /// In the trail of the admin's organization.
    pub(crate) fn of(self, admin: &Admin) -> Self {
        Self {
            organization_id: Some(admin.organization_id),
            admin_id: Some(admin.id),
            expires_at: after(self.at, RETENTION),
            ..self
        }
    }

    /// In no organization's trail.
    pub(crate) fn without_organization(self) -> Self {
        Self {
            organization_id: None,
            admin_id: None,
            session_id: None,
            expires_at: after(self.at, RETENTION_WITHOUT_ORGANIZATION),
            ..self
        }
    }

    /// With so many sessions ended by it.
    pub(crate) fn ending(self, sessions: u64) -> Self {
        Self {
            sessions_ended: i64::try_from(sessions).ok(),
            ..self
        }
    }

    /// Another event of the same moment, by the same admin.
    pub(crate) fn followed_by(self, action: Action) -> Self {
        Self {
            id: ObjectId::new(),
            action,
            ..self
        }
    }

    pub(crate) fn in_session(self, id: ObjectId) -> Self {
        Self {
            session_id: Some(id),
            ..self
        }
    }
}
