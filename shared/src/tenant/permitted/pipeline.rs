//! Aggregation pipelines, including those within their stages.

use mongodb::bson::{Bson, Document, doc};

use super::filter::refuse_javascript;
use crate::tenant::error::Refused;
use crate::tenant::kind::{KIND_FIELD, is_kind_name};

/// Stages that read only the documents that come in.
const READ_NOTHING_ELSE: &[&str] = &[
    "$addFields",
    "$bucket",
    "$bucketAuto",
    "$count",
    "$densify",
    "$fill",
    "$group",
    "$limit",
    "$match",
    "$project",
    "$redact",
    "$replaceRoot",
    "$replaceWith",
    "$sample",
    "$set",
    "$setWindowFields",
    "$skip",
    "$sort",
    "$sortByCount",
    "$unset",
    "$unwind",
];
const GEO_NEAR: &str = "$geoNear";

/// A pipeline over the documents of `collection` that match `condition`. The stages that read a collection name a kind,
/// and get the documents of this kind from `collection`.
pub(in crate::tenant) fn bind_pipeline(
    collection: &str,
    condition: Document,
    stages: Vec<Document>,
) -> Result<Vec<Document>, Refused> {
    let mut bound = Vec::with_capacity(stages.len() + 1);
    let mut stages = stages.into_iter().peekable();
    match stages.next_if(|stage| stage.contains_key(GEO_NEAR)) {
        Some(near) => bound.push(bind_geo_near(condition, near)?),
        None => bound.push(doc! { "$match": condition }),
    }
    bound.extend(bind_stages(collection, stages)?);
    Ok(bound)
}

/// The server requires that this stage is the first one, so the condition stands in its query.
fn bind_geo_near(condition: Document, stage: Document) -> Result<Document, Refused> {
    refuse_javascript(&stage)?;
    match only_entry(stage)? {
        (name, Bson::Document(mut near)) => {
            let query = near.remove("query");
            near.insert("query", and(condition, query));
            Ok(doc! { name: near })
        }
        _ => Err(Refused::MalformedStage),
    }
}

fn and(mut condition: Document, more: Option<Bson>) -> Document {
    condition.extend(more.map(|more| ("$and".to_owned(), Bson::Array(vec![more]))));
    condition
}

fn bind_stages(
    collection: &str,
    stages: impl IntoIterator<Item = Document>,
) -> Result<Vec<Document>, Refused> {
    let mut bound = Vec::new();
    for stage in stages {
        let (name, value) = only_entry(stage)?;
        match (name.as_str(), value) {
            ("$facet", Bson::Document(facets)) => {
                bound.push(doc! { name: bind_facets(collection, facets)? });
            }
            ("$lookup", Bson::Document(lookup)) => {
                bound.push(doc! { name: bind_lookup(collection, lookup)? });
            }
            ("$graphLookup", Bson::Document(lookup)) => {
                let found = lookup
                    .get_str("as")
                    .map(|name| format!("{name}.{KIND_FIELD}"));
                bound.push(doc! { name: bind_graph_lookup(collection, lookup)? });
                bound.extend(found.ok().map(|kind| doc! { "$unset": kind }));
            }
            ("$unionWith", value) => bound.push(doc! { name: bind_union(collection, value)? }),
            (GEO_NEAR, _) => return Err(Refused::NotFirst(GEO_NEAR)),
            (permitted, value) if READ_NOTHING_ELSE.contains(&permitted) => {
                let stage = doc! { name: value };
                refuse_javascript(&stage)?;
                bound.push(stage);
            }
            _ => return Err(Refused::Stage(name)),
        }
    }
    Ok(bound)
}

/// A stage is a document with one entry.
fn only_entry(stage: Document) -> Result<(String, Bson), Refused> {
    let mut entries = stage.into_iter();
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry),
        _ => Err(Refused::MalformedStage),
    }
}

