//! `POST /admin/login`: tokens, refused logins and stored hashes.

use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use shared::tokens::Claims;

use testkit::{PASSWORD, Response, SIGNING_SECRET, TestService, Tokens};

const EMAIL: &str = "admin@example.com";
/// `Admin@123`, hashed by another bcrypt implementation (Python's) at cost 10.
const LEGACY: &str = "$2b$10$n79VH.0Q2TMWmt3Oqt9uku.SBThleLH6zx47f78bZvfFzW2i50PkW";

async fn service_with_admin() -> TestService {
    // These tests do not cover rate limits.
    let service = TestService::start_with(&[("LOGIN_ATTEMPTS_PER_ACCOUNT", "0")]).await;
    assert_eq!(service.create("Akshay Pvt Ltd", EMAIL).await.status, 201);
    service
}

async fn set(service: &TestService, change: Document) {
    let change = doc! { "$set": change };
    let changed = service.admins().update_one(doc! {}, change).await.unwrap();
    assert_eq!(changed.matched_count, 1);
}

/// Status, headers and body, without values that differ between requests.
fn comparable(response: Response) -> Value {
    let Response {
        status,
        mut headers,
        mut body,
    } = response;
    headers.remove("x-request-id");
    headers.remove("date");
    body["request_id"] = Value::Null;
    json!([status.as_u16(), format!("{headers:?}"), body])
}

#[tokio::test]
async fn a_login_returns_a_bearer_token() {
    let service = service_with_admin().await;
    let response = service.log_in(" ADMIN@example.com ", PASSWORD).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["cache-control"], "no-store");
    assert_eq!(
        (&response.body["token_type"], &response.body["expires_in"]),
        (&json!("bearer"), &json!(1800))
    );
}

#[tokio::test]
async fn the_token_names_admin_organization_and_session() {
    let service = service_with_admin().await;
    let login = service.log_in(EMAIL, PASSWORD).await;
    let token = login.body["access_token"].as_str().unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(
        (header.typ.as_deref(), header.kid.as_deref()),
        (Some("at+jwt"), Some("test"))
    );
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["org-management-api"]);
    validation.set_issuer(&["org-management"]);
    let key = DecodingKey::from_secret(SIGNING_SECRET.as_bytes());
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
        .unwrap()
        .claims;
    let membership = service.memberships().find_one(doc! {}).await;
    let membership = membership.unwrap().unwrap();
    let id = |field: &str| membership.get_object_id(field).unwrap().to_hex();
    assert_eq!(claims.sub, id("account_id"));
    assert_eq!(claims.org, id("organization_id"));
    assert_eq!(serde_json::to_value(claims.role).unwrap(), "owner");
    assert_eq!(login.body["admin_id"], claims.sub);
    assert_eq!(login.body["organization_id"], claims.org);
    assert_eq!(login.body["role"], "owner");
    assert_eq!((claims.exp - claims.iat, claims.nbf), (1800, claims.iat));
    let second = service.log_in(EMAIL, PASSWORD).await;
    let second = second.body["access_token"].as_str().unwrap();
    let second = jsonwebtoken::decode::<Claims>(second, &key, &validation)
        .unwrap()
        .claims;
    assert_ne!(claims.jti, second.jti);
}

#[tokio::test]
async fn a1_refused_logins_have_the_same_response() {
    let service = service_with_admin().await;
    let wrong_password = service.log_in(EMAIL, "Admin@124").await;
    wrong_password.problem(401, "invalid_credentials");
    let expected = comparable(wrong_password);
    let hashes = service.hashes();
    for email in ["nobody@example.com", "not an email", ""] {
        assert_eq!(
            comparable(service.log_in(email, PASSWORD).await),
            expected,
            "{email}"
        );
    }
    assert_eq!(service.hashes() - hashes, 3, "one for each unknown email");
    service.log_in(EMAIL, "Admin@124").await;
    assert_eq!(service.hashes() - hashes, 4, "one for a wrong password");
    service.disable(doc! {}).await;
    assert_eq!(comparable(service.log_in(EMAIL, PASSWORD).await), expected);
    assert_eq!(service.hashes() - hashes, 5, "one for a disabled admin");
    service.enable(doc! {}).await;
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
    service.suspend(doc! {}).await;
    assert_eq!(comparable(service.log_in(EMAIL, PASSWORD).await), expected);
}

