//! The pages that links in mails open, until the product has pages of its own.
//!
//! The token is behind `#`, which the browser does not send. Opening a page consumes nothing: its script sends the token with
//! the form.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

const HTML: &str = include_str!("link_page.html");
const SCRIPT: &str = include_str!("link_pages.js");

/// Style within the page, the one script of this service, and calls to this service.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// What differs between the pages.
struct Page {
    path: &'static str,
    title: &'static str,
    text: &'static str,
    /// Relative, so that the page also works behind a stage's name or a mapping key.
    route: &'static str,
    done: &'static str,
    label: &'static str,
    field: &'static str,
    autocomplete: &'static str,
    button: &'static str,
}

const PAGES: [Page; 3] = [
    Page {
        path: "/reset-password",
        title: "Set a new password",
        text: "The new password ends all sessions.",
        route: "admin/password/reset",
        done: "The password is set. Log in with it.",
        label: "New password",
        field: "new_password",
        autocomplete: "new-password",
        button: "Set the password",
    },
    Page {
        path: "/verify-email",
        title: "Confirm your email",
        text: "Enter the password of your account.",
        route: "admin/email/verify",
        done: "The email is confirmed.",
        label: "Password",
        field: "password",
        autocomplete: "current-password",
        button: "Confirm",
    },
    Page {
        path: "/undo-email-change",
        title: "Restore your email",
        text: "Your earlier email is restored, with a new password. All sessions end.",
        route: "admin/email/undo",
        done: "The email is restored. Log in with it and the new password.",
        label: "New password",
        field: "new_password",
        autocomplete: "new-password",
        button: "Restore the email",
    },
];

pub fn router() -> OpenApiRouter {
    let script = OpenApiRouter::new().route("/link-pages.js", get(script));
    PAGES.iter().fold(script, |router, page| {
        router.route(page.path, get(async || respond(page)))
    })
}

fn respond(page: &Page) -> impl IntoResponse + use<> {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ];
    let places = [
        ("{title}", page.title),
        ("{text}", page.text),
        ("{route}", page.route),
        ("{done}", page.done),
        ("{label}", page.label),
        ("{field}", page.field),
        ("{autocomplete}", page.autocomplete),
        ("{button}", page.button),
    ];
    let fill = |html: String, (place, text): &(&str, &str)| html.replace(place, text);
    (headers, places.iter().fold(HTML.to_owned(), fill))
}

async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT)
}
