//! The path of a route, without the stage name or the mapping key of a custom domain that may precede it.
//!
//! See <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

/// The suffix of `raw_path` that `route_key` (`POST /org/create`) matched. If the key has no path (`$default`), the
/// path without the stage.
pub(super) fn path_of_route<'p>(
    route_key: &str,
    stage: Option<&str>,
    raw_path: &'p str,
) -> &'p str {
    match route_key.split_once(' ') {
        // Only the root matches this key, whatever precedes it.
        Some((_, "/")) => "/",
        Some((_, template)) => matched_end(template, raw_path).unwrap_or(raw_path),
        None => without_stage(stage, raw_path),
    }
}

/// The last segments of `path`, if they match `template`.
fn matched_end<'p>(template: &str, path: &'p str) -> Option<&'p str> {
    let expected = template.split('/').skip(1);
    let slashes: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
    let first = slashes.len().checked_sub(expected.clone().count())?;
    let end = path.get(*slashes.get(first)?..)?;
    let given = end.split('/').skip(1);
    let matches = |(expected, given): (&str, &str)| is_parameter(expected) || expected == given;
    expected.zip(given).all(matches).then_some(end)
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

fn without_stage<'p>(stage: Option<&str>, path: &'p str) -> &'p str {
    let rest = stage
        .filter(|stage| *stage != "$default")
        .and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    match rest {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stage_and_mapping_key_are_removed() {
        for (route_key, stage, raw_path, path) in [
            ("POST /org/create", "$default", "/org/create", "/org/create"),
            ("GET /", "$default", "/", "/"),
            ("GET /", "prod", "/prod", "/"),
            ("GET /", "prod", "/v1/", "/"),
            (
                "POST /org/create",
                "prod",
                "/prod/org/create",
                "/org/create",
            ),
            // A custom domain that is mapped to the stage, with and without a key.
            ("POST /org/create", "prod", "/org/create", "/org/create"),
            (
                "POST /org/create",
                "prod",
                "/v1/tenants/org/create",
                "/org/create",
            ),
            (
                "GET /docs/{file}",
                "$default",
                "/docs/docs/index.css",
                "/docs/index.css",
            ),
            ("GET /org", "org", "/org/org", "/org"),
            ("$default", "prod", "/prod/nothing", "/nothing"),
            ("$default", "prod", "/prod", "/"),
            ("$default", "prod", "/production/x", "/production/x"),
            ("$default", "$default", "/nothing", "/nothing"),
            ("GET /org", "$default", "/elsewhere", "/elsewhere"),
            ("GET /docs/{file}", "$default", "/x", "/x"),
        ] {
            assert_eq!(
                path_of_route(route_key, Some(stage), raw_path),
                path,
                "{raw_path}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_path_is_a_suffix_of_the_raw_path(
            route_key in "(GET )?[/a-c{}]{0,12}",
            stage in "[$a-c]{0,3}",
            raw_path in "[/a-cé]{0,12}",
        ) {
            let path = path_of_route(&route_key, Some(&stage), &raw_path);
            prop_assert!(raw_path.ends_with(path) || path == "/");
        }
    }
}
