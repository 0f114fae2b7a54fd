//! The relay: what happens to mails if their transport fails, against a real SMTP server.

use std::time::Duration;

use futures_util::future::join;
use mongodb::bson::{DateTime, Document, doc};
use testkit::{SmtpServer, TestService, WITH_MAIL, all};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Creates an organization whose admin has this address, and requests a link for it.
async fn request_link(service: &TestService, email: &str) {
    let name = format!("Organization of {email}");
    assert_eq!(service.create(&name, email).await.status, 201);
    assert_eq!(service.forgot_password(email).await.status, 202);
}

async fn outbox(service: &TestService) -> Vec<Document> {
    all(service.master().collection("outbox")).await
}

fn recipients(server: &SmtpServer) -> Vec<String> {
    let received = server.received();
    let mut to: Vec<_> = received
        .iter()
        .map(|mail| mail.header("To").to_owned())
        .collect();
    to.sort();
    to
}

/// The reports of a run: sent, failed, given up.
async fn run(service: &TestService, url: &str) -> [u64; 3] {
    let report = service.relay_by_smtp(url).await;
    [report.sent, report.failed, report.given_up]
}

#[tokio::test]
async fn a_mail_arrives_by_smtp_with_a_link_that_works() {
    let service = TestService::start_with(WITH_MAIL).await;
    let server = SmtpServer::start().await;
    request_link(&service, "admin@example.com").await;
    assert_eq!(run(&service, &server.url()).await, [1, 0, 0]);
    assert_eq!(run(&service, &server.url()).await, [0, 0, 0]);
    let received = server.received();
    assert_eq!(received.len(), 1);
    let token = received[0].token();
    let reset = service
        .reset_password(&token, "correct horse battery staple")
        .await;
    assert_eq!(reset.status, 204);
}

