//! Bearer tokens: access with a valid token, and every kind of invalid token.

use aws_lc_rs::hmac;
use base64::Engine;
use mongodb::bson::{DateTime, doc};
use serde_json::{Value, json};

use testkit::{Response, SIGNING_SECRET, TestService};

fn base64url(bytes: &[u8]) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Creates a token with this header and these claims, signed with `secret`.
fn forge(header: &Value, claims: &str, algorithm: hmac::Algorithm, secret: &str) -> String {
    let message = format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(claims.as_bytes())
    );
    let key = hmac::Key::new(algorithm, secret.as_bytes());
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", base64url(signature.as_ref()))
}

fn our_header() -> Value {
    json!({"typ": "at+jwt", "alg": "HS256", "kid": "test"})
}

fn now() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap()
}

pub fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// A correctly signed token that has just expired.
pub fn expired(claims: &Value) -> String {
    let mut claims = claims.clone();
    claims["exp"] = now().into();
    let claims = claims.to_string();
    forge(&our_header(), &claims, hmac::HMAC_SHA256, SIGNING_SECRET)
}

/// A token signed by another service.
pub fn foreign(claims: &Value) -> String {
    let secret = "another secret of thirty-two bytes";
    forge(
        &our_header(),
        &claims.to_string(),
        hmac::HMAC_SHA256,
        secret,
    )
}

/// A token with these claims, signed with the given version of the signing secret.
pub fn signed_with(version: &str, secret: &str, claims: &Value) -> String {
    let header = json!({"typ": "at+jwt", "alg": "HS256", "kid": version});
    forge(&header, &claims.to_string(), hmac::HMAC_SHA256, secret)
}

/// A token with this `kid` and an invalid signature.
pub fn with_key_id(kid: &str) -> String {
    let header = json!({"typ": "at+jwt", "alg": "HS256", "kid": kid});
    forge(&header, "{}", hmac::HMAC_SHA256, "nobody's")
}

struct Session {
    service: TestService,
    token: String,
    claims: Value,
}

impl Session {
    async fn start() -> Self {
        let service = TestService::start().await;
        assert_eq!(
            service
                .create("Akshay Pvt Ltd", "admin@example.com")
                .await
                .status,
            201
        );
        let token = service.token_of("admin@example.com").await;
        let claims = claims_of(&token);
        Self {
            service,
            token,
            claims,
        }
    }

    async fn show(&self, token: &str) -> Response {
        self.service.show(token).await
    }

    async fn with_header(&self, header: &Value) -> Response {
        let claims = self.claims.to_string();
        self.show(&forge(header, &claims, hmac::HMAC_SHA256, SIGNING_SECRET))
            .await
    }

    async fn with_claim(&self, name: &str, value: Value) -> Response {
        let mut claims = self.claims.clone();
        claims[name] = value;
        self.with_claims(&claims).await
    }

    async fn without_claim(&self, name: &str) -> Response {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(name).unwrap();
        self.with_claims(&claims).await
    }

    async fn with_claims(&self, claims: &Value) -> Response {
        let claims = claims.to_string();
        let token = forge(&our_header(), &claims, hmac::HMAC_SHA256, SIGNING_SECRET);
        self.show(&token).await
    }
}

#[track_caller]
fn refused(response: &Response) {
    response.problem(401, "invalid_token");
    assert_eq!(
        response.headers["www-authenticate"],
        "Bearer realm=\"org-management\", error=\"invalid_token\""
    );
}

#[tokio::test]
async fn a_token_gives_access_to_the_admins_organization() {
    let session = Session::start().await;
    let response = session.show(&session.token).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.body["organization_name"], "Akshay Pvt Ltd");
    assert_eq!(response.body["collection_name"], "org_akshay_pvt_ltd");
    assert_eq!(response.body["id"], session.claims["org"]);
    // Control: an unmodified forged token is valid, so the others fail because of their changes.
    assert_eq!(session.with_header(&our_header()).await.status, 200);
}

#[tokio::test]
async fn a_missing_token_gets_a_challenge() {
    let session = Session::start().await;
    for authorization in [None, Some("Basic YTpi"), Some("Bearer"), Some("")] {
        let mut request = session.service.request("GET", "/org");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = session.service.send(request).await;
        response.problem(401, "invalid_token");
        assert_eq!(
            response.headers["www-authenticate"], "Bearer realm=\"org-management\"",
            "{authorization:?}"
        );
    }
    let good = format!("Bearer {}", session.token);
    let twice = session
        .service
        .request("GET", "/org")
        .header("authorization", &good);
    refused(
        &session
            .service
            .send(twice.header("authorization", &good))
            .await,
    );
}

#[tokio::test]
async fn t1_hs256_is_the_only_algorithm() {
    let session = Session::start().await;
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({"typ": "at+jwt", "alg": none, "kid": "test"});
        refused(&session.with_header(&header).await);
        let signed = forge(
            &header,
            &session.claims.to_string(),
            hmac::HMAC_SHA256,
            SIGNING_SECRET,
        );
        let (message, _) = signed.rsplit_once('.').unwrap();
        refused(&session.show(&format!("{message}.")).await);
    }
    for (name, algorithm) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
        let header = json!({"typ": "at+jwt", "alg": name, "kid": "test"});
        refused(
            &session
                .show(&forge(
                    &header,
                    &session.claims.to_string(),
                    algorithm,
                    SIGNING_SECRET,
                ))
                .await,
        );
    }
    refused(
        &session
            .with_header(&json!({"typ": "at+jwt", "alg": "RS256", "kid": "test"}))
            .await,
    );
}

