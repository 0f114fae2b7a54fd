//! Limits on login attempts and on calls per address, enforced before a password is hashed.

use std::time::{Duration, Instant};

use mongodb::Collection;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::documents::{invoke, root};
use testkit::{PASSWORD, Response, TestService};

const EMAIL: &str = "admin@example.com";

async fn service_with_admin(settings: &[(&str, &str)]) -> TestService {
    let service = TestService::start_with(settings).await;
    assert_eq!(service.create("Akshay Pvt Ltd", EMAIL).await.status, 201);
    service
}

/// Asserts that the response is 429. Returns its `Retry-After` in seconds.
fn retry_after(response: &Response) -> u64 {
    response.problem(429, "too_many_attempts");
    response.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

async fn send_wrong_passwords(service: &TestService, count: usize) -> Vec<Response> {
    let attempt = |_| service.log_in(EMAIL, "Admin@124");
    futures_util::future::join_all((0..count).map(attempt)).await
}

#[tokio::test]
async fn a3_of_50_parallel_attempts_only_the_limit_reaches_the_hash() {
    let service = service_with_admin(&[]).await;
    let hashes = service.hashes();
    let responses = send_wrong_passwords(&service, 50).await;
    assert_eq!(service.hashes() - hashes, 5);
    let decided = responses
        .iter()
        .filter(|response| response.status == 401)
        .count();
    assert_eq!(decided, 5, "{responses:?}");
    responses
        .iter()
        .filter(|response| response.status != 401)
        .for_each(|response| assert!(retry_after(response) > 0));
}

#[tokio::test]
async fn a4_waits_grow_and_end_and_the_right_password_ends_them() {
    let service = service_with_admin(&[]).await;
    send_wrong_passwords(&service, 5).await;
    let mut last = 0;
    for _ in 0..8 {
        let blocked = retry_after(&service.log_in(EMAIL, PASSWORD).await);
        assert!(
            blocked >= last && blocked <= 15 * 60 + 1,
            "Retry-After is {blocked} seconds after {last}; it must grow to at most 15 minutes"
        );
        last = blocked;
        service.advance_clock(Duration::from_secs(blocked));
        assert_eq!(service.log_in(EMAIL, "Admin@124").await.status, 401);
    }
    assert!(
        last > 14 * 60,
        "the longest Retry-After is only {last} seconds"
    );
    service.advance_clock(Duration::from_secs(15 * 60 + 1));
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
    for _ in 0..4 {
        assert_eq!(service.log_in(EMAIL, "Admin@124").await.status, 401);
    }
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a4_unknown_accounts_have_the_same_limits() {
    let service = service_with_admin(&[]).await;
    for email in ["nobody@example.com", "no email at all"] {
        for _ in 0..5 {
            service
                .log_in(email, PASSWORD)
                .await
                .problem(401, "invalid_credentials");
        }
        assert!(retry_after(&service.log_in(email, PASSWORD).await) > 0);
    }
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_admin_who_knows_the_password_may_log_in_many_times_at_once() {
    let service = service_with_admin(&[]).await;
    let logins = (0..20).map(|_| service.log_in(EMAIL, PASSWORD));
    for response in futures_util::future::join_all(logins).await {
        assert_eq!(response.status, 200);
    }
}

/// Waits until a login attempt is reserved and has no outcome yet.
pub async fn wait_for_attempt_in_flight(service: &TestService) {
    let in_flight = doc! { "in_flight.0": { "$exists": true } };
    let started = Instant::now();
    while service
        .rate_limits()
        .find_one(in_flight.clone())
        .await
        .unwrap()
        .is_none()
    {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "no login attempt was reserved"
        );
    }
}

#[tokio::test]
async fn a3_abandoned_attempts_count_as_wrong_and_old_ones_expire() {
    // A slow hash, so that the test can act while it is computed.
    let service = service_with_admin(&[("BCRYPT_COST", "13")]).await;
    send_wrong_passwords(&service, 4).await;
    // The login is cancelled while the hash is computed.
    tokio::select! {
        response = login_from(&service, EMAIL, "127.0.0.1", "-") => {
            panic!("the login completed before it was cancelled: {response:?}")
        }
        () = wait_for_attempt_in_flight(&service) => {}
    }
    service.advance_clock(Duration::from_secs(16));
    assert!(retry_after(&service.log_in(EMAIL, PASSWORD).await) > 0);
    // A refused login is not a failed attempt, so it does not extend the older ones.
    service.advance_clock(Duration::from_secs(24 * 3600));
    for _ in 0..4 {
        assert_eq!(service.log_in(EMAIL, "Admin@124").await.status, 401);
    }
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a4_a_persistent_attacker_cannot_lock_out_other_addresses() {
    let service = service_with_admin(&[]).await;
    let (attacker, traveller) = (service.at("127.0.0.2"), service.at("127.0.0.3"));
    for round in 0..40 {
        // The attacker retries as soon as the limit allows.
        while attacker.log_in(EMAIL, "Admin@124").await.status == 401 {}
        let blocked = retry_after(&attacker.log_in(EMAIL, PASSWORD).await);
        assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
        if round % 10 == 9 {
            // From an address without a login to the account.
            assert_eq!(traveller.log_in(EMAIL, "Admin@124").await.status, 401);
        }
        service.advance_clock(Duration::from_secs(blocked));
    }
    assert_eq!(traveller.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a3_a4_new_addresses_share_a_limit_that_known_ones_do_not_have() {
    let service = service_with_admin(&[]).await;
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
    let hashes = service.hashes();
    for address in 0..14 {
        let attacker = service.at(&format!("127.0.1.{address}"));
        for _ in 0..5 {
            attacker.log_in(EMAIL, "Admin@124").await;
        }
    }
    assert_eq!(service.hashes() - hashes, 50);
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
    let new = service.at("127.0.2.1");
    assert!(retry_after(&new.log_in(EMAIL, PASSWORD).await) > 3000);
    service.advance_clock(Duration::from_secs(3600));
    assert_eq!(new.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a3_idempotent_retries_count_as_attempts() {
    let service = TestService::start().await;
    let create = async |password: &str| {
        let body =
            json!({"organization_name": "Akshay Pvt Ltd", "email": EMAIL, "password": password});
        let request = service.request("POST", "/org/create").json(&body);
        service
            .send(request.header("idempotency-key", "known"))
            .await
    };
    assert_eq!(create(PASSWORD).await.status, 201);
    assert_eq!(create(PASSWORD).await.status, 201);
    let hashes = service.hashes();
    for _ in 0..5 {
        create("Admin@124")
            .await
            .problem(422, "idempotency_key_reused");
    }
    for _ in 0..5 {
        assert!(retry_after(&create(PASSWORD).await) > 0);
    }
    assert!(retry_after(&service.log_in(EMAIL, PASSWORD).await) > 0);
    assert_eq!(service.hashes() - hashes, 5);
    service.advance_clock(Duration::from_secs(16));
    assert_eq!(create(PASSWORD).await.status, 201);
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn a3_idempotent_retry_does_not_reset_failures() {
    let service = TestService::start().await;
    let body = json!({"organization_name": "Akshay Pvt Ltd", "email": EMAIL, "password": PASSWORD});
    let create = async || {
        let request = service.request("POST", "/org/create").json(&body);
        let request = request.header("idempotency-key", "known");
        service.send(request).await
    };
    assert_eq!(create().await.status, 201);
    let own = service.session_of(EMAIL).await;
    let changed = service.change_password(&own.access, PASSWORD, "correct horse battery staple");
    assert_eq!(changed.await.status, 204);
    // The old password allows retries of the creation for a day, but no additional login attempts.
    for _ in 0..5 {
        assert_eq!(create().await.status, 201);
        assert_eq!(service.log_in(EMAIL, "a guess").await.status, 401);
    }
    assert!(retry_after(&service.log_in(EMAIL, "a guess").await) > 0);
}

#[tokio::test]
async fn a1_concurrent_refused_logins_conflict_for_known_and_unknown_accounts() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    assert_eq!(service.create("Akshay Pvt Ltd", EMAIL).await.status, 201);
    for account in [EMAIL, "nobody@example.com", "no email at all"] {
        let aborted = service.transactions("totalAborted").await;
        let slow = doc! { "failCommands": ["commitTransaction"], "blockConnection": true, "blockTimeMS": 1500 };
        service.failpoint(doc! { "times": 1 }, slow).await;
        let second = async {
            let started = Instant::now();
            while service.transactions("currentOpen").await == 0 {
                assert!(started.elapsed() < Duration::from_secs(20), "{account}");
            }
            service.log_in(account, "a guess").await
        };
        let (first, second) = tokio::join!(service.log_in(account, "a guess"), second);
        assert_eq!((first.status.as_u16(), second.status.as_u16()), (401, 401));
        assert_eq!(service.failpoint_off().await, 1);
        assert!(
            service.transactions("totalAborted").await > aborted,
            "{account}"
        );
    }
}

/// A login as API Gateway passes it on: the connection's address, and a header that a client can forge.
async fn login_from(
    service: &TestService,
    email: &str,
    address: &str,
    forwarded_for: &str,
) -> (u64, Value) {
    let event = std::fs::read_to_string(root().join("events/admin-login.json")).unwrap();
    let mut event: Value = serde_json::from_str(&event).unwrap();
    event["requestContext"]["http"]["sourceIp"] = address.into();
    event["headers"]["x-forwarded-for"] = forwarded_for.into();
    event["headers"]["forwarded"] = format!("for={forwarded_for}").into();
    let credentials = json!({"email": email, "password": "Admin@124"});
    event["body"] = credentials.to_string().into();
    let function = admin_login::router(service.state.clone());
    let left = Duration::from_secs(20);
    let response = invoke(function, &event.to_string(), left).await;
    let body = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    (response["statusCode"].as_u64().unwrap(), body)
}

#[tokio::test]
async fn n1_behind_api_gateway_headers_do_not_change_the_address() {
    const NOBODY: &str = "nobody@example.com";
    let settings = [
        ("LOGIN_ATTEMPTS_PER_ADDRESS", "3"),
        ("LOGIN_ATTEMPTS_PER_ACCOUNT", "0"),
    ];
    let service = TestService::start_with(&settings).await;
    for forged in ["198.51.100.1", "198.51.100.2", "203.0.113.8"] {
        assert_eq!(
            login_from(&service, NOBODY, "203.0.113.7", forged).await.0,
            401
        );
    }
    let (status, body) = login_from(&service, NOBODY, "203.0.113.7", "198.51.100.3").await;
    assert_eq!((status, &body["code"]), (429, &"too_many_attempts".into()));
    // A forged header neither uses up another address's limit nor the first one's.
    for forged in ["203.0.113.7", "127.0.0.1", "203.0.113.7, 203.0.113.8"] {
        assert_eq!(
            login_from(&service, NOBODY, "203.0.113.8", forged).await.0,
            401
        );
    }
}

#[tokio::test]
async fn a2_n1_each_address_has_its_own_limit() {
    let settings = [
        ("LOGIN_ATTEMPTS_PER_ADDRESS", "3"),
        ("ONBOARDINGS_PER_ADDRESS", "2"),
    ];
    let service = service_with_admin(&settings).await;
    for _ in 0..5 {
        assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
    }
    for number in 0..3 {
        assert_eq!(
            service
                .log_in(&format!("a{number}@example.com"), PASSWORD)
                .await
                .status,
            401
        );
    }
    let forged = service
        .request("POST", "/admin/login")
        .header("x-forwarded-for", "198.51.100.1");
    let body = doc! { "email": "a3@example.com", "password": PASSWORD };
    let refused = service.send(forged.json(&body)).await;
    assert!(retry_after(&refused) > 3500);
    assert_eq!(service.create("Second", "b@example.com").await.status, 201);
    assert!(retry_after(&service.create("Third", "c@example.com").await) > 3500);
    service.advance_clock(Duration::from_secs(3600));
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn stored_limits_name_no_account_and_no_address() {
    let service = service_with_admin(&[("LOGIN_ATTEMPTS_PER_ADDRESS", "9")]).await;
    service.log_in(EMAIL, "Admin@124").await;
    let mut kept = service.rate_limits().find(doc! {}).await.unwrap();
    let mut documents = 0;
    while kept.advance().await.unwrap() {
        let document: Document = kept.deserialize_current().unwrap();
        let text = document.to_string();
        assert!(
            !text.contains("admin") && !text.contains("127.0.0.1"),
            "{text}"
        );
        assert!(document.get_datetime("expires_at").is_ok());
        documents += 1;
    }
    // One each for the address, the address at the account, all addresses at the account, and the refusal.
    assert_eq!(documents, 4);
}

/// Makes the commands on one collection fail. All others succeed.
async fn fail(service: &TestService, commands: &[&str], collection: Collection<Document>) {
    let data = doc! {
        "failCommands": commands,
        "namespace": collection.namespace().to_string(),
        "errorCode": 2,
    };
    service.failpoint(doc! { "times": 1_000_000 }, data).await;
}

#[tokio::test]
async fn f19_logins_fail_while_limits_cannot_be_counted() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    let own = service.session_of("a@example.com").await;
    fail(
        &service,
        &["findAndModify", "update"],
        service.rate_limits(),
    )
    .await;
    let hashes = service.hashes();
    for password in [PASSWORD, "Admin@124"] {
        let refused = [
            service.log_in("a@example.com", password).await,
            service.restore("a@example.com", password).await,
            service.delete(&own.access, password).await,
            service
                .change_password(&own.access, password, "correct horse battery")
                .await,
        ];
        for response in refused {
            response.problem(503, "service_unavailable");
        }
    }
    assert_eq!(
        service.hashes(),
        hashes,
        "a login attempt was hashed without being counted"
    );
    assert_eq!(service.failpoint_off().await, 8);
    assert_eq!(service.show(&own.access).await.status, 200);
    assert_eq!(service.log_in("a@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a3_a_wrong_password_counts_even_if_its_event_cannot_be_written() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    fail(&service, &["insert"], service.audit_events()).await;
    for _ in 0..5 {
        let unrecorded = service.log_in("a@example.com", "Admin@124").await;
        unrecorded.problem(503, "service_unavailable");
    }
    assert_eq!(service.failpoint_off().await, 5);
    let next = service.log_in("a@example.com", PASSWORD).await;
    next.problem(429, "too_many_attempts");
}

#[tokio::test]
async fn a_login_succeeds_even_if_its_outcome_cannot_be_recorded() {
    let (service, _mongod) = TestService::start_on_own_mongod().await;
    assert_eq!(service.create("Acme", "a@example.com").await.status, 201);
    fail(&service, &["update"], service.rate_limits()).await;
    let own = service.session_of("a@example.com").await;
    assert!(service.failpoint_off().await > 0);
    assert_eq!(service.show(&own.access).await.status, 200);
}

#[tokio::test]
async fn a4_others_at_an_address_cannot_lock_out_its_known_admins() {
    let settings = [("LOGIN_ATTEMPTS_PER_ADDRESS", "10")];
    let service = service_with_admin(&settings).await;
    service.create("Other", "other@example.com").await;
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
    for number in 0..12 {
        service
            .log_in(&format!("{number}@example.com"), "junk password")
            .await;
    }
    // The address's limit applies to all accounts that never logged in from it.
    for email in ["unknown@example.com", "other@example.com"] {
        assert!(retry_after(&service.log_in(email, PASSWORD).await) > 60);
    }
    // The known admin can log in repeatedly, with a separate limit.
    for _ in 0..3 {
        assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
    }
    let hashes = service.hashes();
    send_wrong_passwords(&service, 20).await;
    assert_eq!(service.hashes() - hashes, 5);
    assert!(retry_after(&service.log_in(EMAIL, PASSWORD).await) > 0);
}

#[tokio::test]
async fn a_restoration_does_not_make_an_address_known() {
    let settings = [("LOGIN_ATTEMPTS_PER_ADDRESS", "10")];
    let service = service_with_admin(&settings).await;
    for _ in 0..3 {
        assert_eq!(service.restore(EMAIL, PASSWORD).await.status, 200);
    }
    for number in 0..12 {
        service
            .log_in(&format!("{number}@example.com"), "junk password")
            .await;
    }
    assert!(retry_after(&service.log_in(EMAIL, PASSWORD).await) > 60);
}

#[tokio::test]
async fn n1_only_the_trusted_proxy_changes_the_callers_address() {
    let secret = "a canary secret of the proxy";
    let limit = ("LOGIN_ATTEMPTS_PER_ADDRESS", "3");
    let plain = service_with_admin(&[limit]).await;
    let behind = service_with_admin(&[limit, ("TRUSTED_PROXY_SECRET", secret)]).await;
    let attempt = async |service: &TestService, proof: &str, client: &str, number: usize| {
        let body = json!({"email": format!("{number}@example.com"), "password": PASSWORD});
        let request = service.request("POST", "/admin/login").json(&body);
        let request = request.header("x-origin-verify", proof);
        let forwarded = format!("198.51.100.{number}, {client}");
        let response = service
            .send(request.header("x-forwarded-for", forwarded))
            .await;
        response.status.as_u16()
    };
    // With a wrong secret, or without a trusted proxy, every call counts for one address.
    for (service, proof) in [(&behind, "a canary secret of another"), (&plain, secret)] {
        let mut statuses = Vec::new();
        for number in 0..4 {
            statuses.push(attempt(service, proof, &format!("203.0.113.{number}"), number).await);
        }
        assert_eq!(statuses, [401, 401, 401, 429], "{proof}");
    }
    // The address appended by the proxy counts, not the caller's entries.
    for client in ["203.0.113.1", "203.0.113.2"] {
        let mut statuses = Vec::new();
        for number in 0..4 {
            statuses.push(attempt(&behind, secret, client, 10 + number).await);
        }
        assert_eq!(statuses, [401, 401, 401, 429], "{client}");
    }
}
