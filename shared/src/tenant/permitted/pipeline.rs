//! Aggregation pipelines, including those within their stages.

use mongodb::bson::{Bson, Document, doc};

use super::filter::refuse_javascript;
use crate::tenant::error::Refused;
use crate::tenant::kind::{Comparison, KIND_FIELD, is_kind_name, kind_condition};

/// Stages that read only the documents that come in.
const PERMITTED_STAGES: &[&str] = &[
    "$addFields",
    "$bucket",
    "$bucketAuto",
    "$count",
    "$densify",
    "$fill",
    "$group",
    "$limit",
    MATCH,
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
const MATCH: &str = "$match";

/// What the pipelines of one statement have in common.
#[derive(Clone, Copy)]
pub(in crate::tenant) struct Pipeline<'a> {
    /// The tenant's.
    pub collection: &'a str,
    pub comparison: Comparison,
}

impl Pipeline<'_> {
    /// A pipeline over the documents that match `own`, which takes what restricts them further. The stages that read a
    /// collection name a kind, and get the documents of this kind from the tenant's collection.
    pub fn bind(
        self,
        own: impl Fn(Document) -> Document,
        stages: Vec<Document>,
    ) -> Result<Vec<Document>, Refused> {
        let mut stages = stages.into_iter().peekable();
        // `$geoNear`, and `$match` with `$text`, must be the first stage.
        let is_first = |stage: &Document| stage.keys().eq([GEO_NEAR]) || stage.keys().eq([MATCH]);
        let first = match stages.next_if(is_first) {
            None => doc! { MATCH: own(Document::new()) },
            Some(stage) => {
                refuse_javascript(&stage)?;
                match only_entry(stage)? {
                    (name, Bson::Document(mut near)) if name == GEO_NEAR => {
                        let query = inner_filter(near.remove("query"))?;
                        near.insert("query", own(query));
                        doc! { name: near }
                    }
                    (name, filter) => doc! { name: own(inner_filter(Some(filter))?) },
                }
            }
        };
        let mut bound = vec![first];
        bound.extend(self.bind_stages(stages)?);
        Ok(bound)
    }

    fn bind_stages(
        self,
        stages: impl IntoIterator<Item = Document>,
    ) -> Result<Vec<Document>, Refused> {
        let mut bound = Vec::new();
        for stage in stages {
            let (name, value) = only_entry(stage)?;
            match (name.as_str(), value) {
                ("$facet", Bson::Document(facets)) => {
                    bound.push(doc! { name: self.bind_facets(facets)? });
                }
                ("$lookup", Bson::Document(lookup)) => {
                    bound.push(doc! { name: self.bind_lookup(lookup)? });
                }
                ("$graphLookup", Bson::Document(lookup)) => {
                    let found = lookup.get_str("as");
                    let found = found.map(|name| format!("{name}.{KIND_FIELD}"));
                    bound.push(doc! { name: self.bind_graph_lookup(lookup)? });
                    bound.extend(found.ok().map(|kind| doc! { "$unset": kind }));
                }
                ("$unionWith", value) => bound.push(doc! { name: self.bind_union(value)? }),
                (GEO_NEAR, _) => return Err(Refused::NotFirst(GEO_NEAR)),
                (permitted, value) if PERMITTED_STAGES.contains(&permitted) => {
                    let stage = doc! { name: value };
                    refuse_javascript(&stage)?;
                    bound.push(stage);
                }
                _ => return Err(Refused::Stage(name)),
            }
        }
        Ok(bound)
    }

    fn bind_facets(self, facets: Document) -> Result<Document, Refused> {
        let bind = |(name, stages)| {
            let stages = self.bind_stages(stages_of(stages)?)?;
            Ok((name, Bson::from(stages)))
        };
        facets.into_iter().map(bind).collect()
    }

    /// The server joins with an index of `foreignField`, because the condition is the first stage of the inner pipeline.
    fn bind_lookup(self, mut lookup: Document) -> Result<Document, Refused> {
        let kind = kind_of(lookup.remove("from"), "$lookup")?;
        let stages = inner_stages(&mut lookup)?;
        let mut pipeline = self.bind(self.of_kind(&kind), stages)?;
        pipeline.push(doc! { "$unset": KIND_FIELD });
        refuse_javascript(&lookup)?;
        let mut bound = doc! { "from": self.collection };
        bound.extend(lookup);
        bound.insert("pipeline", pipeline);
        Ok(bound)
    }

    fn bind_graph_lookup(self, mut lookup: Document) -> Result<Document, Refused> {
        let kind = kind_of(lookup.remove("from"), "$graphLookup")?;
        refuse_javascript(&lookup)?;
        let restriction = inner_filter(lookup.remove("restrictSearchWithMatch"))?;
        let mut bound = doc! { "from": self.collection };
        bound.extend(lookup);
        bound.insert("restrictSearchWithMatch", self.of_kind(&kind)(restriction));
        Ok(bound)
    }

    /// The value is a kind, or `{ coll: <kind>, pipeline: […] }`.
    fn bind_union(self, value: Bson) -> Result<Document, Refused> {
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
        let kind = kind_of(kind, "$unionWith")?;
        let pipeline = self.bind(self.of_kind(&kind), stages)?;
        Ok(doc! { "coll": self.collection, "pipeline": pipeline })
    }

    /// The condition for the documents of a kind.
    fn of_kind(self, kind: &str) -> impl Fn(Document) -> Document {
        move |more| kind_condition(kind, self.comparison, more)
    }
}

/// A stage is a document with one entry.
fn only_entry(stage: Document) -> Result<(String, Bson), Refused> {
    let mut entries = stage.into_iter();
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry),
        _ => Err(Refused::MalformedStage),
    }
}

/// The named kind.
fn kind_of(kind: Option<Bson>, stage: &'static str) -> Result<String, Refused> {
    match kind {
        Some(Bson::String(kind)) if is_kind_name(&kind) => Ok(kind),
        _ => Err(Refused::NotAKind(stage)),
    }
}

fn inner_filter(filter: Option<Bson>) -> Result<Document, Refused> {
    match filter {
        None => Ok(Document::new()),
        Some(Bson::Document(filter)) => Ok(filter),
        Some(_) => Err(Refused::MalformedStage),
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
        let comparison = Comparison::Bytes;
        let collection = "org_acme";
        let pipeline = Pipeline {
            collection,
            comparison,
        };
        pipeline.bind(|more| kind_condition("invoice", comparison, more), stages)
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
    fn a_first_filter_stays_the_first_stage() {
        let text = doc! { "$match": { "$text": { "$search": "paint" } } };
        let expected = doc! { "$match": {
            "_kind": "invoice",
            "$and": [{ "$text": { "$search": "paint" } }],
        } };
        assert_eq!(bind(vec![text]), Ok(vec![expected]));
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
