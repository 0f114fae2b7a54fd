//! The admin's own account: `/admin` and `/admin/sessions`.

use serde_json::{Value, json};

use crate::access_tokens::claims_of;
use crate::sessions::{assert_live, assert_revoked};
use testkit::{Owner, Response, TestService};

async fn change(service: &TestService, owner: &Owner, body: &Value) -> Response {
    owner.call(service, "PATCH", "/admin", body).await
}

async fn sessions(service: &TestService, owner: &Owner, query: &str) -> Response {
    let path = format!("/admin/sessions{query}");
    owner.call(service, "GET", &path, &Value::Null).await
}

fn ids(page: &Response) -> Vec<&str> {
    let sessions = page.body["sessions"].as_array().unwrap();
    let id = |session: &'_ Value| session["id"].as_str().map(ToOwned::to_owned);
    assert!(sessions.iter().all(|session| id(session).is_some()));
    sessions
        .iter()
        .filter_map(|session| session["id"].as_str())
        .collect()
}

#[tokio::test]
async fn a_profile_changes_field_by_field() {
    let (service, owner) = TestService::start_with_owner().await;
    let steps = [
        (
            json!({"name": "Akshay Kumar"}),
            json!("Akshay Kumar"),
            Value::Null,
        ),
        (
            json!({"locale": "PT-br"}),
            json!("Akshay Kumar"),
            json!("pt-BR"),
        ),
        (json!({"name": null}), Value::Null, json!("pt-BR")),
        (
            json!({"name": " 阿 ", "locale": null}),
            json!("阿"),
            Value::Null,
        ),
    ];
    for (body, name, locale) in steps {
        let changed = change(&service, &owner, &body).await;
        let shown = owner.call(&service, "GET", "/admin", &Value::Null).await;
        assert_eq!(changed.body, shown.body, "{body}");
        assert_eq!(
            [&shown.body["name"], &shown.body["locale"]],
            [&name, &locale],
            "{body}"
        );
    }
    let trail = service.trail(&owner.tokens.access).await;
    let changes = trail.iter().filter(|action| *action == "profile_changed");
    assert_eq!(changes.count(), 4);
}

#[tokio::test]
async fn invalid_profiles_change_nothing() {
    let (service, owner) = TestService::start_with_owner().await;
    for (body, code) in [
        (json!({"name": ""}), "too_short"),
        (json!({"name": "x".repeat(101)}), "too_long"),
        (json!({"name": "a\u{202e}b"}), "invisible_character"),
        (
            json!({"name": "a\r\nBcc: b@example.com"}),
            "control_character",
        ),
        (
            json!({"name": "Akshay", "locale": "english"}),
            "invalid_locale",
        ),
    ] {
        let refused = change(&service, &owner, &body).await;
        if code == "control_character" {
            // White space is folded, a line break included.
            assert_eq!(refused.body["name"], "a Bcc: b@example.com");
            continue;
        }
        refused.problem(422, "validation_failed");
        assert_eq!(refused.body["errors"][0]["code"], code, "{body}");
    }
    for body in [
        json!({}),
        json!({"email": "x@example.com"}),
        json!({"name": 1}),
        json!({"name": {"$gt": ""}}),
    ] {
        change(&service, &owner, &body)
            .await
            .problem(400, "malformed_request");
    }
    let locale = owner.call(&service, "GET", "/admin", &Value::Null).await;
    assert_eq!(locale.body["locale"], Value::Null);
}

