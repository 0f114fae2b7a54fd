//! `POST /org/create`: responses, validation, uniqueness and atomicity.

use std::collections::HashSet;

use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use testkit::{PASSWORD, Response, TestService};

/// Number of responses with this status.
fn count(responses: &[Response], status: u16) -> usize {
    responses
        .iter()
        .filter(|response| response.status == status)
        .count()
}

async fn parallel<F: Future<Output = Response>>(
    requests: impl Iterator<Item = F>,
) -> Vec<Response> {
    futures_util::future::join_all(requests).await
}

#[tokio::test]
async fn the_example_of_the_original_service_works_to_the_letter() {
    let service = TestService::start_with(&[("BCRYPT_COST", "")]).await;
    let request = service
        .request("POST", "/org/create")
        .header("content-type", "application/json")
        .body(r#"{"organization_name":"Akshay Pvt Ltd","email":"admin@example.com","password":"Admin@123"}"#);
    let response = service.send(request).await;
    assert_eq!(response.status, 201);
    assert_eq!(response.headers["content-type"], "application/json");
    let id = response.body["id"].as_str().unwrap();
    assert!(id.len() == 24 && id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')));
    let expected = json!({"id": id, "organization_name": "Akshay Pvt Ltd", "collection_name": "org_akshay_pvt_ltd"});
    assert_eq!(response.body, expected);
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn the_stored_documents_match_the_data_model() {
    let service = TestService::start().await;
    service
        .create("  Jörg &\tSöhne ", " Jörg@Bücher.example ")
        .await;
    let organization = service
        .organizations()
        .find_one(doc! {})
        .await
        .unwrap()
        .unwrap();
    let account = service.admins().find_one(doc! {}).await.unwrap().unwrap();
    let membership = service.memberships().find_one(doc! {}).await;
    let membership = membership.unwrap().unwrap();
    let keys = |document: &Document| document.keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(&organization),
        "_id name name_key collection_name placement epoch owners sequence holds deleted created_at updated_at"
    );
    assert_eq!(organization.get_str("name").unwrap(), "Jörg & Söhne");
    assert_eq!(organization.get_str("name_key").unwrap(), "jörg & söhne");
    assert_eq!(
        organization.get_str("collection_name").unwrap(),
        "org_jorg_sohne"
    );
    let placement = doc! { "cell": "home", "mode": "dedicated" };
    assert_eq!(organization.get_document("placement").unwrap(), &placement);
    assert!(organization.get_document("holds").unwrap().is_empty());
    for (field, value) in [("epoch", 0), ("owners", 1), ("sequence", 1)] {
        assert_eq!(organization.get_i64(field).unwrap(), value, "{field}");
    }
    assert_eq!(
        keys(&account),
        "_id email addresses email_verified_at password_hash status epoch name locale created_at updated_at"
    );
    assert_eq!(account.get_str("email").unwrap(), "Jörg@Bücher.example");
    let addresses = ["jörg@xn--bcher-kva.example".into()];
    assert_eq!(account.get_array("addresses").unwrap()[..], addresses);
    let hash = account.get_str("password_hash").unwrap();
    assert!(hash.starts_with("$bcrypt-sha256$v=2,t=2b,r=10$"));
    assert_eq!(account.get_str("status").unwrap(), "active");
    assert_eq!(
        keys(&membership),
        "_id organization_id account_id role product_roles created_at updated_at"
    );
    assert_eq!(membership.get("organization_id"), organization.get("_id"));
    assert_eq!(membership.get("account_id"), account.get("_id"));
    assert_eq!(membership.get_str("role").unwrap(), "owner");
}

#[tokio::test]
async fn names_and_emails_are_unique_in_every_spelling() {
    let service = TestService::start().await;
    assert_eq!(
        service.create("ACME Straße", "a@example.com").await.status,
        201
    );
    for name in [
        "acme straße",
        " Acme  STRASSE ",
        "ＡＣＭＥ Strasse",
        "ACME Stra\u{200d}ße",
    ] {
        service
            .create(name, "b@example.com")
            .await
            .problem(409, "organization_name_taken");
    }
    for email in ["A@EXAMPLE.com", " a@example.com", "ａ@example.com"] {
        service
            .create("Another", email)
            .await
            .problem(409, "email_taken");
    }
    let both = service.create("ACME STRASSE", "A@example.com").await;
    both.problem(409, "organization_name_taken");
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn a_name_with_invisible_characters_is_refused() {
    let service = TestService::start().await;
    for name in [
        "Acme\u{202e}dtL",
        "\u{2068}Acme\u{2069}",
        "a\u{200b}",
        "Acme\u{fdd0}",
        "Ac\u{ad}me",
    ] {
        let refused = service.create(name, "a@example.com").await;
        let errors = refused.problem(422, "validation_failed");
        assert_eq!(
            errors,
            [(
                "organization_name".to_owned(),
                "invisible_character".to_owned()
            )]
        );
    }
    service.create("Acme", "a@example.com").await;
    let token = service.token_of("a@example.com").await;
    let refused = service.rename(&token, "Acme\u{202e}dtL").await;
    refused.problem(422, "validation_failed");
    assert_eq!(
        service.rename(&token, "Acme \u{2764}\u{fe0f}").await.status,
        200
    );
}

#[tokio::test]
async fn names_with_one_slug_get_collections_of_their_own() {
    let service = TestService::start().await;
    let names = [
        "Acme",
        "Acme!",
        "a.c.m.e",
        "ACME Corp",
        "acme_corp",
        "acme-corp",
        "日本",
        "ri ben",
        "韩国",
        "!!!",
        "???",
        "🦀🦀",
        "crab crab",
        "العربية",
        "हिन्दी",
        "ไทย",
        "Ελλάδα",
        "한국",
        "Ünïcödé",
        "org acme",
        "-- --",
    ];
    let mut collections = HashSet::new();
    for (number, name) in names.iter().enumerate() {
        let response = service
            .create(name, &format!("a{number}@example.com"))
            .await;
        assert_eq!(response.status, 201, "{name}: {response:?}");
        assert_eq!(response.body["organization_name"], *name);
        let collection = response.body["collection_name"]
            .as_str()
            .unwrap()
            .to_owned();
        let slug = collection.strip_prefix("org_").unwrap();
        assert!(collection.len() <= 48 && !slug.is_empty(), "{collection}");
        assert!(
            slug.chars()
                .all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_')),
            "{collection}"
        );
        assert!(collections.insert(collection));
    }
    assert!(collections.contains("org_acme") && collections.contains("org_acme_corp"));
    assert!(collections.contains("org_ri_ben") && collections.contains("org_han_guo"));
    assert_eq!(service.assert_consistent().await, names.len());
}

#[tokio::test]
async fn a_second_collection_of_a_slug_is_named_after_the_organization_id() {
    let service = TestService::start().await;
    service.create("Acme", "a@example.com").await;
    let second = service.create("Acme!", "b@example.com").await;
    let id = second.body["id"].as_str().unwrap();
    assert_eq!(
        second.body["collection_name"],
        format!("org_acme_{}", &id[16..])
    );
}

#[tokio::test]
async fn the_longest_names_have_valid_collection_names() {
    let service = TestService::start().await;
    for (number, name) in [
        "x".repeat(100),
        format!("{}!", "x".repeat(99)),
        "魑".repeat(100),
    ]
    .iter()
    .enumerate()
    {
        let response = service
            .create(name, &format!("a{number}@example.com"))
            .await;
        assert_eq!(response.status, 201);
        assert!(response.body["collection_name"].as_str().unwrap().len() <= 48);
    }
    assert_eq!(service.assert_consistent().await, 3);
}

#[tokio::test]
async fn f12_an_existing_collection_is_never_adopted() {
    let service = TestService::start().await;
    let stray = service.tenants().collection::<Document>("org_acme");
    stray.insert_one(doc! { "left": "behind" }).await.unwrap();
    let response = service.create("Acme", "a@example.com").await;
    let collection = response.body["collection_name"].as_str().unwrap();
    assert!(collection.starts_with("org_acme_"), "{collection}");
    let own = service.tenants().collection::<Document>(collection);
    assert_eq!(own.count_documents(doc! {}).await.unwrap(), 0);
    assert_eq!(stray.count_documents(doc! {}).await.unwrap(), 1);
}

#[tokio::test]
async fn b1_f11_of_64_parallel_creations_of_one_name_one_succeeds() {
    let service = TestService::start().await;
    let emails: Vec<_> = (0..64).map(|n| format!("a{n}@example.com")).collect();
    let responses = parallel(emails.iter().map(|email| service.create("Acme", email))).await;
    assert_eq!(
        (count(&responses, 201), count(&responses, 409)),
        (1, 63),
        "{responses:?}"
    );
    let refused = responses.iter().filter(|response| response.status == 409);
    refused.for_each(|response| assert_eq!(response.problem(409, "organization_name_taken"), []));
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn b1_f11_of_64_parallel_creations_with_one_email_one_succeeds() {
    let service = TestService::start().await;
    let names: Vec<_> = (0..64).map(|n| format!("Acme {n}")).collect();
    let responses = parallel(
        names
            .iter()
            .map(|name| service.create(name, "a@example.com")),
    )
    .await;
    assert_eq!(
        (count(&responses, 201), count(&responses, 409)),
        (1, 63),
        "{responses:?}"
    );
    let refused = responses.iter().filter(|response| response.status == 409);
    refused.for_each(|response| assert_eq!(response.problem(409, "email_taken"), []));
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn parallel_creations_of_one_slug_all_succeed() {
    let service = TestService::start().await;
    let names: Vec<_> = (1..=16).map(|n| format!("Acme{}", "!".repeat(n))).collect();
    let create = |(n, name): (usize, &String)| {
        let (email, name, service) = (format!("a{n}@example.com"), name.clone(), &service);
        async move { service.create(&name, &email).await }
    };
    let responses = parallel(names.iter().enumerate().map(create)).await;
    assert_eq!(count(&responses, 201), 16, "{responses:?}");
    assert_eq!(service.assert_consistent().await, 16);
}

#[tokio::test]
async fn p6_a_password_needs_no_mixture_of_characters() {
    let service = TestService::start().await;
    for (number, password) in [
        "correct horse battery",
        "31415926535897932384",
        "пароль подлиннее",
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({
            "organization_name": format!("Organization {number}"),
            "email": format!("{number}@example.com"),
            "password": password,
        });
        assert_eq!(
            service.post("/org/create", &body).await.status,
            201,
            "{password}"
        );
    }
}

/// Status and error code for a new password, at creation of an organization and in a password change.
async fn refusals(service: &TestService, token: &str, password: &str) -> Vec<(u16, String)> {
    let body = json!({"organization_name": "Another", "email": "another@example.com", "password": password});
    let responses = [
        service.post("/org/create", &body).await,
        service.change_password(token, PASSWORD, password).await,
    ];
    let code = |response: &Response| {
        let code = response.body["errors"][0]["code"].as_str();
        (
            response.status.as_u16(),
            code.unwrap_or_default().to_owned(),
        )
    };
    responses.iter().map(code).collect()
}

#[tokio::test]
async fn p1_the_minimum_length_is_configurable() {
    let service = TestService::start_with(&[("PASSWORD_MIN_LENGTH", "12")]).await;
    let acme =
        json!({"organization_name": "Acme", "email": "a@example.com", "password": "Admin@123456"});
    assert_eq!(service.post("/org/create", &acme).await.status, 201);
    let login = service.log_in("a@example.com", "Admin@123456").await;
    let token = login.body["access_token"].as_str().unwrap();
    for short in ["Admin@12345", &"🦀".repeat(11)] {
        let refused = (422, "too_short".to_owned());
        assert_eq!(
            refusals(&service, token, short).await,
            [refused.clone(), refused],
            "{short}"
        );
    }
    let body =
        json!({"organization_name": "Two", "email": "b@example.com", "password": "🦀".repeat(12)});
    assert_eq!(service.post("/org/create", &body).await.status, 201);
    assert_eq!(service.assert_consistent().await, 2);
}

#[tokio::test]
async fn p7_common_passwords_are_refused_over_http() {
    let service = TestService::start().await;
    service.create("Acme", "a@example.com").await;
    let token = service.token_of("a@example.com").await;
    let list = include_str!("../../../../shared/src/values/common-passwords.txt");
    let long_enough = list.lines().filter(|common| common.chars().count() >= 8);
    for common in long_enough.step_by(500) {
        let refused = (422, "too_common".to_owned());
        for spelling in [common.to_owned(), common.to_uppercase()] {
            let both = refusals(&service, &token, &spelling).await;
            assert_eq!(both, [refused.clone(), refused.clone()], "{spelling}");
        }
    }
    assert_eq!(service.assert_consistent().await, 1);
}

#[tokio::test]
async fn all_invalid_fields_are_named_at_once() {
    let service = TestService::start().await;
    let body = json!({"organization_name": "\u{7}", "email": "nobody", "password": "short"});
    let errors = service
        .post("/org/create", &body)
        .await
        .problem(422, "validation_failed");
    let fields: Vec<_> = errors.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["organization_name", "email", "password"]);
    assert_eq!(service.assert_consistent().await, 0);
}

#[tokio::test]
async fn invalid_fields_are_refused() {
    let service = TestService::start().await;
    let long_email = format!("{}@example.com", "a".repeat(244));
    let cases = [
        ("organization_name", " ", "too_short"),
        ("organization_name", "x", "too_short"),
        ("organization_name", &"ü".repeat(101), "too_long"),
        ("organization_name", "a\u{0}b", "control_character"),
        ("organization_name", "a\u{1b}[2Jb", "control_character"),
        ("email", "", "invalid_email"),
        ("email", "Admin <admin@example.com>", "invalid_email"),
        ("email", "a@example.com,b@example.com", "invalid_email"),
        (
            "email",
            "a@example.com\r\nBcc: b@example.com",
            "invalid_email",
        ),
        ("email", &long_email, "too_long"),
        ("password", "Admin@1", "too_short"),
        ("password", "🦀🦀🦀🦀🦀🦀🦀", "too_short"),
        ("password", "Password1", "too_common"),
        ("password", "admin@EXAMPLE.com", "too_guessable"),
        ("password", "akshay pvt ltd", "too_guessable"),
    ];
    for (field, value, code) in cases {
        let mut body = json!({"organization_name": "Akshay Pvt Ltd", "email": "admin@example.com", "password": PASSWORD});
        body[field] = Value::from(value);
        let errors = service
            .post("/org/create", &body)
            .await
            .problem(422, "validation_failed");
        assert_eq!(errors, [(field.to_owned(), code.to_owned())], "{value:?}");
    }
    assert_eq!(service.assert_consistent().await, 0);
}

#[tokio::test]
async fn at_the_tenant_limit_only_creations_are_refused() {
    let service = TestService::start_with(&[("MAX_ORGANIZATIONS", "1")]).await;
    assert_eq!(service.create("First", "a@example.com").await.status, 201);
    service
        .create("Second", "b@example.com")
        .await
        .problem(503, "capacity_reached");
    assert_eq!(service.log_in("a@example.com", PASSWORD).await.status, 200);
    assert_eq!(service.get("/health").await.status, 200);
    assert_eq!(service.assert_consistent().await, 1);
}
