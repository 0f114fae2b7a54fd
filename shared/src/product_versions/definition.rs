//! The file in which a product declares what a tenant starts with.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::{Document, serialize_to_document};
use mongodb::options::IndexOptions;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::history::index_name;
use crate::model::ProductVersion;
use crate::tenant::DeclaredKind;
use crate::values::is_name;

/// Onboarding reads all of it.
const MAX_FILE: usize = 1024 * 1024;
/// Onboarding inserts all of them in one transaction.
const MAX_SEEDS: usize = 1000;

/// All errors of a file.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct DefinitionErrors(Vec<String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    product: String,
    version: i64,
    #[serde(deserialize_with = "read_kinds")]
    kinds: Vec<(String, DefinedKind)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DefinedKind {
    #[serde(default)]
    indexes: Vec<DefinedIndex>,
    #[serde(default)]
    seeds: Vec<Document>,
}

/// Reads an object as a list, which keeps repeated names.
fn read_kinds<'de, D: Deserializer<'de>>(
    object: D,
) -> Result<Vec<(String, DefinedKind)>, D::Error> {
    struct Kinds;
    impl<'de> Visitor<'de> for Kinds {
        type Value = Vec<(String, DefinedKind)>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object of kinds")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
            let mut kinds = Vec::new();
            while let Some(kind) = object.next_entry()? {
                kinds.push(kind);
            }
            Ok(kinds)
        }
    }
    object.deserialize_map(Kinds)
}

/// The options have the names of MongoDB's command `createIndexes`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DefinedIndex {
    key: Document,
    name: Option<String>,
    unique: Option<bool>,
    partial_filter_expression: Option<Document>,
    expire_after_seconds: Option<u32>,
    weights: Option<Document>,
    default_language: Option<String>,
    wildcard_projection: Option<Document>,
}

impl From<DefinedIndex> for IndexModel {
    fn from(defined: DefinedIndex) -> Self {
        let expire_after = defined.expire_after_seconds.map(u64::from);
        let options = IndexOptions::builder()
            .name(defined.name)
            .unique(defined.unique)
            .partial_filter_expression(defined.partial_filter_expression)
            .expire_after(expire_after.map(Duration::from_secs))
            .weights(defined.weights)
            .default_language(defined.default_language)
            .wildcard_projection(defined.wildcard_projection);
        Self::builder()
            .keys(defined.key)
            .options(options.build())
            .build()
    }
}

/// Reads a file: JSON, with MongoDB's Extended JSON in documents. Reports all of its errors.
pub fn parse(text: &str) -> Result<ProductVersion, DefinitionErrors> {
    let one = |error: String| DefinitionErrors(vec![error]);
    if text.len() > MAX_FILE {
        return Err(one(format!("the file has more than {MAX_FILE} bytes")));
    }
    let defined: Definition = serde_json::from_str(text).map_err(|error| one(error.to_string()))?;
    let mut version = ProductVersion {
        number: defined.version,
        product: defined.product,
        indexes: Vec::new(),
        seeds: Vec::new(),
        published_at: None,
    };
    let mut errors = Vec::new();
    if !is_name(version.product.as_bytes()) {
        errors.push("product must be 1 to 60 of a-z, 0-9 and _, the first one a letter".to_owned());
    }
    if version.number < 1 {
        errors.push("version must be 1 or more".to_owned());
    }
    let mut names = HashSet::new();
    for (name, kind) in defined.kinds {
        if !names.insert(name.clone()) {
            errors.push(format!("kinds.{name} is there twice"));
        }
        match DeclaredKind::new(&name) {
            Some(declared) => add(declared, &name, kind, &mut version, &mut errors),
            None => errors.push(format!(
                "kinds.{name}: a kind must be 1 to 60 of a-z, 0-9 and _, the first one a letter, and neither `counter` nor \
                 begin with `org_`"
            )),
        }
    }
    if version.seeds.len() > MAX_SEEDS {
        errors.push(format!("there are more than {MAX_SEEDS} seeds"));
    }
    errors.extend(repetitions(&version));
    match errors.is_empty() {
        true => Ok(version),
        false => Err(DefinitionErrors(errors)),
    }
}

