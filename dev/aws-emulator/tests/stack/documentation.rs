//! Checks the documentation of the stack: commands, parameters, queries and links.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::functions::logs;
use crate::harness::{Stack, create, log_in, root};
use crate::parameters::satisfies_rules;
use crate::template::{deployed_with, of_type, template};

const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mongodb-uri-AbCdEf";

/// README and the documents of `docs/`, with backslash-continued lines joined.
fn documents() -> Vec<(PathBuf, String)> {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let markdown = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    markdown
        .chain([root().join("README.md")])
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text.replace("\\\n", ""))
        })
        .collect()
}

/// The heading anchors of a document as GitHub generates them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[test]
fn links_between_documents_are_valid() {
    let mut followed = 0;
    let others = ["SECURITY.md", "CONTRIBUTING.md", "events/README.md"].map(|name| {
        let path = root().join(name);
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    });
    for (path, text) in documents().into_iter().chain(others) {
        for link in text.split("](").skip(1) {
            let (link, _) = link.split_once(')').unwrap();
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(target.exists(), "broken link {link} in {}", path.display());
            if !anchor.is_empty() {
                let target = fs::read_to_string(target).unwrap();
                let found = anchors(&target).contains(anchor);
                assert!(
                    found,
                    "no heading for the link {link} in {}",
                    path.display()
                );
            }
            followed += 1;
        }
    }
    assert!(followed > 0);
}

/// Replaces each placeholder `<…>` with a value.
fn filled_in(mut text: String) -> String {
    while let Some(begin) = text.find('<') {
        let end = begin + text[begin..].find('>').unwrap();
        let before = text[..begin].trim_end_matches("owner/");
        let name = before.rsplit([' ', '\'']).next().unwrap();
        let value = match name.trim_end_matches('=') {
            "MongodbUriSecretArn" => ARN,
            "CertificateArn" => "arn:aws:acm:us-east-1:123456789012:certificate/1234",
            "TrustedProxySecret" | "OriginSecret" => "a-secret-of-the-proxy",
            "PermissionsBoundaryArn" => "arn:aws:iam::123456789012:policy/boundary",
            "AlarmEmail" => "ops@example.com",
            "Repository" => "owner",
            provider if provider.starts_with("OidcProviderArn") => "123456789012",
            _ => "name",
        };
        text.replace_range(begin..=end, value);
    }
    text
}

/// Parses `Name=Value` words.
fn parameters(words: impl IntoIterator<Item = String>) -> Value {
    let pairs = words.into_iter().map(|word| {
        let (name, value) = word
            .split_once('=')
            .unwrap_or_else(|| panic!("{word} is not Name=Value"));
        (name.to_owned(), json!(value))
    });
    Value::Object(pairs.collect())
}

/// The documented parameter sets after `--parameter-overrides` of `command`.
fn sets_given_to(command: &str) -> Vec<Value> {
    let mut sets = Vec::new();
    for (_, text) in documents() {
        for line in text.lines() {
            let Some((before, given)) = line.split_once("--parameter-overrides ") else {
                continue;
            };
            if !before.contains(command) || given.starts_with('…') {
                continue;
            }
            // A command within a sentence ends with a backtick.
            let given = given.split(['`', '#']).next().unwrap();
            let words = shlex::split(&filled_in(given.to_owned())).unwrap();
            let words = words.into_iter().take_while(|word| !word.starts_with("--"));
            sets.push(match command {
                // The SAM CLI splits the shell's words again.
                "sam " => parameters(words.flat_map(|word| shlex::split(&word).unwrap())),
                _ => parameters(words),
            });
        }
    }
    sets
}

/// The sets for the stack of the example, and those for the service's.
fn sets_given_to_sam() -> (Vec<Value>, Vec<Value>) {
    let sets = sets_given_to("sam ").into_iter();
    sets.partition(|set| set.get("ServiceStack").is_some())
}

/// The parameter sets in sentences and tables, such as `Profile=production`.
fn sets_in_sentences() -> Vec<Value> {
    let mut sets = Vec::new();
    for (_, text) in documents() {
        for span in text.split('`').skip(1).step_by(2) {
            let span = span.trim_matches('\'');
            let begins = span.split('=').next().unwrap();
            let is_name = template()["Parameters"].get(begins).is_some();
            if is_name && span.contains('=') && !span.contains('\n') {
                sets.push(parameters(
                    shlex::split(&filled_in(span.to_owned())).unwrap(),
                ));
            }
        }
    }
    sets
}

#[test]
fn every_set_of_parameters_in_the_documentation_can_be_deployed() {
    let (_, mut sets) = sets_given_to_sam();
    assert!(sets.len() >= 8, "{sets:?}");
    sets.extend(sets_in_sentences());
    for set in &mut sets {
        let given = set.as_object_mut().unwrap();
        // The text omits parameters that the stack already has.
        if !given.contains_key("MongodbUri") {
            given.insert("MongodbUriSecretArn".to_owned(), json!(ARN));
        }
        if given.contains_key("DomainName") && !given.contains_key("CertificateArn") {
            given.insert("CertificateArn".to_owned(), json!("arn"));
        }
        // Only `sam build` and `sam local` use it.
        given.remove("SecretsManagerEndpoint");
    }
    let distinct: BTreeSet<String> = sets.iter().map(Value::to_string).collect();
    let sets: Vec<Value> = distinct
        .iter()
        .map(|set| serde_json::from_str(set).unwrap())
        .collect();
    let known = template()["Parameters"].as_object().unwrap();
    let folder = TempDir::new().unwrap();
    let mut templates = Vec::new();
    for (set, deployed) in sets.iter().zip(deployed_with(&sets)) {
        for name in set.as_object().unwrap().keys() {
            assert!(
                known.contains_key(name),
                "{name} in {set} is not a parameter of template.yaml"
            );
        }
        assert!(deployed.get("Refused").is_none(), "{set}: {deployed}");
        assert!(satisfies_rules(set), "{set}");
        let file = folder.path().join(format!("{}.json", templates.len()));
        fs::write(&file, deployed.to_string()).unwrap();
        templates.push(file);
    }
    // Ignored: unused parameters (W2001), mappings (W7001) and conditions (W8001), which the transform has resolved.
    let found = aws_emulator::lint(&templates, &["W2001", "W7001", "W8001"]).unwrap();
    assert!(found.trim().is_empty(), "{sets:?}: {found}");
}

