//! The audit trail: recorded events, access and pagination.

use std::collections::BTreeSet;

use mongodb::bson::doc;
use serde_json::{Value, json};

use testkit::{PASSWORD, Response, TestService, Tokens};

const EMAIL: &str = "admin@example.com";

async fn read(service: &TestService, token: &str, query: &str) -> Response {
    let path = format!("/org/audit?{query}");
    service.call("GET", &path, token, &Value::Null).await
}

fn events(page: &Response) -> Vec<Value> {
    assert_eq!(page.status, 200, "{page:?}");
    page.body["events"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_action_is_recorded_with_admin_session_and_address() {
    let service = TestService::start().await;
    let created = service.create("Akshay Pvt Ltd", EMAIL).await;
    service.log_in(EMAIL, "wrong password").await;
    let first = service.session_of(EMAIL).await;
    service.rename(&first.access, "Akshay").await;
    let changed = "correct horse battery staple";
    service
        .change_password(&first.access, PASSWORD, changed)
        .await;
    service.log_out(&first.access).await;
    let second = Tokens::of(&service.log_in(EMAIL, changed).await);
    service.delete(&second.access, changed).await;
    service.restore(EMAIL, changed).await;
    let third = Tokens::of(&service.log_in(EMAIL, changed).await);
    let trail = events(&read(&service, &third.access, "").await);
    let story: Vec<_> = trail
        .iter()
        .rev()
        .map(|event| (event["action"].as_str().unwrap(), event["details"].clone()))
        .collect();
    let names = json!({"from": "Akshay Pvt Ltd", "to": "Akshay"});
    assert_eq!(
        story,
        [
            (
                "organization_created",
                json!({"organization_name": "Akshay Pvt Ltd"})
            ),
            ("login_refused", Value::Null),
            ("login", Value::Null),
            ("organization_renamed", names),
            ("password_changed", Value::Null),
            ("session_ended", json!({"reason": "logout"})),
            ("login", Value::Null),
            ("organization_deleted", Value::Null),
            ("organization_restored", Value::Null),
            ("login", Value::Null),
        ]
    );
    let admin = service.admins().find_one(doc! {}).await.unwrap().unwrap();
    let admin = admin.get_object_id("_id").unwrap().to_hex();
    for event in &trail {
        assert_eq!(event["admin_id"], admin, "{event}");
        assert_eq!(event["address"], "127.0.0.1");
        assert!(event["at"].as_str().unwrap().starts_with("20"));
        let in_session = ![
            "organization_created",
            "login_refused",
            "organization_restored",
        ]
        .contains(&event["action"].as_str().unwrap());
        assert_eq!(event["session_id"].is_string(), in_session, "{event}");
    }
    let id = created.body["id"].as_str().unwrap();
    assert!(
        !format!("{trail:?}").contains(id),
        "the audit trail repeats the organization's id: {trail:?}"
    );
}

#[tokio::test]
async fn actions_that_end_sessions_record_count_and_reason() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", EMAIL).await;
    service.create("Other", "other@example.com").await;
    service.session_of("other@example.com").await;
    let sessions = async |number| {
        let mut tokens = service.session_of(EMAIL).await;
        for _ in 1..number {
            tokens = service.session_of(EMAIL).await;
        }
        tokens
    };
    let one = sessions(1).await;
    service.log_out(&one.access).await;
    let old = sessions(1).await;
    let second = Tokens::of(&service.refresh(&old.refresh).await);
    Tokens::of(&service.refresh(&second.refresh).await);
    service
        .refresh(&old.refresh)
        .await
        .problem(401, "invalid_token");
    let last = sessions(3).await;
    let everywhere = "/admin/logout?everywhere=true";
    service
        .call("POST", everywhere, &last.access, &Value::Null)
        .await;
    // With only one session, a password change ends no other session.
    let own = sessions(4).await;
    let changed = "correct horse battery staple";
    service
        .change_password(&own.access, PASSWORD, changed)
        .await;
    service
        .change_password(&own.access, changed, PASSWORD)
        .await;
    sessions(1).await;
    service.delete(&own.access, PASSWORD).await;
    service.restore(EMAIL, PASSWORD).await;
    let trail = events(&read(&service, &service.token_of(EMAIL).await, "").await);
    let ended = trail
        .iter()
        .rev()
        .filter(|event| !event["sessions_ended"].is_null());
    let ended: Vec<_> = ended
        .map(|event| {
            let (action, reason) = (&event["action"], &event["details"]["reason"]);
            assert!(event["session_id"].is_string());
            let number = event["sessions_ended"].as_i64().unwrap();
            (action.as_str().unwrap(), reason.as_str(), number)
        })
        .collect();
    assert_eq!(
        ended,
        [
            ("session_ended", Some("logout"), 1),
            ("session_ended", Some("refresh_token_reused"), 1),
            ("session_ended", Some("logout_everywhere"), 3),
            ("password_changed", None, 3),
            ("password_changed", None, 0),
            ("organization_deleted", None, 2),
        ]
    );
}

#[tokio::test]
async fn a_session_that_is_ended_twice_at_once_is_counted_once() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", EMAIL).await;
    let everywhere = "/admin/logout?everywhere=true";
    for _ in 0..12 {
        let (one, other) = tokio::join!(service.session_of(EMAIL), service.session_of(EMAIL));
        let (all, _) = tokio::join!(
            service.call("POST", everywhere, &one.access, &Value::Null),
            service.log_out(&other.access),
        );
        assert_eq!(all.status, 204);
    }
    let trail = events(&read(&service, &service.token_of(EMAIL).await, "limit=100").await);
    let ended = trail
        .iter()
        .filter_map(|event| event["sessions_ended"].as_i64());
    assert_eq!(ended.sum::<i64>(), 24);
}

