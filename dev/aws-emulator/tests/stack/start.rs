//! Start failures: one message reports every configuration fault.

use aws_emulator::{Function, NotStarted};

use crate::harness::{MONGODB_URI_SECRET, Stack};
use crate::secured_mongod::PASSWORD;

/// Returns the output of a function that failed to start.
#[track_caller]
pub fn refusal(started: Result<Function, NotStarted>) -> String {
    match started {
        Err(NotStarted::Ended { status, output }) => {
            assert_eq!(status.code(), Some(1), "{output}");
            assert!(
                !output.contains("panicked") && !output.contains(PASSWORD),
                "{output}"
            );
            output
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("the function started with an invalid configuration"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_names_every_fault_of_the_configuration() {
    let stack = Stack::start().await;
    let faults = [
        ("MONGODB_URI_SECRET_ID", ""),
        ("JWT_SECRET_ID", " "),
        ("BCRYPT_COST", "9"),
        ("MASTER_DB", "a.b"),
        ("MAX_ORGANIZATIONS", "none"),
        ("RUST_LOG", "info=loud=very"),
    ];
    let message = refusal(stack.function_with("admin-login", &faults).await);
    for (name, _) in faults {
        assert!(message.contains(name), "{name} is missing in {message}");
    }
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_f14_a_function_whose_secrets_cannot_be_used_does_not_start() {
    let stack = Stack::start().await;
    stack.keep("short", &"x".repeat(31)).await;
    stack
        .keep("broken", "mongodb://user:hunter2hunter2@[broken")
        .await;
    let wrong_password = stack.mongod.uri_with("service:wrong@", "replicaSet=rs0");
    stack.keep("wrong-password", &wrong_password).await;
    for (setting, secret, reason) in [
        ("JWT_SECRET_ID", "short", "31 bytes; it needs at least 32"),
        ("PEPPER_SECRET_ID", "short", "the pepper has 31 bytes"),
        (
            "PEPPER_SECRET_ID",
            "missing",
            "secret missing cannot be used",
        ),
        (
            "JWT_SECRET_ID",
            "missing",
            "secret missing cannot be used: ResourceNotFoundException",
        ),
        (
            "MONGODB_URI_SECRET_ID",
            "missing",
            "secret missing cannot be used: ResourceNotFoundException",
        ),
        (
            "MONGODB_URI_SECRET_ID",
            "broken",
            "connection string cannot be used",
        ),
        (
            "MONGODB_URI_SECRET_ID",
            "wrong-password",
            "MongoDB refused the credentials",
        ),
    ] {
        let message = refusal(
            stack
                .function_with("admin-login", &[(setting, secret)])
                .await,
        );
        assert!(message.contains(reason), "{secret}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_connection_string_fails_the_start_with_a_reason() {
    let stack = Stack::start().await;
    let uri = stack.mongod.uri();
    let other_ca = stack.mongod.other_certificate();
    let no_rights = stack.mongod.create_user("nobody", &[]).await;
    let ca = |file: &str| {
        let (rest, _) = uri.split_once("&tlsCAFile=").unwrap();
        format!("{rest}&tlsCAFile={file}")
    };
    for (uri, reason) in [
        (no_rights, "13 Unauthorized"),
        (ca("/nowhere/ca.pem"), "tlsCAFile"),
        (ca(&other_ca), "tlsCAFile"),
        (format!("{uri}&socketTimeoutMS=1000"), "socketTimeoutMS"),
        (format!("{uri}&compressors=zlib"), "compressors"),
        (format!("{uri}&maxPoolSize=0"), "maxPoolSize"),
        (uri.replace("=rs0", "=rs1"), "replicaSet"),
        (
            format!("{uri}&authSource=elsewhere"),
            "refused the credentials",
        ),
    ] {
        stack.replace(MONGODB_URI_SECRET, &uri).await;
        for function in ["create-org", "health"] {
            let message = refusal(stack.function_with(function, &[]).await);
            assert!(message.contains(reason), "{reason}: {message}");
        }
    }
}

/// Only Atlas and MongoDB Enterprise support IAM authentication. The test checks that the function requests it, with
/// the credentials of its role and without a password.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_logs_in_to_mongodb_by_its_role() {
    let stack = Stack::start().await;
    let iam = "replicaSet=rs0&authMechanism=MONGODB-AWS&authSource=$external";
    let uri = stack.mongod.uri_with("", iam);
    let settings = [("MONGODB_URI", uri.as_str()), ("MONGODB_URI_SECRET_ID", "")];
    let message = refusal(stack.function_with("create-org", &settings).await);
    assert!(
        message.contains("MongoDB refused the credentials") && message.contains("MONGODB-AWS"),
        "{message}"
    );
}