fn bind_facets(collection: &str, facets: Document) -> Result<Document, Refused> {
    let bind = |(name, stages)| {
        let stages = bind_stages(collection, stages_of(stages)?)?;
        Ok((name, Bson::from(stages)))
    };
    facets.into_iter().map(bind).collect()
}

/// The server joins with an index of `foreignField`, because the condition is the first stage of the inner pipeline.
fn bind_lookup(collection: &str, mut lookup: Document) -> Result<Document, Refused> {
    let condition = condition_of(lookup.remove("from"), "$lookup")?;
    let stages = inner_stages(&mut lookup)?;
    let mut pipeline = bind_pipeline(collection, condition, stages)?;
    pipeline.push(doc! { "$unset": KIND_FIELD });
    refuse_javascript(&lookup)?;
    let mut bound = doc! { "from": collection };
    bound.extend(lookup);
    bound.insert("pipeline", pipeline);
    Ok(bound)
}

fn bind_graph_lookup(collection: &str, mut lookup: Document) -> Result<Document, Refused> {
    let condition = condition_of(lookup.remove("from"), "$graphLookup")?;
    refuse_javascript(&lookup)?;
    let restriction = lookup.remove("restrictSearchWithMatch");
    let mut bound = doc! { "from": collection };
    bound.extend(lookup);
    bound.insert("restrictSearchWithMatch", and(condition, restriction));
    Ok(bound)
}

/// The value is a kind, or `{ coll: <kind>, pipeline: […] }`.
fn bind_union(collection: &str, value: Bson) -> Result<Document, Refused> {
    let (kind, stages, rest) = match value {
        Bson::Document(mut union) => {
            let stages = inner_stages(&mut union)?;
            (union.remove("coll"), stages, union)
        }
        kind => (Some(kind), Vec::new(), Document::new()),
    };
    if !rest.is_empty() {
        return Err(Refused::MalformedStage);
    }
    let condition = condition_of(kind, "$unionWith")?;
    let pipeline = bind_pipeline(collection, condition, stages)?;
    Ok(doc! { "coll": collection, "pipeline": pipeline })
}

/// What documents of the named kind match.
fn condition_of(kind: Option<Bson>, stage: &'static str) -> Result<Document, Refused> {
    match kind {
        Some(Bson::String(kind)) if is_kind_name(&kind) => Ok(doc! { KIND_FIELD: kind }),
        _ => Err(Refused::NotAKind(stage)),
    }
}

fn inner_stages(stage: &mut Document) -> Result<Vec<Document>, Refused> {
    match stage.remove("pipeline") {
        None => Ok(Vec::new()),
        Some(stages) => stages_of(stages),
    }
}

