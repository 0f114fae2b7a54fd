//! The configuration of AWS clients, by the SDK's standard variables such as `AWS_ENDPOINT_URL`.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::timeout::TimeoutConfig;

/// How long a client waits.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub connect: Duration,
    pub attempt: Duration,
    /// All attempts together.
    pub operation: Duration,
}

/// For a client that a request waits for.
pub const SHORT_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(1),
    attempt: Duration::from_secs(2),
    operation: Duration::from_secs(5),
};

/// `endpoint` is the variable with the endpoint of this service.
pub async fn configuration(endpoint: &str, timeouts: Timeouts) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(timeouts.connect)
        .operation_attempt_timeout(timeouts.attempt)
        .operation_timeout(timeouts.operation)
        .build();
    let mut config =
        aws_config::defaults(aws_config::BehaviorVersion::latest()).timeout_config(timeouts);
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    if keys.iter().all(|name| variable(name).is_some()) {
        // As on Lambda. The SDK's default chain also finds them, but builds all other providers first.
        config = config.credentials_provider(EnvironmentVariableCredentialsProvider::new());
    }
    if is_without_tls(endpoint) {
        // The SDK's default client first loads all system certificates.
        config = config.http_client(aws_smithy_http_client::Builder::new().build_http());
    }
    config.load().await
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether the SDK's variables configure a local endpoint without TLS.
fn is_without_tls(endpoint: &str) -> bool {
    let endpoint = variable(endpoint).or_else(|| variable("AWS_ENDPOINT_URL"));
    endpoint.is_some_and(|url| url.starts_with("http://"))
}