#[test]
fn the_examples_have_the_documented_parameters() {
    let mut sets = sets_given_to("aws cloudformation deploy");
    assert_eq!(sets.len(), 3, "{sets:?}");
    let (product, _) = sets_given_to_sam();
    assert_eq!(product.len(), 1, "{product:?}");
    sets.extend(product);
    for set in sets {
        let name = match (set.get("Repository"), set.get("ServiceStack")) {
            (Some(_), _) => "github-role.yaml",
            (_, Some(_)) => "invoices/template.yaml",
            _ => "cloudfront.yaml",
        };
        let file = root().join("examples").join(name);
        let deployed = aws_emulator::transformed(&file, std::slice::from_ref(&set))
            .unwrap()
            .remove(0);
        assert!(deployed.get("Refused").is_none(), "{set}: {deployed}");
        let known = deployed["Parameters"].as_object().unwrap();
        for parameter in set.as_object().unwrap().keys() {
            assert!(
                known.contains_key(parameter),
                "{parameter} is not a parameter of {name}"
            );
        }
    }
}

#[test]
fn the_table_of_parameters_matches_the_template() {
    let text = fs::read_to_string(root().join("docs/deployment.md")).unwrap();
    let (_, table) = text.split_once("## All parameters\n").unwrap();
    let mut expected = String::from("\n| parameter | default | meaning |\n|---|---|---|\n");
    let source = fs::read_to_string(root().join("template.yaml")).unwrap();
    let (_, source) = source.split_once("\nParameters:\n").unwrap();
    let (source, _) = source.split_once("\nMappings:\n").unwrap();
    // Keeps the order of the file.
    for line in source.lines() {
        let name = line
            .strip_prefix("  ")
            .and_then(|line| line.strip_suffix(':'));
        let Some(name) = name.filter(|name| !name.starts_with([' ', '#'])) else {
            continue;
        };
        let parameter = &template()["Parameters"][name];
        let default = match &parameter["Default"] {
            Value::String(text) if text.is_empty() => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let description = parameter["Description"].as_str().unwrap().trim_end();
        expected.push_str(&format!("| `{name}` | {default} | {description} |\n"));
    }
    assert_eq!(table, expected);
}

/// Collects the keys of a log line. Span fields have their CloudWatch names.
fn keys(line: &Value, found: &mut BTreeSet<String>) {
    for (key, value) in line.as_object().unwrap() {
        match (key.as_str(), value.as_object()) {
            ("span", Some(span)) => found.extend(span.keys().map(|key| format!("span.{key}"))),
            _ => {
                found.insert(key.clone());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_name_existing_log_fields() {
    let stack = Stack::start().await;
    let create_org = stack.function("create-org").await;
    assert_eq!(create(&create_org).await.0, 201);
    logs(&create_org, "\"answered\"").await;
    let unreachable = [
        (
            "MONGODB_URI",
            "mongodb://127.0.0.1:1/?directConnection=true",
        ),
        ("MONGODB_URI_SECRET_ID", ""),
    ];
    let login = stack
        .function_with("admin-login", &unreachable)
        .await
        .unwrap();
    assert_eq!(log_in(&login).await.0, 503);
    logs(&login, "\"answered\"").await;
    let mut known = BTreeSet::from(["@timestamp".to_owned()]);
    let (_, stage) = of_type("AWS::ApiGatewayV2::Stage").next().unwrap();
    let access_log = stage["Properties"]["AccessLogSettings"]["Format"].as_str();
    keys(
        &serde_json::from_str(access_log.unwrap()).unwrap(),
        &mut known,
    );
    for output in [create_org.output(), login.output()] {
        let lines = output
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines.for_each(|line| keys(&line, &mut known));
    }
    let text = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, queries) = text.split_once("### Queries\n").unwrap();
    let (queries, _) = queries.split_once("\n## ").unwrap();
    let queries: Vec<&str> = queries.split("```").skip(1).step_by(2).collect();
    assert_eq!(queries.len(), 5);
    for query in queries {
        for name in queried_fields(query) {
            assert!(
                known.contains(&name),
                "{name} is not a logged field: {query}\n{known:?}"
            );
        }
    }
}

/// The fields that a query reads, without commands, functions, string literals and aliases.
fn queried_fields(query: &str) -> BTreeSet<String> {
    const WORDS: [&str; 11] = [
        "fields", "filter", "sort", "stats", "by", "and", "or", "as", "desc", "pct", "in",
    ];
    const OWN: [&str; 7] = ["responses", "requests", "p50", "p99", "count", "bin", "5m"];
    let without_texts: String = query.split('"').step_by(2).collect();
    let is_part = |letter: char| letter.is_alphanumeric() || "_.@".contains(letter);
    let words = without_texts.split(|letter: char| !is_part(letter));
    words
        .filter(|word| !word.is_empty() && word.parse::<u32>().is_err())
        .filter(|word| !WORDS.contains(word) && !OWN.contains(word))
        .map(str::to_owned)
        .collect()
}