#[tokio::test]
async fn a1_refused_logins_take_the_same_time_for_every_hash() {
    let settings = [("LOGIN_ATTEMPTS_PER_ACCOUNT", "0"), ("BCRYPT_COST", "12")];
    let service = TestService::start_with(&settings).await;
    assert_eq!(service.create("Akshay Pvt Ltd", EMAIL).await.status, 201);
    let took = async |email: &str| {
        let started = Instant::now();
        assert_eq!(service.log_in(email, "Admin@124").await.status, 401);
        started.elapsed()
    };
    for hash in [LEGACY, "no hash at all"] {
        set(&service, doc! { "password_hash": hash }).await;
        let (mut unknown, mut older) = (Vec::new(), Vec::new());
        for _ in 0..7 {
            unknown.push(took("nobody@example.com").await);
            older.push(took(EMAIL).await);
        }
        unknown.sort();
        older.sort();
        // A hash of cost 10 alone takes a quarter of the time.
        assert!(older[3] * 2 > unknown[3], "{hash}: {older:?}, {unknown:?}");
    }
}

#[tokio::test]
async fn p2_p3_every_character_of_a_password_counts() {
    let service = TestService::start().await;
    let passwords = [
        ("x".repeat(71) + "a", "x".repeat(71) + "b"),
        ("x".repeat(72) + "a", "x".repeat(72) + "b"),
        ("x".repeat(73) + "a", "x".repeat(73) + "b"),
        ("🦀".repeat(64), "🦀".repeat(63)),
        (
            "eight\u{0}\u{0}\u{0}".to_owned(),
            "eight\u{0}\u{0}".to_owned(),
        ),
    ];
    for (number, (right, wrong)) in passwords.iter().enumerate() {
        let email = format!("a{number}@example.com");
        let body = json!({"organization_name": format!("Acme {number}"), "email": email, "password": right});
        assert_eq!(service.post("/org/create", &body).await.status, 201);
        assert_eq!(service.log_in(&email, wrong).await.status, 401);
        assert_eq!(service.log_in(&email, right).await.status, 200);
    }
}

