//! Actions of a product in the organization's audit trail.

use serde::Serialize;
use serde_json::{Map, Value};

use super::cursor::lock;
use super::error::{DetailsError, TenantError};
use super::transaction::TenantTransaction;
use crate::model::{Action, MAX_DETAILS};
use crate::values::is_product_name;

/// Details of the service's actions. Clients expect strings.
const STRINGS: [&str; 4] = ["organization_name", "from", "to", "reason"];

/// The name of an action of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditAction(&'static str);

impl AuditAction {
    /// `name` is `<product>.<action>`, each 1 to 60 of `a-z`, `0-9` and `_`, the first one a letter.
    ///
    /// # Panics
    ///
    /// If `name` has another form. In a `const`, this does not compile.
    pub const fn new(name: &'static str) -> Self {
        assert!(
            is_product_name(name),
            "a product's action is <product>.<action>"
        );
        Self(name)
    }

    pub(super) fn name(self) -> &'static str {
        self.0
    }

    pub(super) fn with(self, details: Map<String, Value>) -> Action {
        Action::Product {
            action: self.0.to_owned(),
            details,
        }
    }
}

impl TenantTransaction<'_> {
    /// Appends an action to the organization's audit trail, as one of the caller or the job. It is committed with the transaction.
    ///
    /// `details` become a JSON object of 4 KiB at most. `GET /org/audit` shows them.
    ///
    /// ```
    /// # use shared::{mongo::TransactionError, problem::Problem, tenant::{AuditAction, TenantTransaction}};
    /// const INVOICE_POSTED: AuditAction = AuditAction::new("invoices.invoice_posted");
    ///
    /// # async fn post(tx: &TenantTransaction<'_>) -> Result<(), TransactionError<Problem>> {
    /// tx.audit(INVOICE_POSTED, serde_json::json!({ "number": 7 })).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn audit(
        &self,
        action: AuditAction,
        details: impl Serialize,
    ) -> Result<(), TenantError> {
        let details = check(serde_json::to_value(details))?;
        let event = self.actor().event(action.with(details));
        let mut session = lock(self.session()).await?;
        let databases = self.actor().databases();
        let appended = databases.append(&event, &mut session).await;
        Ok(self.session().recorded(appended)?)
    }
}

fn check(details: serde_json::Result<Value>) -> Result<Map<String, Value>, DetailsError> {
    let Ok(Value::Object(details)) = details else {
        return Err(DetailsError::NotAnObject);
    };
    let size = serde_json::to_vec(&details).map_err(|_| DetailsError::NotAnObject)?;
    if size.len() > MAX_DETAILS {
        return Err(DetailsError::TooLarge);
    }
    for name in STRINGS {
        if details.get(name).is_some_and(|value| !value.is_string()) {
            return Err(DetailsError::NotAString(name));
        }
    }
    check_names(&details)?;
    Ok(details)
}

fn check_names(details: &Map<String, Value>) -> Result<(), DetailsError> {
    for (name, value) in details {
        if name.is_empty() || name.starts_with('$') || name.contains(['.', '\0']) {
            return Err(DetailsError::Name);
        }
        check_names_in(value)?;
    }
    Ok(())
}

fn check_names_in(value: &Value) -> Result<(), DetailsError> {
    match value {
        Value::Object(inner) => check_names(inner),
        Value::Array(values) => values.iter().try_for_each(check_names_in),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn details_are_small_objects() {
        let long = "a".repeat(MAX_DETAILS);
        for (details, expected) in [
            (json!({}), None),
            (
                json!({ "number": 7, "lines": [{ "cents": 1 }], "from": "a" }),
                None,
            ),
            (json!([1]), Some(DetailsError::NotAnObject)),
            (json!(null), Some(DetailsError::NotAnObject)),
            (json!({ "a": long }), Some(DetailsError::TooLarge)),
            (json!({ "from": 1 }), Some(DetailsError::NotAString("from"))),
            (json!({ "": 1 }), Some(DetailsError::Name)),
            (json!({ "a": [{ "$b": 1 }] }), Some(DetailsError::Name)),
            (json!({ "a": { "b.c": 1 } }), Some(DetailsError::Name)),
            (json!({ "a\0": 1 }), Some(DetailsError::Name)),
        ] {
            assert_eq!(check(Ok(details.clone())).err(), expected, "{details}");
        }
    }
}