fn stages_of(stages: Bson) -> Result<Vec<Document>, Refused> {
    let Bson::Array(stages) = stages else {
        return Err(Refused::MalformedStage);
    };
    let document = |stage| match stage {
        Bson::Document(stage) => Ok(stage),
        _ => Err(Refused::MalformedStage),
    };
    stages.into_iter().map(document).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(stages: Vec<Document>) -> Result<Vec<Document>, Refused> {
        bind_pipeline("org_acme", doc! { "_kind": "invoice" }, stages)
    }

    #[test]
    fn stages_that_read_a_collection_get_the_tenants() {
        let own = doc! { "$match": { "_kind": "invoice" } };
        let of_lines = doc! { "$match": { "_kind": "line" } };
        for (stage, expected) in [
            (
                doc! { "$lookup": { "from": "line", "localField": "_id", "foreignField": "invoice", "as": "lines" } },
                doc! { "$lookup": {
                    "from": "org_acme", "localField": "_id", "foreignField": "invoice", "as": "lines",
                    "pipeline": [&of_lines, { "$unset": "_kind" }],
                } },
            ),
            (
                doc! { "$unionWith": "line" },
                doc! { "$unionWith": { "coll": "org_acme", "pipeline": [&of_lines] } },
            ),
            (
                doc! { "$facet": { "all": [{ "$unionWith": { "coll": "line", "pipeline": [{ "$limit": 1 }] } }] } },
                doc! { "$facet": { "all": [
                    { "$unionWith": { "coll": "org_acme", "pipeline": [&of_lines, { "$limit": 1 }] } }
                ] } },
            ),
        ] {
            assert_eq!(bind(vec![stage]), Ok(vec![own.clone(), expected]));
        }
    }

    #[test]
    fn a_graph_search_is_restricted_to_the_kind() {
        let lookup =
            doc! { "from": "account", "as": "path", "restrictSearchWithMatch": { "open": true } };
        let bound = bind(vec![doc! { "$graphLookup": lookup }]);
        let expected = doc! { "$graphLookup": {
            "from": "org_acme", "as": "path",
            "restrictSearchWithMatch": { "_kind": "account", "$and": [{ "open": true }] },
        } };
        let own = doc! { "$match": { "_kind": "invoice" } };
        let unset = doc! { "$unset": "path._kind" };
        assert_eq!(bound, Ok(vec![own, expected, unset]));
    }

    #[test]
    fn a_search_by_distance_has_the_condition() {
        let near = doc! { "$geoNear": { "near": [1, 2], "query": { "open": true } } };
        let expected = doc! { "$geoNear": {
            "near": [1, 2],
            "query": { "_kind": "invoice", "$and": [{ "open": true }] },
        } };
        assert_eq!(bind(vec![near.clone()]), Ok(vec![expected]));
        let second = bind(vec![doc! { "$limit": 1 }, near]);
        assert_eq!(second, Err(Refused::NotFirst("$geoNear")));
    }

    #[test]
    fn stages_that_leave_the_tenant_are_refused_at_any_depth() {
        let of_another = |from: &str| {
            vec![
                doc! { "$lookup": { "from": from, "pipeline": [], "as": "a" } },
                doc! { "$graphLookup": { "from": from, "startWith": "$x", "connectFromField": "x", "connectToField": "y", "as": "a" } },
                doc! { "$unionWith": from },
                doc! { "$unionWith": { "coll": from } },
            ]
        };
        let mut stages = of_another("org_another");
        stages.extend(of_another("system.views"));
        stages.extend(of_another("_kind"));
        stages.extend([
            doc! { "$lookup": { "from": { "db": "master_db", "coll": "admins" }, "as": "a" } },
            doc! { "$lookup": { "pipeline": [{ "$documents": [{}] }], "as": "a" } },
            doc! { "$unionWith": { "pipeline": [{ "$documents": [{}] }] } },
            doc! { "$unionWith": { "coll": "line", "db": "master_db" } },
            doc! { "$out": "org_another" },
            doc! { "$merge": { "into": "org_another" } },
            doc! { "$collStats": { "count": {} } },
            doc! { "$indexStats": {} },
            doc! { "$currentOp": {} },
            doc! { "$changeStream": {} },
            doc! { "$search": {} },
            doc! { "$newStageOfTomorrow": {} },
            doc! { "$group": { "_id": { "$function": {} } } },
            doc! { "$group": { "_id": 1, "a": { "$accumulator": {} } } },
            doc! { "$match": { "$where": "true" } },
            doc! { "$limit": 1, "$out": "org_another" },
            doc! {},
        ]);
        for stage in stages {
            assert!(bind(vec![stage.clone()]).is_err(), "{stage}");
            let nested = [
                doc! { "$facet": { "a": [{ "$limit": 1 }, &stage] } },
                doc! { "$lookup": { "from": "line", "as": "a", "pipeline": [&stage] } },
                doc! { "$unionWith": { "coll": "line", "pipeline": [&stage] } },
                doc! { "$lookup": { "from": "line", "as": "a", "pipeline": [
                    { "$facet": { "b": [{ "$unionWith": { "coll": "line", "pipeline": [&stage] } }] } }
                ] } },
            ];
            for nested in nested {
                assert!(bind(vec![nested.clone()]).is_err(), "{nested}");
            }
        }
    }
}