#[tokio::test]
async fn failed_actions_are_not_recorded() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", EMAIL).await;
    service.create("Other", "other@example.com").await;
    let token = service.token_of(EMAIL).await;
    service
        .rename(&token, "other")
        .await
        .problem(409, "organization_name_taken");
    service
        .rename(&token, "x")
        .await
        .problem(422, "validation_failed");
    service
        .create("OTHER", "third@example.com")
        .await
        .problem(409, "organization_name_taken");
    assert_eq!(service.restore(EMAIL, PASSWORD).await.status, 200);
    // Nothing was restored. The correct password is recorded as a login.
    assert_eq!(
        service.trail(&token).await,
        ["login", "login", "organization_created"]
    );
}

#[tokio::test]
async fn pages_contain_every_event_once() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", EMAIL).await;
    let token = service.token_of(EMAIL).await;
    for number in 0..21 {
        service.rename(&token, &format!("Name {number}")).await;
    }
    // Events with equal timestamps: the order must not depend on the clock alone.
    let one = doc! { "$set": { "at": mongodb::bson::DateTime::now() } };
    service
        .audit_events()
        .update_many(doc! {}, one)
        .await
        .unwrap();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = read(&service, &token, &format!("limit=4{cursor}")).await;
        seen.extend(
            events(&page)
                .iter()
                .map(|event| event["id"].as_str().unwrap().to_owned()),
        );
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 23);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 23);
    let exact = read(&service, &token, "limit=23").await;
    assert_eq!(
        (events(&exact).len(), &exact.body["next_cursor"]),
        (23, &Value::Null)
    );
}

#[tokio::test]
async fn a_page_has_one_to_a_hundred_events() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", EMAIL).await;
    let token = service.token_of(EMAIL).await;
    for limit in ["0", "101", "-1", "9223372036854775807"] {
        let response = read(&service, &token, &format!("limit={limit}")).await;
        let errors = response.problem(422, "validation_failed");
        assert_eq!(errors, [("limit".to_owned(), "out_of_range".to_owned())]);
    }
    for query in [
        "limit=",
        "limit=ten",
        "limit=1.5",
        "limit=1&limit=2",
        "page=1",
        "limit=99999999999999999999",
    ] {
        read(&service, &token, query)
            .await
            .problem(400, "malformed_request");
    }
    for query in ["", "limit=1", "limit=100"] {
        assert_eq!(read(&service, &token, query).await.status, 200);
    }
}

#[tokio::test]
async fn a_cursor_that_was_tampered_with_is_refused() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", EMAIL).await;
    service.create("Other", "other@example.com").await;
    let token = service.token_of(EMAIL).await;
    let page = read(&service, &token, "limit=1").await;
    let cursor = page.body["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(
        events(&read(&service, &token, &format!("cursor={cursor}")).await).len(),
        1
    );
    for position in [0, 7, 20, 30, 47] {
        let mut changed = cursor.clone();
        let letter = if &cursor[position..=position] == "A" {
            "B"
        } else {
            "A"
        };
        changed.replace_range(position..=position, letter);
        read(&service, &token, &format!("cursor={changed}"))
            .await
            .problem(400, "malformed_request");
    }
    for made_up in [
        "",
        "x",
        "%00",
        "%F0%9F%92%A5",
        "6744a1f0c3b2a1908f7e6d5c",
        &cursor.repeat(100),
    ] {
        read(&service, &token, &format!("cursor={made_up}"))
            .await
            .problem(400, "malformed_request");
    }
    // A cursor is valid only for its own organization.
    let other = service.token_of("other@example.com").await;
    read(&service, &other, &format!("cursor={cursor}"))
        .await
        .problem(400, "malformed_request");
}

#[tokio::test]
async fn a_refused_login_with_an_unknown_email_is_in_no_trail() {
    let service = TestService::start().await;
    service.create("Akshay Pvt Ltd", EMAIL).await;
    service
        .log_in("nobody@example.com", PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    let token = service.token_of(EMAIL).await;
    assert_eq!(
        service.trail(&token).await,
        ["login", "organization_created"]
    );
    // The event is still recorded, for a day, so that the response time equals that for a known email.
    let unknown_email = doc! { "organization_id": null, "action": "login_refused" };
    assert_eq!(
        service
            .audit_events()
            .count_documents(unknown_email)
            .await
            .unwrap(),
        1
    );
}