#[tokio::test]
async fn no_mail_waits_for_another() {
    let service = TestService::start_with(WITH_MAIL).await;
    let server = SmtpServer::start().await;
    for name in ["refused", "later", "cut", "first", "second"] {
        request_link(&service, &format!("{name}@example.com")).await;
    }
    assert_eq!(run(&service, &server.url()).await, [2, 2, 1]);
    let to = recipients(&server);
    assert_eq!(
        to,
        ["cut@example.com", "first@example.com", "second@example.com"]
    );
    // A refused mail is kept for the operator, and not tried again.
    let stored = outbox(&service).await;
    let given_up: Vec<_> = stored
        .iter()
        .filter(|one| one.get("next_attempt_at").is_none())
        .collect();
    assert_eq!(given_up.len(), 1);
    assert!(given_up[0].get_str("last_error").unwrap().contains("550"));
    // Not before its time.
    assert_eq!(run(&service, &server.url()).await, [0, 0, 0]);
    service.advance_clock(Duration::from_secs(15));
    assert_eq!(run(&service, &server.url()).await, [0, 2, 0]);
    // The server kept the message before it cut the connection, so it arrived twice, with one id.
    let received = server.received();
    let cut = received
        .iter()
        .filter(|mail| mail.header("To") == "cut@example.com");
    let ids: Vec<_> = cut.map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_mail_is_tried_until_its_link_ends() {
    let service = TestService::start_with(WITH_MAIL).await;
    request_link(&service, "admin@example.com").await;
    // Nobody listens there.
    let nowhere = "smtp://127.0.0.1:9";
    assert_eq!(run(&service, nowhere).await, [0, 1, 0]);
    let mut attempts = 1;
    for _ in 0..60 {
        service.advance_clock(Duration::from_secs(60));
        let [sent, failed, given_up] = run(&service, nowhere).await;
        assert_eq!(sent, 0);
        attempts += failed + given_up;
        if given_up == 1 {
            break;
        }
    }
    assert_eq!(
        attempts, 7,
        "after 0, 15, 45, 105, 225, 465 and 945 seconds"
    );
    let stored = outbox(&service).await;
    assert_eq!(stored[0].get_i32("attempts").unwrap(), 7);
    let server = SmtpServer::start().await;
    assert_eq!(run(&service, &server.url()).await, [0, 0, 0]);
}

#[tokio::test]
async fn a_mail_leaves_once_the_server_is_back() {
    let service = TestService::start_with(WITH_MAIL).await;
    request_link(&service, "admin@example.com").await;
    assert_eq!(run(&service, "smtp://127.0.0.1:9").await, [0, 1, 0]);
    let server = SmtpServer::start().await;
    service.advance_clock(Duration::from_secs(15));
    assert_eq!(run(&service, &server.url()).await, [1, 0, 0]);
    assert_eq!(outbox(&service).await.len(), 0);
}

#[tokio::test]
async fn a_wrong_login_is_the_operators_to_mend_and_loses_no_mail() {
    let service = TestService::start_with(WITH_MAIL).await;
    let server = SmtpServer::start_with(Some("acme:secret")).await;
    request_link(&service, "admin@example.com").await;
    assert_eq!(
        run(&service, &server.url_with("acme:wrong@")).await,
        [0, 1, 0]
    );
    service.advance_clock(Duration::from_secs(15));
    assert_eq!(
        run(&service, &server.url_with("acme:secret@")).await,
        [1, 0, 0]
    );
}

#[tokio::test]
async fn two_runs_at_a_time_send_a_mail_once() {
    let service = TestService::start_with(WITH_MAIL).await;
    let server = SmtpServer::start().await;
    for number in 0..8 {
        request_link(&service, &format!("a{number}@example.com")).await;
    }
    let url = server.url();
    let (one, other) = join(run(&service, &url), run(&service, &url)).await;
    assert_eq!(one[0] + other[0], 8);
    assert_eq!(server.received().len(), 8);
}

#[tokio::test]
async fn a_run_that_was_killed_blocks_the_next_for_a_minute() {
    let service = TestService::start_with(WITH_MAIL).await;
    let server = SmtpServer::start().await;
    request_link(&service, "admin@example.com").await;
    let now = DateTime::now().timestamp_millis();
    let held = doc! { "_id": "relay", "expires_at": DateTime::from_millis(now + 60_000) };
    let leases = service.master().collection::<Document>("leases");
    leases.insert_one(held).await.unwrap();
    assert_eq!(run(&service, &server.url()).await, [0, 0, 0]);
    service.advance_clock(Duration::from_secs(61));
    assert_eq!(run(&service, &server.url()).await, [1, 0, 0]);
}

#[tokio::test]
async fn a_link_that_became_void_is_not_mailed() {
    let service = TestService::start_with(WITH_MAIL).await;
    let server = SmtpServer::start().await;
    request_link(&service, "admin@example.com").await;
    let token = service.token_of("admin@example.com").await;
    let changed =
        service.change_password(&token, testkit::PASSWORD, "correct horse battery staple");
    assert_eq!(changed.await.status, 204);
    assert_eq!(run(&service, &server.url()).await, [0, 0, 0]);
    assert_eq!(outbox(&service).await.len(), 0);
}

/// Resets leave before notices.
#[tokio::test]
async fn links_leave_before_notices() {
    let service = TestService::start_with(WITH_MAIL).await;
    let server = SmtpServer::start().await;
    request_link(&service, "admin@example.com").await;
    let due = doc! { "next_attempt_at": DateTime::now() };
    let notice = doc! {
        "mail": { "to": "other@example.com", "locale": null, "content": { "template": "password_changed" } },
        "priority": 1, "attempts": 0, "created_at": DateTime::now(),
        "give_up_at": DateTime::from_millis(i64::MAX / 2), "expires_at": DateTime::from_millis(i64::MAX / 2),
    };
    let outbox = service.master().collection::<Document>("outbox");
    for _ in 0..2 {
        let mut notice = notice.clone();
        notice.extend(due.clone());
        outbox.insert_one(notice).await.unwrap();
    }
    assert_eq!(run(&service, &server.url()).await, [3, 0, 0]);
    assert_eq!(outbox.count_documents(doc! {}).await.unwrap(), 0);
}

/// The address and the name of an organization are a user's.
#[tokio::test]
async fn r4_names_and_addresses_change_no_header() {
    let service = TestService::start_with(WITH_MAIL).await;
    for email in [
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com, b@example.com",
        "Admin <a@example.com>",
        "\"a\\nb\"@example.com",
    ] {
        let refused = service.forgot_password(email).await;
        refused.problem(422, "validation_failed");
    }
    let name = "Acme\r\nBcc: b@example.com, \u{e4}";
    let created = service.create(name, "admin@example.com").await;
    assert_eq!(created.status, 201);
    let verified = doc! { "$set": { "email_verified_at": DateTime::now() } };
    service
        .admins()
        .update_one(doc! {}, verified)
        .await
        .unwrap();
    let token = service.token_of("admin@example.com").await;
    assert_eq!(service.delete(&token, testkit::PASSWORD).await.status, 200);
    let mails = service.sent_mails().await;
    assert_eq!(mails.len(), 1);
    let (head, _) = mails[0].0.split_once("\r\n\r\n").unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    assert_eq!(mails[0].header("To"), "admin@example.com");
    service.advance_clock(DAY);
    assert_eq!(outbox(&service).await.len(), 0);
}