/// Adds the kind's indexes and seeds to the version.
fn add(
    kind: DeclaredKind<'_>,
    name: &str,
    defined: DefinedKind,
    version: &mut ProductVersion,
    errors: &mut Vec<String>,
) {
    for (position, index) in defined.indexes.into_iter().enumerate() {
        let at = format!("kinds.{name}.indexes[{position}]");
        if index.key.is_empty() {
            errors.push(format!("{at}: key has no field"));
        }
        match kind.index(index.into()) {
            Ok(index) => version.indexes.extend(serialize_to_document(&index)),
            Err(refused) => errors.push(format!("{at}: {refused}")),
        }
    }
    for (position, seed) in defined.seeds.iter().enumerate() {
        let at = format!("kinds.{name}.seeds[{position}]");
        if !seed.contains_key("_id") {
            errors.push(format!("{at}: _id is missing"));
        }
        if seed
            .keys()
            .any(|field| field.is_empty() || field.contains('.'))
        {
            errors.push(format!(
                "{at}: a field of a seed cannot be empty or contain a dot"
            ));
        }
        match kind.document(seed) {
            Ok(document) => version.seeds.push(document),
            Err(refused) => errors.push(format!("{at}: {refused}")),
        }
    }
}

fn repetitions(version: &ProductVersion) -> Vec<String> {
    let mut seen = HashSet::new();
    let ids = version.seeds.iter().filter_map(|seed| seed.get("_id"));
    let ids = ids.map(|id| format!("two seeds have the _id {id}"));
    let names = version.indexes.iter().filter_map(index_name);
    let names = names.map(|name| format!("two indexes have the name {name}"));
    ids.chain(names)
        .filter(|one| !seen.insert(one.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Bson, doc};

    fn errors(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn indexes_and_seeds_have_their_kind() {
        let version = parse(
            r#"{ "product": "invoices", "version": 3, "kinds": {
                "invoice": { "indexes": [ { "key": { "state": 1, "number": -1 }, "unique": true } ] },
                "account": { "seeds": [ { "_id": "cash", "opened": { "$date": "2026-01-01T00:00:00Z" } } ] } } }"#,
        );
        let version = version.unwrap();
        assert_eq!((version.product.as_str(), version.number), ("invoices", 3));
        let index = &version.indexes[0];
        assert_eq!(index_name(index), Some("invoice.state_1_number_-1"));
        let keys: Vec<_> = index.get_document("key").unwrap().keys().collect();
        assert_eq!(keys, ["_kind", "state", "number"]);
        assert!(index.get_bool("unique").unwrap());
        let filter = index.get_document("partialFilterExpression");
        assert_eq!(*filter.unwrap(), doc! { "_kind": "invoice" });
        let seed = &version.seeds[0];
        assert_eq!(seed.get_str("_kind").unwrap(), "account");
        assert!(matches!(seed.get("opened"), Some(Bson::DateTime(_))));
    }

    #[test]
    fn one_message_names_every_error() {
        let message = errors(
            r#"{ "product": "Invoices", "version": 0, "kinds": {
                "counter": {},
                "invoice": {
                    "indexes": [ { "key": {} }, { "key": { "a": 1 } }, { "key": { "b": 1 }, "name": "a_1" } ],
                    "seeds": [ { "a": 1 }, { "_id": 1 }, { "_id": 1 }, { "_id": 2, "_kind": "x" }, { "_id": "counter:x" }, { "_id": 3, "a.b": 1 } ]
                },
                "item": {}, "item": {} } }"#,
        );
        for part in [
            "product must be",
            "version must be",
            "kinds.counter: a kind must be",
            "kinds.invoice.indexes[0]: key has no field",
            "two indexes have the name invoice.a_1",
            "kinds.invoice.seeds[0]: _id is missing",
            "two seeds have the _id 1",
            "kinds.invoice.seeds[3]: `_kind`",
            "kinds.invoice.seeds[4]: an `_id`",
            "kinds.invoice.seeds[5]: a field of a seed",
            "kinds.item is there twice",
        ] {
            assert!(message.contains(part), "{part} is missing in: {message}");
        }
    }

    #[test]
    fn unknown_names_are_refused() {
        let index = r#"{ "product": "a", "version": 1, "kinds": { "b": { "indexes": [ { "key": { "c": 1 }, "uniqe": true } ] } } }"#;
        assert!(
            errors(index).contains("unknown field `uniqe`"),
            "{}",
            errors(index)
        );
        assert!(errors("{}").contains("missing field `product`"));
        assert!(errors("[").contains("line 1"));
        assert!(errors(&" ".repeat(MAX_FILE + 1)).contains("more than"));
    }
}
