//! Mail by the functions' executables: the relay sends by Amazon SES.

use aws_emulator::Function;
use aws_sdk_sesv2::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};

use crate::harness::{Stack, create, event, request, send};
use crate::start::refusal;

const SENDER: &str = "no-reply@acme.example";
const WITH_SES: [(&str, &str); 3] = [
    ("MAIL_TRANSPORT", "ses"),
    ("MAIL_FROM", "Acme <no-reply@acme.example>"),
    ("APP_URL", "https://app.acme.example"),
];

/// Lets SES send for this address.
async fn verify(stack: &Stack, address: &str) {
    let config = aws_sdk_sesv2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(stack.aws_url())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "moto"));
    let client = aws_sdk_sesv2::Client::from_conf(config.build());
    let creating = client.create_email_identity().email_identity(address);
    creating.send().await.unwrap();
}

/// The messages that SES took.
async fn sent(stack: &Stack) -> Vec<String> {
    let url = format!("{}/moto-api/data.json", stack.aws_url());
    let data: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let mut messages = Vec::new();
    collect(&data["ses"], &mut messages);
    messages
}

fn collect(value: &Value, messages: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains("Message-ID: ") => {
            let mode = quoted_printable::ParseMode::Robust;
            let decoded = quoted_printable::decode(text, mode).unwrap();
            messages.push(String::from_utf8(decoded).unwrap());
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, messages)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, messages)),
        _ => {}
    }
}

async fn forgot_password(session: &Function) {
    let body = json!({"email": "a@example.com"});
    let event = request("session-forgot-password.json", &body);
    assert_eq!(send(session, &event).await.0, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leaves_by_ses_and_sets_a_new_password() {
    let stack = Stack::start().await;
    create(&stack.function("create-org").await).await;
    let session = stack.function_with("session", &WITH_SES).await.unwrap();
    let account = stack.function_with("account", &WITH_SES).await.unwrap();
    let relay = stack.function_with("relay", &WITH_SES).await.unwrap();
    let scheduled = event("relay.json");
    // SES refuses what a sender without an identity sends.
    forgot_password(&session).await;
    let report = relay.invoke(&scheduled).await.unwrap();
    assert_eq!(report, json!({"sent": 0, "failed": 0, "given_up": 1}));
    verify(&stack, SENDER).await;
    forgot_password(&session).await;
    let report = relay.invoke(&scheduled).await.unwrap();
    assert_eq!(report, json!({"sent": 1, "failed": 0, "given_up": 0}));
    let messages = sent(&stack).await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    let link = messages[0]
        .lines()
        .find(|line| line.starts_with("https://app.acme.example/"));
    let token = link
        .unwrap()
        .split_once("/reset-password#token=")
        .unwrap()
        .1;
    let body = json!({"token": token, "new_password": "correct horse battery staple"});
    let reset = request("account-reset-password-unknown.json", &body);
    assert_eq!(send(&account, &reset).await.0, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_without_its_settings_does_not_start() {
    let stack = Stack::start().await;
    for (settings, reasons) in [
        (
            vec![("MAIL_TRANSPORT", "ses")],
            vec!["MAIL_FROM is required", "APP_URL is required"],
        ),
        (
            vec![("MAIL_TRANSPORT", "smtp"), ("MAIL_FROM", "a@example.com")],
            vec!["SMTP_URL"],
        ),
        (
            vec![("MAIL_TRANSPORT", "log"), ("MAIL_FROM", "a@example.com")],
            vec!["for the local server"],
        ),
        (vec![("MAIL_TRANSPORT", "pigeon")], vec!["ses, smtp or log"]),
    ] {
        let refused = stack.function_with("relay", &settings).await;
        let output = refusal(refused);
        for reason in reasons {
            assert!(output.contains(reason), "{output}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mail_the_relay_does_nothing() {
    let stack = Stack::start().await;
    let relay = stack.function("relay").await;
    let report = relay.invoke(&event("relay.json")).await.unwrap();
    assert_eq!(report, json!({"sent": 0, "failed": 0, "given_up": 0}));
}