#[tokio::test]
async fn t2_a_key_in_the_header_is_refused() {
    let session = Session::start().await;
    let long = "k".repeat(10_000);
    for kid in [
        json!("../../dev/null"),
        json!("' OR 1=1"),
        json!(""),
        json!(7),
        json!(null),
        json!(long),
    ] {
        refused(
            &session
                .with_header(&json!({"typ": "at+jwt", "alg": "HS256", "kid": kid}))
                .await,
        );
    }
    for name in ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"] {
        let mut header = our_header();
        header[name] = json!(["https://attacker.example"]);
        refused(&session.with_header(&header).await);
    }
}

#[tokio::test]
async fn t4_times_are_strict() {
    let session = Session::start().await;
    for name in ["exp", "nbf", "iat"] {
        for no_moment in [
            Value::Null,
            json!("soon"),
            json!(now().to_string()),
            json!(1e300),
            json!(now() as f64 + 0.5),
            json!(-1),
            json!(u64::MAX),
            json!([now()]),
        ] {
            refused(&session.with_claim(name, no_moment).await);
        }
        refused(&session.without_claim(name).await);
    }
    for exp in [now() - 1, now()] {
        refused(&session.with_claim("exp", json!(exp)).await);
    }
    refused(&session.with_claim("nbf", json!(now() + 60)).await);
    refused(&session.with_claim("iat", json!(now() + 60)).await);
    refused(&session.with_claim("exp", json!(now() + 2 * 86_400)).await);
    assert_eq!(
        session.with_claim("exp", json!(now() + 60)).await.status,
        200
    );
}

#[tokio::test]
async fn t4_one_second_decides() {
    let session = Session::start().await;
    let claim = |name: &str| session.claims[name].as_i64().unwrap();
    let (issued, expires) = (claim("iat"), claim("exp"));
    // Clock skew of up to five seconds is tolerated for the issue time, not for the expiry.
    for (now, good) in [
        (issued - 6, false),
        (issued - 5, true),
        (issued, true),
        (expires - 1, true),
        (expires, false),
        (expires + 1, false),
    ] {
        let now = DateTime::from_millis(now * 1000);
        let verified = session
            .service
            .state
            .tokens
            .verify(&session.token, now)
            .await;
        assert_eq!(verified.is_ok(), good, "{now}");
    }
}

#[tokio::test]
async fn t5_to_t8_type_and_claims_are_exact() {
    let session = Session::start().await;
    for typ in ["JWT", "at+jwt2", ""] {
        refused(
            &session
                .with_header(&json!({"typ": typ, "alg": "HS256", "kid": "test"}))
                .await,
        );
    }
    refused(
        &session
            .with_header(&json!({"alg": "HS256", "kid": "test"}))
            .await,
    );
    for (name, value) in [
        ("iss", "other"),
        ("aud", "other"),
        ("sub", ""),
        ("sub", "x"),
        ("org", ""),
        ("jti", ""),
        ("sid", ""),
        ("sid", "x"),
    ] {
        refused(&session.with_claim(name, json!(value)).await);
    }
    refused(
        &session
            .with_claim("aud", json!(["org-management-api", "other"]))
            .await,
    );
    for name in [
        "iss", "aud", "sub", "org", "role", "iat", "nbf", "exp", "jti", "sid",
    ] {
        refused(&session.with_claim(name, Value::Null).await);
        refused(&session.without_claim(name).await);
    }
}

#[tokio::test]
async fn changed_and_invented_tokens_are_refused() {
    let session = Session::start().await;
    let claims = session.claims.to_string();
    for secret in ["", "another secret of thirty-two bytes"] {
        refused(
            &session
                .show(&forge(&our_header(), &claims, hmac::HMAC_SHA256, secret))
                .await,
        );
    }
    let mut parts: Vec<&str> = session.token.split('.').collect();
    for token in [
        "x",
        "..",
        "a.b.c",
        "💥",
        &session.token[1..],
        &session.token[..session.token.len() - 1],
    ] {
        refused(&session.show(token).await);
    }
    let other = base64url(claims.replace("owner", "admin").as_bytes());
    parts[1] = &other;
    refused(&session.show(&parts.join(".")).await);
}

#[tokio::test]
async fn t9_a_token_ends_with_its_admin_and_its_organization() {
    let session = Session::start().await;
    let service = &session.service;
    let token = async || service.token_of("admin@example.com").await;
    let of_disabled = token().await;
    service.disable(doc! {}).await;
    refused(&session.show(&of_disabled).await);
    service.enable(doc! {}).await;
    let of_suspended = token().await;
    service.suspend(doc! {}).await;
    refused(&session.show(&of_suspended).await);
    service.resume(doc! {}).await;
    let of_removed = token().await;
    assert_eq!(session.show(&of_removed).await.status, 200);
    service.memberships().delete_one(doc! {}).await.unwrap();
    refused(&session.show(&of_removed).await);
    session.service.admins().delete_one(doc! {}).await.unwrap();
    refused(&session.show(&session.token).await);
}

#[tokio::test]
async fn z1_a_token_gives_access_to_no_other_organization() {
    let session = Session::start().await;
    let service = &session.service;
    let other = service.create("Other", "other@example.com").await;
    let mut claims = session.claims.clone();
    claims["org"] = other.body["id"].clone();
    refused(
        &session
            .show(&forge(
                &our_header(),
                &claims.to_string(),
                hmac::HMAC_SHA256,
                SIGNING_SECRET,
            ))
            .await,
    );
    let renamed = service
        .rename(&session.token, "Akshay Private Limited")
        .await;
    assert_eq!(
        (renamed.status.as_u16(), &renamed.body["organization_name"]),
        (200, &"Akshay Private Limited".into())
    );
    assert_eq!(renamed.body["collection_name"], "org_akshay_pvt_ltd");
    let others = service
        .show(&service.token_of("other@example.com").await)
        .await;
    assert_eq!(others.body["organization_name"], "Other");
}
