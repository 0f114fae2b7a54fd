//! The caller's account: name, language and organizations.

use mongodb::bson::{Bson, Document, doc};

use crate::auth::Caller;
use crate::model::{Account, Action, Principal};
use crate::problem::Problem;
use crate::throttle::count_change;
use crate::values::{Locale, PersonName};

/// What changes. None leaves a value as it is, and `Some(None)` removes it.
#[derive(Default)]
pub struct ProfileChange {
    pub name: Option<Option<PersonName>>,
    pub locale: Option<Option<Locale>>,
}

/// The account as a member of each of its organizations, the earliest membership first.
pub async fn memberships(caller: &Caller) -> Result<Vec<Principal>, Problem> {
    Ok(caller.databases().principals_of(caller.account()).await?)
}

/// Changes the caller's profile. If everything has its value already, nothing changes, and the request does not count
/// towards the organization's quota.
pub async fn change_profile(caller: &Caller, change: &ProfileChange) -> Result<Account, Problem> {
    let databases = caller.databases();
    if change.of(caller.account()).is_empty() {
        return Ok(caller.account().clone());
    }
    let limit = caller.request().config().organization_changes_per_day;
    let counted = count_change(databases, caller.organization().id, limit).await?;
    let changed = caller
        .write_account(|mut account, _| {
            let event = caller.event(Action::ProfileChanged);
            Box::pin(async move {
                let mut values = change.of(account.account());
                if !values.is_empty() {
                    values.insert("updated_at", databases.clock.now());
                    account.update(doc! { "$set": values }).await?;
                    account.append(event).await?;
                }
                Ok(account.into_account())
            })
        })
        .await;
    counted.refund_if_refused(&changed).await?;
    changed
}

impl ProfileChange {
    /// The values that the account does not have yet.
    fn of(&self, account: &Account) -> Document {
        let name = self.name.as_ref().map(Option::as_ref);
        let locale = self.locale.as_ref().map(Option::as_ref);
        let name = name.map(|name| name.map(PersonName::as_str));
        let locale = locale.map(|locale| locale.map(Locale::as_str));
        let mut values = Document::new();
        for (field, new, old) in [
            ("name", name, account.name()),
            ("locale", locale, account.locale()),
        ] {
            if let Some(new) = new.filter(|new| *new != old) {
                values.insert(field, new.map_or(Bson::Null, Bson::from));
            }
        }
        values
    }
}
