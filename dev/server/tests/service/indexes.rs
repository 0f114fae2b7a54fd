//! F27: the queries of every route and of the purge use an index, according to MongoDB's profiler.

use std::collections::BTreeSet;

use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::delete_organization::end_grace;
use crate::documents::openapi_routes;
use testkit::{PASSWORD, TestService, all};

const EMAIL: &str = "a@example.com";
const NEW_PASSWORD: &str = "correct horse battery";

/// Calls every route that uses MongoDB. Returns their names.
async fn call_every_route(service: &TestService) -> BTreeSet<String> {
    let body = json!({"organization_name": "Acme", "email": EMAIL, "password": PASSWORD});
    let create = || service.request("POST", "/org/create").json(&body);
    for _ in 0..2 {
        let created = service.send(create().header("idempotency-key", "1")).await;
        assert_eq!(created.status, 201);
    }
    service.log_in(EMAIL, "wrong password").await;
    let first = service.session_of(EMAIL).await;
    let token = &first.access;
    let refreshed = service.refresh(&first.refresh).await;
    let second = refreshed.body["refresh_token"].as_str().unwrap();
    service.refresh(second).await;
    // Reuse of a replaced refresh token ends the session.
    service
        .refresh(&first.refresh)
        .await
        .problem(401, "invalid_token");
    let session = service.session_of(EMAIL).await;
    assert_eq!(service.show(&session.access).await.status, 200);
    assert_eq!(service.rename(&session.access, "Other").await.status, 200);
    let page = service
        .call("GET", "/org/audit?limit=1", &session.access, &Value::Null)
        .await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let admin = page.body["events"][0]["admin_id"].as_str().unwrap();
    for next in [
        format!("/org/audit?cursor={cursor}"),
        format!("/org/audit?admin_id={admin}"),
        format!("/org/audit?admin_id={admin}&cursor={cursor}"),
    ] {
        let page = service.call("GET", &next, &session.access, &Value::Null);
        assert_eq!(page.await.status, 200, "{next}");
    }
    let profile = json!({"name": "Akshay Kumar", "locale": "en"});
    for (method, body) in [("PATCH", &profile), ("GET", &Value::Null)] {
        let admin = service.call(method, "/admin", &session.access, body);
        assert_eq!(admin.await.status, 200);
    }
    recover(service, &session.access).await;
    end_each_session(service, &session.access, 3).await;
    let session = service.session_of(EMAIL).await;
    assert_eq!(
        service
            .change_password(&session.access, PASSWORD, NEW_PASSWORD)
            .await
            .status,
        204
    );
    assert_eq!(service.log_out(&session.access).await.status, 204);
    service.show(token).await.problem(401, "invalid_token");
    let log_in = async || testkit::Tokens::of(&service.log_in(EMAIL, NEW_PASSWORD).await);
    let everywhere = "/admin/logout?everywhere=true";
    assert_eq!(
        service
            .call("POST", everywhere, &log_in().await.access, &Value::Null)
            .await
            .status,
        204
    );
    for _ in 0..2 {
        assert_eq!(
            service
                .delete(&log_in().await.access, NEW_PASSWORD)
                .await
                .status,
            200
        );
        assert_eq!(service.restore(EMAIL, NEW_PASSWORD).await.status, 200);
    }
    assert_eq!(
        service
            .delete(&log_in().await.access, NEW_PASSWORD)
            .await
            .status,
        200
    );
    assert_eq!(service.get("/health").await.status, 200);
    let called = [
        "POST /org/create",
        "POST /org/restore",
        "GET /org",
        "PATCH /org",
        "DELETE /org",
        "GET /org/audit",
        "POST /admin/login",
        "POST /admin/refresh",
        "POST /admin/logout",
        "GET /admin",
        "POST /admin/email",
        "POST /admin/email/verify",
        "POST /admin/email/undo",
        "POST /admin/password/forgot",
        "POST /admin/password/reset",
        "PATCH /admin",
        "GET /admin/sessions",
        "DELETE /admin/sessions/{id}",
        "POST /admin/password",
        "GET /health",
    ];
    called.map(str::to_owned).into()
}

/// Calls the routes that mail links, and those that take their tokens.
async fn recover(service: &TestService, token: &str) {
    assert_eq!(service.forgot_password(EMAIL).await.status, 202);
    let requested = service.request_email(token, EMAIL, PASSWORD).await;
    assert_eq!(requested.status, 202);
    for mail in service.sent_mails().await {
        let token = mail.token();
        let link = mail.link();
        if link.contains("verify-email") {
            assert_eq!(service.verify_email(&token, PASSWORD).await.status, 200);
        }
        let refused = service.undo_email_change(&token, NEW_PASSWORD).await;
        refused.problem(400, "invalid_one_time_token");
        let refused = service.reset_password(&token, "short").await;
        assert!(refused.status.is_client_error());
    }
}

/// Logs in some more times, lists the sessions page by page, and ends them.
async fn end_each_session(service: &TestService, token: &str, more: usize) {
    for _ in 0..more {
        service.session_of(EMAIL).await;
    }
    let mut cursor = String::new();
    let mut ids = Vec::new();
    loop {
        let path = format!("/admin/sessions?limit=1{cursor}");
        let page = service.call("GET", &path, token, &Value::Null).await;
        ids.push(page.body["sessions"][0]["id"].as_str().unwrap().to_owned());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(ids.len(), more + 1);
    for id in ids {
        let path = format!("/admin/sessions/{id}");
        let ended = service.call("DELETE", &path, token, &Value::Null).await;
        assert_eq!(ended.status, 204);
    }
}

/// The recorded queries that scan a whole collection, or sort what they found.
async fn slow_queries(service: &TestService) -> Vec<String> {
    let recorded = all(service.master().collection("system.profile")).await;
    assert!(
        recorded.len() > 50,
        "the profiler recorded {} commands",
        recorded.len()
    );
    let is_slow = |entry: &Document| {
        let plan = entry.get_str("planSummary").unwrap_or_default();
        let sorts = entry.get_bool("hasSortStage").unwrap_or_default();
        (sorts || plan.contains("COLLSCAN"))
            && !entry.get_str("ns").unwrap().ends_with("system.profile")
    };
    let name = |entry: &Document| {
        let command = entry.get_document("command").unwrap();
        format!("{} {command}", entry.get_str("ns").unwrap())
    };
    recorded
        .iter()
        .filter(|entry| is_slow(entry))
        .map(name)
        .collect()
}

#[tokio::test]
async fn f27_every_query_of_every_route_and_of_the_purge_has_an_index() {
    let service = TestService::start_with(testkit::WITH_MAIL).await;
    let master = service.master();
    master.run_command(doc! { "profile": 2 }).await.unwrap();
    let called = call_every_route(&service).await;
    end_grace(&service);
    // The second run removes collections created by late writes.
    for purged in [1, 0] {
        assert_eq!(service.purge().await.unwrap().purged, purged);
    }
    master.run_command(doc! { "profile": 0 }).await.unwrap();
    assert_eq!(slow_queries(&service).await, [""; 0]);
    let document = service.get("/openapi.json").await.body;
    let routes = openapi_routes(&document);
    assert_eq!(
        called, routes,
        "the routes that this test calls differ from the routes that use MongoDB"
    );
}
