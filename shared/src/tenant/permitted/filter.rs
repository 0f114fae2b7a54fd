//! Filters, and what all expressions have in common.

use mongodb::bson::{Bson, Document};

use crate::tenant::error::Refused;
use crate::tenant::kind::is_kind_field;

const JAVASCRIPT: [&str; 3] = ["$where", "$function", "$accumulator"];
/// Undocumented operators, some of which run JavaScript.
const INTERNAL: &str = "$_internal";
const LOGICAL: [&str; 3] = ["$and", "$or", "$nor"];

/// Refuses JavaScript and comparisons of the kind.
pub(in crate::tenant) fn check_filter(filter: &Document) -> Result<(), Refused> {
    refuse_javascript(filter)?;
    refuse_kind(filter)
}

/// A projection may compute fields.
pub(in crate::tenant) fn check_projection(projection: Option<&Document>) -> Result<(), Refused> {
    projection.map_or(Ok(()), refuse_javascript)
}

/// Refuses JavaScript at any depth.
pub(super) fn refuse_javascript(document: &Document) -> Result<(), Refused> {
    for (name, value) in document {
        if JAVASCRIPT.contains(&name.as_str()) || name.starts_with(INTERNAL) {
            return Err(Refused::JavaScript(name.clone()));
        }
        for inner in documents_in(value) {
            refuse_javascript(inner)?;
        }
    }
    Ok(())
}

fn refuse_kind(filter: &Document) -> Result<(), Refused> {
    for (name, value) in filter {
        if is_kind_field(name) {
            return Err(Refused::Kind);
        }
        if LOGICAL.contains(&name.as_str()) {
            for inner in documents_in(value) {
                refuse_kind(inner)?;
            }
        }
    }
    Ok(())
}

/// The value, if it is a document, or the documents in the array.
fn documents_in(value: &Bson) -> Vec<&Document> {
    match value {
        Bson::Document(document) => vec![document],
        Bson::Array(values) => values.iter().flat_map(documents_in).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;

    #[test]
    fn filters_that_are_permitted() {
        for filter in [
            doc! {},
            doc! { "status": "open", "total": { "$gt": 3 } },
            doc! { "$or": [{ "a": 1 }, { "$and": [{ "b": 2 }] }] },
            doc! { "$expr": { "$gt": ["$a", "$b"] } },
            // A field of the product's own document.
            doc! { "meta": { "_kind": 1 } },
            doc! { "meta._kind": 1 },
        ] {
            assert_eq!(check_filter(&filter), Ok(()), "{filter}");
        }
    }

    #[test]
    fn filters_that_are_refused() {
        let script = doc! { "$function": { "body": "", "args": [], "lang": "js" } };
        for (filter, expected) in [
            (
                doc! { "$where": "true" },
                Refused::JavaScript("$where".to_owned()),
            ),
            (
                doc! { "$or": [{ "a": 1 }, { "$where": "true" }] },
                Refused::JavaScript("$where".to_owned()),
            ),
            (
                doc! { "$expr": { "$eq": [1, script] } },
                Refused::JavaScript("$function".to_owned()),
            ),
            (
                doc! { "$expr": { "$_internalJsEmit": {} } },
                Refused::JavaScript("$_internalJsEmit".to_owned()),
            ),
            (doc! { "_kind": "other" }, Refused::Kind),
            (doc! { "_kind.a": { "$exists": false } }, Refused::Kind),
            (
                doc! { "$nor": [{ "a": 1, "$or": [{ "_kind": "other" }] }] },
                Refused::Kind,
            ),
        ] {
            assert_eq!(check_filter(&filter), Err(expected), "{filter}");
        }
    }
}