#[tokio::test]
async fn an_admin_sees_and_ends_sessions_of_all_organizations() {
    let (service, owner) = TestService::start_with_owner().await;
    let second = service.session_of(&owner.email).await;
    let other = service.owner("Other").await;
    let page = sessions(&service, &owner, "").await;
    let session = |token: &str| claims_of(token)["sid"].as_str().unwrap().to_owned();
    let own = [session(&second.access), session(&owner.tokens.access)];
    assert_eq!(ids(&page), own);
    let current = |number: usize| &page.body["sessions"][number]["current"];
    assert_eq!([current(0), current(1)], [&json!(false), &json!(true)]);

    let end = |id: String| {
        let path = format!("/admin/sessions/{id}");
        let (service, owner) = (&service, &owner);
        async move { owner.call(service, "DELETE", &path, &Value::Null).await }
    };
    for id in [
        session(&other.tokens.access),
        "x".to_owned(),
        "../org".to_owned(),
    ] {
        assert_eq!(end(id).await.status, 404);
    }
    assert_live(&service, &other.tokens).await;
    let [ended, own] = own;
    assert_eq!(end(ended.clone()).await.status, 204);
    assert_revoked(&service, &second).await;
    end(ended.clone()).await.problem(404, "session_not_found");
    let trail = owner
        .call(&service, "GET", "/org/audit?limit=1", &Value::Null)
        .await;
    let event = &trail.body["events"][0];
    assert_eq!(event["details"], json!({"reason": "revoked"}));
    assert_eq!(
        [&event["session_id"], &event["sessions_ended"]],
        [&json!(ended), &json!(1)]
    );
    assert_eq!(end(own).await.status, 204);
    assert_revoked(&service, &owner.tokens).await;
}

#[tokio::test]
async fn sessions_are_listed_page_by_page() {
    let (service, owner) = TestService::start_with_owner().await;
    for _ in 0..4 {
        service.session_of(&owner.email).await;
    }
    let all = sessions(&service, &owner, "").await;
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = sessions(&service, &owner, &query).await;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        match page.body["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ids(&all));
    assert_eq!(seen.len(), 5);
    for query in ["?cursor=x", "?cursor=AAAA", "?page=2"] {
        let refused = sessions(&service, &owner, query).await;
        refused.problem(400, "malformed_request");
    }
    for query in ["?limit=0", "?limit=101", "?limit=-1"] {
        let refused = sessions(&service, &owner, query).await;
        refused.problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn sessions_that_ended_are_not_listed() {
    let (service, owner) = TestService::start_with_owner().await;
    let other = service.owner("Other").await;
    service
        .join(&owner.email, &other.organization_id, "member")
        .await;
    let logged_out = service.session_of(&owner.email).await;
    service.log_out(&logged_out.access).await;
    let before = sessions(&service, &owner, "").await;
    assert_eq!(ids(&before).len(), 1);
    let admin = owner.call(&service, "GET", "/admin", &Value::Null).await;
    let organizations = admin.body["organizations"].as_array().unwrap();
    let roles: Vec<_> = organizations.iter().map(|own| &own["role"]).collect();
    assert_eq!(roles, [&json!("owner"), &json!("member")]);
    other.delete(&service).await;
    let admin = owner.call(&service, "GET", "/admin", &Value::Null).await;
    let open = |number: usize| admin.body["organizations"][number]["open"].clone();
    assert_eq!([open(0), open(1)], [json!(true), json!(false)]);
    let everywhere = "/admin/logout?everywhere=true";
    owner.call(&service, "POST", everywhere, &Value::Null).await;
    let again = service.session_of(&owner.email).await;
    let page = service
        .call("GET", "/admin/sessions", &again.access, &Value::Null)
        .await;
    assert_eq!(ids(&page).len(), 1);
}

#[tokio::test]
async fn a_user_agent_is_stored_up_to_200_characters() {
    let (service, owner) = TestService::start_with_owner().await;
    let body = json!({"email": owner.email, "password": testkit::PASSWORD});
    let login = service.request("POST", "/admin/login").json(&body);
    let long = "x".repeat(5000);
    service.send(login.header("user-agent", long)).await;
    let page = sessions(&service, &owner, "?limit=1").await;
    let stored = &page.body["sessions"][0];
    assert_eq!(stored["user_agent"].as_str().unwrap().len(), 200);
    assert_eq!(stored["address"], "127.0.0.1");
}