#[tokio::test]
async fn p5_unicode_spellings_of_a_password_are_equal() {
    let service = TestService::start().await;
    let body =
        json!({"organization_name": "Acme", "email": EMAIL, "password": "caf\u{e9} cr\u{e8}me"});
    assert_eq!(service.post("/org/create", &body).await.status, 201);
    assert_eq!(
        service
            .log_in(EMAIL, "cafe\u{301} cre\u{300}me")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn p10_unicode_spaces_in_a_password_are_equal() {
    let service = TestService::start().await;
    for (number, space) in ["\u{a0}", "\u{3000}", "\u{2009}"].iter().enumerate() {
        let (chosen, typed) = (format!("correct{space}horse"), "correct horse");
        let email = format!("{number}@example.com");
        let body = json!({"organization_name": email, "email": email, "password": chosen});
        assert_eq!(service.post("/org/create", &body).await.status, 201);
        for password in [typed, &chosen] {
            assert_eq!(
                service.log_in(&email, password).await.status,
                200,
                "{space:?}"
            );
        }
        let token = Tokens::of(&service.log_in(&email, typed).await).access;
        let changed = service
            .change_password(&token, &chosen, "battery staple")
            .await;
        assert_eq!(changed.status, 204);
        let again = service
            .log_in(&email, &format!("battery{space}staple"))
            .await;
        assert_eq!(again.status, 200);
    }
}

/// `correct`, a no-break space and `horse`, hashed by libxcrypt's bcrypt at cost 10.
const UNPREPARED: &str = "$2b$10$n79VH.0Q2TMWmt3Oqt9ukul7evhy93PXmcKNVQ9zVswpNL6r6u1ge";

#[tokio::test]
async fn p10_a_hash_of_an_unprepared_password_verifies_and_is_replaced() {
    let service = service_with_admin().await;
    set(&service, doc! { "password_hash": UNPREPARED }).await;
    for wrong in ["correct horse", "correct\u{a0}h0rse"] {
        assert_eq!(service.log_in(EMAIL, wrong).await.status, 401);
    }
    assert_eq!(
        service.log_in(EMAIL, "correct\u{a0}horse").await.status,
        200
    );
    let admin = service.admins().find_one(doc! {}).await.unwrap().unwrap();
    assert_ne!(admin.get_str("password_hash").unwrap(), UNPREPARED);
    for right in [
        "correct horse",
        "correct\u{a0}horse",
        "correct\u{3000}horse",
    ] {
        assert_eq!(service.log_in(EMAIL, right).await.status, 200);
    }
}

#[tokio::test]
async fn p8_a_hash_of_an_older_service_is_accepted_and_replaced() {
    let service = service_with_admin().await;
    set(&service, doc! { "password_hash": LEGACY }).await;
    assert_eq!(service.log_in(EMAIL, "Admin@124").await.status, 401);
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
    let admin = service.admins().find_one(doc! {}).await.unwrap().unwrap();
    assert!(
        admin
            .get_str("password_hash")
            .unwrap()
            .starts_with("$bcrypt-sha256$v=2,t=2b,r=10$")
    );
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
}

/// 80 times the letter x, hashed by another bcrypt implementation at cost 10, which reads only the first 72 bytes.
const LEGACY_LONG: &str = "$2b$10$n79VH.0Q2TMWmt3Oqt9ukusLGeqY7rQ0MnSkGkK6ByQHfXzOC7Whu";

#[tokio::test]
async fn p8_a_truncated_password_does_not_replace_a_plain_hash() {
    let service = service_with_admin().await;
    set(&service, doc! { "password_hash": LEGACY_LONG }).await;
    let (right, as_good, wrong) = ("x".repeat(80), "x".repeat(72) + "y", "x".repeat(71) + "y");
    assert_eq!(service.log_in(EMAIL, &wrong).await.status, 401);
    for password in [&as_good, &right] {
        assert_eq!(service.log_in(EMAIL, password).await.status, 200);
        let admin = service.admins().find_one(doc! {}).await.unwrap().unwrap();
        assert_eq!(admin.get_str("password_hash").unwrap(), LEGACY_LONG);
    }
    // A new password is hashed without truncation.
    let token = service.log_in(EMAIL, &right).await.body["access_token"].clone();
    let changed = service.change_password(token.as_str().unwrap(), &right, &right);
    assert_eq!(changed.await.status, 204);
    assert_eq!(service.log_in(EMAIL, &as_good).await.status, 401);
    assert_eq!(service.log_in(EMAIL, &right).await.status, 200);
}

#[tokio::test]
async fn p4_a_nul_never_matches_a_plain_hash() {
    let service = service_with_admin().await;
    set(&service, doc! { "password_hash": LEGACY }).await;
    for password in ["Admin@123\0", "Admin@123\0Admin@123"] {
        assert_eq!(
            service.log_in(EMAIL, password).await.status,
            401,
            "{password:?}"
        );
    }
    assert_eq!(service.log_in(EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn p9_a_malformed_hash_matches_no_password() {
    let service = service_with_admin().await;
    let cost_31 = LEGACY.replace("$10$", "$31$");
    let broken_version = LEGACY.replace("$2b$", "$2x$");
    let not_ascii = LEGACY.replace("u.SB", "u.\u{e9}");
    assert_eq!((broken_version.len(), not_ascii.len()), (60, 60));
    for damaged in [
        "",
        "$2b$",
        "$2x$10$n79VH",
        "ünlesbar",
        &cost_31,
        &LEGACY[..40],
        &broken_version,
        &not_ascii,
    ] {
        set(&service, doc! { "password_hash": damaged }).await;
        // A hash of cost 31 would take days.
        let login = tokio::time::timeout(Duration::from_secs(9), service.log_in(EMAIL, PASSWORD));
        let login = login
            .await
            .expect("the login computes a malformed hash instead of refusing it immediately");
        login.problem(401, "invalid_credentials");
    }
}
