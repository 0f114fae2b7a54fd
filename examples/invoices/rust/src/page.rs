//! The page. Everybody may read its files: they have no data.

use organization_service::product::axum::Router;
use organization_service::product::axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
};
use organization_service::product::axum::response::Redirect;
use organization_service::product::axum::routing::get;

const HTML: &str = include_str!("../../python/page/index.html");
const CSS: &str = include_str!("../../python/page/page.css");
const SCRIPT: &str = include_str!("../../python/page/page.js");

/// The page below a path such as `/erp` or none. Its links are relative to its folder.
pub fn routes(base_path: &str) -> Router {
    // URL of the service, where the page signs in. Empty if both have one domain.
    let service = std::env::var("SERVICE_URL").unwrap_or_default();
    let html = HTML.replace(
        "data-service-url=\"\"",
        &format!("data-service-url=\"{}\"", service.replace('"', "%22")),
    );
    let folder = format!("{base_path}/");
    let mut routes = Router::new();
    for (name, media_type, text) in [
        ("", "text/html", html),
        ("page.css", "text/css", CSS.to_owned()),
        ("page.js", "text/javascript", SCRIPT.to_owned()),
    ] {
        let headers = headers(media_type, &service);
        let file = get(async move || (headers, text));
        routes = routes.route(&format!("{folder}{name}"), file);
    }
    match base_path {
        "" => routes,
        path => routes.route(path, get(async move || Redirect::permanent(&folder))),
    }
}

fn headers(media_type: &str, service: &str) -> [(HeaderName, String); 2] {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {service}; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    );
    [
        (CONTENT_TYPE, format!("{media_type}; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy),
    ]
}
