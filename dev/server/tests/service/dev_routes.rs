//! The routes of `--dev`.

use std::path::Path;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{Credentials, Region};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::local_server::{Server, command};

fn start(folder: &Path) -> Server {
    let mut command = command(folder, &[]);
    command.arg("--dev");
    Server::spawn(command)
}

async fn send(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

fn sign_in(server: &Server, body: &Value) -> RequestBuilder {
    let url = format!("{}/dev/sign-in", server.base);
    reqwest::Client::new().post(url).json(body)
}

fn show(server: &Server, signed_in: &Value) -> RequestBuilder {
    let request = reqwest::Client::new().get(format!("{}/org", server.base));
    request.bearer_auth(signed_in["access_token"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_makes_the_organization_and_the_member() {
    let folder = TempDir::new().unwrap();
    let mut server = start(folder.path());
    let acme = json!({ "organization": "Acme" });
    let (status, owner) = send(sign_in(&server, &acme)).await;
    assert_eq!(
        (status.as_u16(), &owner["role"]),
        (200, &json!("owner")),
        "{owner}"
    );
    let (status, organization) = send(show(&server, &owner)).await;
    assert_eq!(
        (status.as_u16(), &organization["organization_name"]),
        (200, &json!("Acme"))
    );
    for role in ["owner", "admin", "member"] {
        for name in ["Acme", " ACME "] {
            let body = json!({ "organization": name, "role": role });
            let (status, member) = send(sign_in(&server, &body)).await;
            assert_eq!(
                (status.as_u16(), &member["role"]),
                (200, &json!(role)),
                "{member}"
            );
            assert_eq!(member["organization_id"], owner["organization_id"]);
            assert_eq!(member["admin_id"] == owner["admin_id"], role == "owner");
            assert_eq!(send(show(&server, &member)).await.0, 200);
        }
    }
    // A new organization, and a member of it first.
    let other = json!({ "organization": "Other", "role": "member" });
    let (status, member) = send(sign_in(&server, &other)).await;
    assert_eq!((status.as_u16(), &member["role"]), (200, &json!("member")));
    assert_ne!(member["organization_id"], owner["organization_id"]);
    // The account can log in as any other. Its password is a secret of the folder.
    let stored = std::fs::read_to_string(folder.path().join(".local/dev-password")).unwrap();
    assert_eq!(owner["password"], stored.trim());
    let login = json!({ "email": owner["email"], "password": owner["password"] });
    let login = reqwest::Client::new()
        .post(format!("{}/admin/login", server.base))
        .json(&login);
    assert_eq!(send(login).await.0, 200);
    assert_eq!(server.signal("TERM"), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_at_the_same_time_get_one_organization() {
    let folder = TempDir::new().unwrap();
    let mut server = start(folder.path());
    let mut requests = JoinSet::new();
    for number in 0..32 {
        let role = ["owner", "admin", "member"][number % 3];
        requests.spawn(send(sign_in(
            &server,
            &json!({ "organization": "Acme", "role": role }),
        )));
    }
    let mut organizations = std::collections::BTreeSet::new();
    for (status, signed_in) in requests.join_all().await {
        assert_eq!(status, 200, "{signed_in}");
        organizations.insert(signed_in["organization_id"].to_string());
    }
    assert_eq!(organizations.len(), 1);
    assert_eq!(server.signal("TERM"), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_sign_ins_are_refused() {
    let folder = TempDir::new().unwrap();
    let mut server = start(folder.path());
    server.create();
    for (body, status, code) in [
        (json!({}), 400, "malformed_request"),
        (
            json!({ "organization": "Acme", "role": "boss" }),
            400,
            "malformed_request",
        ),
        (
            json!({ "organization": "Acme", "email": "a@example.com" }),
            400,
            "malformed_request",
        ),
        (json!({ "organization": "A" }), 422, "validation_failed"),
        // An organization that somebody else created.
        (
            json!({ "organization": "Akshay Pvt Ltd" }),
            409,
            "organization_name_taken",
        ),
        (
            json!({ "organization": "Akshay Pvt Ltd", "role": "member" }),
            409,
            "organization_name_taken",
        ),
    ] {
        let refused = send(sign_in(&server, &body)).await;
        assert_eq!(
            (refused.0.as_u16(), &refused.1["code"]),
            (status, &json!(code)),
            "{body}"
        );
    }
    assert_eq!(server.signal("TERM"), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn x2_the_dev_routes_exist_for_this_machine_alone() {
    let folder = TempDir::new().unwrap();
    let mut server = start(folder.path());
    let acme = json!({ "organization": "Acme" });
    let port = server.base.rsplit(':').next().unwrap().to_owned();
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let request = sign_in(&server, &acme).header("host", format!("{host}:{port}"));
        assert_eq!(send(request).await.0, 200, "{host}");
    }
    let secret = |host: &str| {
        let request = reqwest::Client::new().post(format!("{}/dev/secrets-manager/", server.base));
        let request = request
            .header("x-amz-target", "secretsmanager.GetSecretValue")
            .header("host", host);
        request.body(r#"{"SecretId":"jwt-secret"}"#)
    };
    assert_eq!(send(secret("localhost")).await.0, 200);
    for host in [
        "example.com",
        "localhost.example.com",
        "10.0.0.1",
        "127.0.0.1.nip.io",
    ] {
        for request in [sign_in(&server, &acme).header("host", host), secret(host)] {
            let (status, problem) = send(request).await;
            assert_eq!(
                (status.as_u16(), &problem["code"]),
                (404, &json!("not_found")),
                "{host}"
            );
        }
    }
    let get = reqwest::Client::new().get(format!("{}/dev/sign-in", server.base));
    assert_eq!(send(get).await.0, 404);
    assert_eq!(server.signal("TERM"), Some(0));

    // Without the option.
    let mut server = Server::start(folder.path());
    assert_eq!(send(sign_in(&server, &acme)).await.0, 404);
    assert_eq!(server.signal("TERM"), Some(0));
}

#[test]
fn x2_the_option_is_refused_where_others_could_use_it() {
    let folder = TempDir::new().unwrap();
    for (setting, reason) in [
        (("HOST", "0.0.0.0"), "it needs a loopback address"),
        (
            ("MONGODB_URI", "mongodb://127.0.0.1:1"),
            "Remove MONGODB_URI",
        ),
    ] {
        let mut command = command(folder.path(), &[setting]);
        let output = command.arg("--dev").output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(reason), "{message}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_sdk_reads_the_signing_secret() {
    let folder = TempDir::new().unwrap();
    let mut server = start(folder.path());
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(format!("{}/dev/secrets-manager", server.base))
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .timeout_config(
            aws_config::timeout::TimeoutConfig::builder()
                .operation_timeout(Duration::from_secs(10))
                .build(),
        );
    let client = Client::new(&config.load().await);
    let read = client
        .get_secret_value()
        .secret_id("jwt-secret")
        .send()
        .await
        .unwrap();
    let stored = std::fs::read_to_string(folder.path().join(".local/jwt-secret")).unwrap();
    assert_eq!(read.secret_string().unwrap(), stored.trim());
    for (id, stage) in [("other", "AWSCURRENT"), ("jwt-secret", "AWSPREVIOUS")] {
        let refused = client
            .get_secret_value()
            .secret_id(id)
            .version_stage(stage)
            .send()
            .await;
        let error = refused.unwrap_err().into_service_error();
        assert!(error.is_resource_not_found_exception(), "{error:?}");
    }
    assert_eq!(server.signal("TERM"), Some(0));
}
