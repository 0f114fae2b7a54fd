//! Settings of the server that `cargo run` starts: arguments, environment and `.env`.

use std::collections::BTreeSet;
use std::path::Path;

use shared::version::version_and_commit;
use tempfile::TempDir;
use testkit::shared_mongod;

use crate::local_server::{Server, command, refused};

#[test]
fn help_and_version_are_printed_and_other_arguments_refused() {
    let folder = TempDir::new().unwrap();
    let run = |argument: &str| {
        let mut command = command(folder.path(), &[]);
        command.arg(argument).output().unwrap()
    };
    let (help, version) = (run("--help"), run("--version"));
    assert!(help.status.success() && version.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(
        help.contains("MONGODB_URI") && help.contains(".env"),
        "{help}"
    );
    let version = String::from_utf8(version.stdout).unwrap();
    let expected = format!("organization-service {}", version_and_commit());
    assert_eq!(version.trim(), expected);
    assert_eq!(run("--prot=1").status.code(), Some(2));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn one_message_names_every_error_and_the_environment_overrides_the_file() {
    let folder = TempDir::new().unwrap();
    let file =
        "BCRYPT_COST=16\nMAX_ORGANIZATIONS=0\nJWT_ISSUER='of the file'\nRUST_LOG=info=loud=very\n";
    std::fs::write(folder.path().join(".env"), file).unwrap();
    let message = refused(
        folder.path(),
        &[
            ("ACCESS_TOKEN_TTL_SECONDS", "1s"),
            ("CORS_ALLOWED_ORIGINS", "*"),
        ],
    );
    for name in [
        "MAX_ORGANIZATIONS",
        "ACCESS_TOKEN_TTL_SECONDS",
        "CORS_ALLOWED_ORIGINS",
        "RUST_LOG",
    ] {
        assert!(message.contains(name), "{name} is missing in {message}");
    }
    // The test sets 10 in the environment.
    assert!(
        !message.contains("BCRYPT_COST") && message.lines().count() == 1,
        "{message}"
    );
}

#[test]
fn an_unknown_name_in_the_env_file_is_reported() {
    let folder = TempDir::new().unwrap();
    let text = "BCRYT_COST=11\nBCRYPT_COST=99\nAWS_REGION=eu-central-1\nMASTER_DB=hunter2.db\n";
    std::fs::write(folder.path().join(".env"), text).unwrap();
    let message = refused(folder.path(), &[]);
    assert!(message.contains("BCRYT_COST is not a setting"), "{message}");
    assert!(!message.contains("AWS_REGION"), "{message}");
}

#[test]
fn an_unknown_host_is_refused() {
    let folder = TempDir::new().unwrap();
    let message = refused(folder.path(), &[("HOST", "no-such-host.invalid")]);
    assert!(message.contains("HOST=no-such-host.invalid"), "{message}");
}

#[test]
fn a_malformed_env_file_is_refused() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(".env"), "BCRYPT COST 10\n").unwrap();
    assert!(refused(folder.path(), &[]).contains(".env"));
}

/// Settings in docs/configuration.md that only Lambda functions read.
const OF_LAMBDA: [&str; 2] = ["METRICS_NAMESPACE", "AWS_ENDPOINT_URL_SECRETS_MANAGER"];

/// The variable names in the first column of the table of variables.
fn documented_settings(readme: &str) -> BTreeSet<String> {
    let rows = readme
        .lines()
        .skip_while(|line| !line.starts_with("| variable |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

#[test]
fn every_setting_is_documented_and_in_env_example() {
    let read = server::LocalSettings::names();
    assert!(read.len() > 20, "only {read:?} are read");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let example = std::fs::read_to_string(root.join(".env.example")).unwrap();
    let examples = example
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once('='));
    let examples = examples
        .map(|(name, _)| name.to_owned())
        .filter(|name| !name.contains(' '));
    assert_eq!(
        examples.collect::<BTreeSet<_>>(),
        read,
        ".env.example differs from the settings that the server reads"
    );
    let readme = std::fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    let mut documented = documented_settings(&readme);
    for name in OF_LAMBDA {
        assert!(
            documented.remove(name),
            "{name} is not in docs/configuration.md"
        );
    }
    assert_eq!(
        documented, read,
        "docs/configuration.md differs from the settings that the server reads"
    );
}

#[test]
fn l1_a_malformed_env_file_is_refused_without_its_text() {
    let folder = TempDir::new().unwrap();
    for value in [
        "mongodb://user:hunter2 pass@host/",
        "'mongodb://user:hunter2@host/",
        "\"mongodb://user:hunter2\\x@host/\"",
    ] {
        std::fs::write(folder.path().join(".env"), format!("MONGODB_URI={value}\n")).unwrap();
        let message = refused(folder.path(), &[]);
        let file = folder.path().join(".env").display().to_string();
        assert!(
            message.contains(&format!("{file} cannot be read: line 1")),
            "{message}"
        );
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn the_env_file_of_the_current_folder_is_read_literally() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("project");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(
        parent.path().join(".env"),
        "BCRYPT_COST=none\nMASTER_DB=a.b\n",
    )
    .unwrap();
    let name = format!("a{:016x}", fastrand::u64(..));
    let uri = shared_mongod().uri();
    let text = format!(
        "\u{feff}# comment\r\nexport MASTER_DB='{name}'\r\nTENANT_DB=\"{name}_t\"\r\nJWT_ISSUER=pa$$word\r\n\
         JWT_AUDIENCE='$HOME \"x\"'\r\nMONGODB_URI={uri} # the test's own\r\n"
    );
    std::fs::write(folder.join(".env"), text).unwrap();
    let mut server = Server::start(&folder);
    server.create();
    let token = server.access_token();
    let claims = crate::access_tokens::claims_of(&token);
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&"pa$$word".into(), &"$HOME \"x\"".into())
    );
    server.signal("KILL");
}
