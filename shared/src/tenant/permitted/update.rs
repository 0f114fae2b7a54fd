//! Updates.

use mongodb::bson::Document;
use mongodb::options::UpdateModifications;

use super::filter::refuse_javascript;
use crate::tenant::error::Refused;
use crate::tenant::kind::{Reach, is_kind_field};

/// An update that leaves the documents in `reach`. A document of operators cannot name the kind. A pipeline may compute the
/// whole document, so it ends with a stage that restores the kind.
pub(in crate::tenant) fn bind_update(
    reach: Reach<'_>,
    update: UpdateModifications,
) -> Result<UpdateModifications, Refused> {
    match update {
        UpdateModifications::Document(operators) => {
            check_operators(&operators)?;
            Ok(operators.into())
        }
        UpdateModifications::Pipeline(mut stages) => {
            for stage in &stages {
                refuse_javascript(stage)?;
            }
            if !stages.is_empty() {
                stages.push(reach.restoring_stage());
            }
            Ok(stages.into())
        }
        _ => Err(Refused::NotAnUpdate),
    }
}

fn check_operators(operators: &Document) -> Result<(), Refused> {
    if operators.is_empty() || operators.keys().any(|name| !name.starts_with('$')) {
        return Err(Refused::NotAnUpdate);
    }
    refuse_javascript(operators)?;
    for (operator, fields) in operators {
        let fields = fields.as_document().ok_or(Refused::NotAnUpdate)?;
        for (field, value) in fields {
            let target = value.as_str().filter(|_| operator == "$rename");
            if is_kind_field(field) || target.is_some_and(is_kind_field) {
                return Err(Refused::Kind);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;

    fn bind(update: impl Into<UpdateModifications>) -> Result<UpdateModifications, Refused> {
        bind_update(Reach::Kind("invoice"), update.into())
    }

    #[test]
    fn updates_that_are_permitted() {
        for update in [
            doc! { "$set": { "status": "open", "meta._kind": 1 } },
            doc! { "$inc": { "total": 1 }, "$rename": { "a": "b" } },
        ] {
            assert!(bind(update.clone()).is_ok(), "{update}");
        }
    }

    #[test]
    fn updates_that_are_refused() {
        for (update, expected) in [
            (doc! {}, Refused::NotAnUpdate),
            (doc! { "status": "open" }, Refused::NotAnUpdate),
            (doc! { "$set": 3 }, Refused::NotAnUpdate),
            (doc! { "$set": { "_kind": "other" } }, Refused::Kind),
            (doc! { "$unset": { "_kind": "" } }, Refused::Kind),
            (doc! { "$setOnInsert": { "_kind.a": 1 } }, Refused::Kind),
            (doc! { "$rename": { "_kind": "a" } }, Refused::Kind),
            (doc! { "$rename": { "a": "_kind" } }, Refused::Kind),
        ] {
            assert_eq!(bind(update.clone()).err(), Some(expected), "{update}");
        }
    }

    #[test]
    fn a_pipeline_ends_with_the_kind() {
        let Ok(UpdateModifications::Pipeline(stages)) =
            bind(vec![doc! { "$replaceWith": { "a": 1 } }])
        else {
            panic!("refused");
        };
        let kind = doc! { "$set": { "_kind": { "$literal": "invoice" } } };
        assert_eq!(stages.last(), Some(&kind));
    }
}
