//! A document of `audit_events`: what was done in an organization, by whom and from where.

use std::time::Duration;

use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Account, AccountId, OrganizationId, ProductEvent, SessionId};
use crate::clock::after;
use crate::http::ClientAddress;

/// How long events are kept.
pub(crate) const RETENTION: Duration = Duration::from_secs(400 * 24 * 3600);
/// Maximum size of a product's details, in bytes of their JSON, or of their BSON if a product stored them itself.
pub(crate) const MAX_DETAILS: usize = 4 * 1024;
/// How long events without an organization are kept: refused logins with an email that no account has.
const RETENTION_WITHOUT_ORGANIZATION: Duration = Duration::from_secs(24 * 3600);

/// A document of `audit_events`. Nothing changes it, except that a purge removes its organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The organizations whose trails have the event, see [`Self::concerning`]. None for a refused login with an email
    /// that no account has. It has an event too, so that it takes the same time.
    pub(crate) organization_ids: Vec<OrganizationId>,
    /// See [`Organization::sequence`](super::Organization). None if the action did not lock the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<i64>,
    pub at: DateTime,
    #[serde(flatten)]
    pub action: Action,
    pub account_id: Option<AccountId>,
    pub session_id: Option<SessionId>,
    /// The client's address, see [`ClientAddress`], `job:<name>`, or `product:<name>`.
    pub address: String,
    /// How many sessions the action ended, for actions that end sessions. Counts at most 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_ended: Option<i64>,
    expires_at: DateTime,
}

/// An action. The names are part of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// By a link in a mail.
    PasswordReset,
    /// The address before was replaced by a verified one.
    EmailChanged,
    EmailChangeUndone,
    EmailVerified,
    /// Name or locale.
    ProfileChanged,
    SessionEnded {
        reason: EndReason,
    },
    /// An action of a product, with the product's own name and details.
    #[serde(untagged)]
    Product {
        action: String,
        details: Map<String, Value>,
    },
}

/// Why a session ended before it expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    Logout,
    LogoutEverywhere,
    /// A replaced refresh token was used again: someone else has a copy.
    RefreshTokenReused,
    /// By the admin, from another session.
    Revoked,
    /// A login beyond the limit of live sessions; the event's session is the new one.
    SessionLimit,
}

impl Action {
    /// The name in the API and in the database.
    pub fn name(&self) -> &str {
        match self {
            Self::OrganizationCreated { .. } => "organization_created",
            Self::OrganizationRenamed { .. } => "organization_renamed",
            Self::OrganizationDeleted => "organization_deleted",
            Self::OrganizationRestored => "organization_restored",
            Self::Login => "login",
            Self::LoginRefused => "login_refused",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::EmailChanged => "email_changed",
            Self::EmailChangeUndone => "email_change_undone",
            Self::EmailVerified => "email_verified",
            Self::ProfileChanged => "profile_changed",
            Self::SessionEnded { .. } => "session_ended",
            Self::Product { action, .. } => action,
        }
    }
}

impl EndReason {
    /// The name in the API and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutEverywhere => "logout_everywhere",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::Revoked => "revoked",
            Self::SessionLimit => "session_limit",
        }
    }
}

impl Event {
    /// An event of no account and no organization.
    pub(crate) fn new(action: Action, address: ClientAddress, now: DateTime) -> Self {
        Self::from(action, address.to_text(), now)
    }

    /// An action of a job, which has no account.
    pub(crate) fn of_job(action: Action, job: &str, now: DateTime) -> Self {
        Self::from(action, format!("job:{job}"), now)
    }

    /// An event that a product reported.
    pub(crate) fn reported(event: ProductEvent) -> Self {
        let product = event.action.split('.').next().unwrap_or_default();
        let address = format!("product:{product}");
        let action = Action::Product {
            details: event.json_details(),
            action: event.action,
        };
        let reported = Self {
            id: event.id,
            account_id: event.admin_id,
            ..Self::from(action, address, event.at)
        };
        reported.concerning(vec![event.organization_id])
    }

    fn from(action: Action, address: String, now: DateTime) -> Self {
        Self {
            id: ObjectId::new(),
            organization_ids: Vec::new(),
            sequence: None,
            at: now,
            action,
            account_id: None,
            session_id: None,
            address,
            sessions_ended: None,
            expires_at: after(now, RETENTION_WITHOUT_ORGANIZATION),
        }
    }

    pub(crate) fn by(self, account: &Account) -> Self {
        Self {
            account_id: Some(account.id),
            ..self
        }
    }

    pub(crate) fn in_session(self, id: SessionId) -> Self {
        Self {
            session_id: Some(id),
            ..self
        }
    }

    /// Puts the event into the trails of these organizations: that of the session for an action in a session, all of the
    /// account for an action on the account.
    pub(crate) fn concerning(self, organizations: Vec<OrganizationId>) -> Self {
        let retention = match organizations.is_empty() {
            true => RETENTION_WITHOUT_ORGANIZATION,
            false => RETENTION,
        };
        Self {
            organization_ids: organizations,
            expires_at: after(self.at, retention),
            ..self
        }
    }

    pub(crate) fn with_sequence(self, sequence: i64) -> Self {
        Self {
            sequence: Some(sequence),
            ..self
        }
    }

    pub(crate) fn with_sessions_ended(self, count: u64) -> Self {
        Self {
            sessions_ended: i64::try_from(count).ok(),
            ..self
        }
    }

    /// Removes account and session from the event.
    pub(crate) fn anonymous(self) -> Self {
        Self {
            account_id: None,
            session_id: None,
            ..self
        }
    }

    /// Another action at the same time by the same account.
    pub(crate) fn followed_by(self, action: Action) -> Self {
        Self {
            id: ObjectId::new(),
            action,
            ..self
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_in_the_database() {
        let reasons = [
            EndReason::Logout,
            EndReason::LogoutEverywhere,
            EndReason::RefreshTokenReused,
            EndReason::Revoked,
            EndReason::SessionLimit,
        ];
        let mut actions = vec![
            Action::OrganizationCreated {
                organization_name: String::new(),
            },
            Action::OrganizationRenamed {
                from: String::new(),
                to: String::new(),
            },
            Action::OrganizationDeleted,
            Action::OrganizationRestored,
            Action::Login,
            Action::LoginRefused,
            Action::PasswordChanged,
            Action::PasswordReset,
            Action::EmailChanged,
            Action::EmailChangeUndone,
            Action::EmailVerified,
            Action::ProfileChanged,
        ];
        actions.extend(reasons.map(|reason| Action::SessionEnded { reason }));
        actions.push(Action::Product {
            action: "invoices.invoice_posted".to_owned(),
            details: Map::from_iter([("number".to_owned(), 7.into())]),
        });
        for action in actions {
            let stored = serde_json::to_value(&action).unwrap();
            assert_eq!(stored["action"], action.name());
            let read: Action = serde_json::from_value(stored.clone()).unwrap();
            assert_eq!(read, action);
            if let Action::SessionEnded { reason } = action {
                assert_eq!(stored["details"]["reason"], reason.name());
            }
        }
    }
}
