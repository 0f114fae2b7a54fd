//! Metrics: in CloudWatch's embedded metric format on Lambda, as log entries elsewhere.
//!
//! See
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.

use std::io::Write;
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use serde_json::{Map, Value, json};

use crate::config::Settings;

const DEFAULT_NAMESPACE: &str = "OrganizationService";

/// Set if metrics are written to stdout, which Lambda forwards to CloudWatch.
static EMBEDDED: OnceLock<Source> = OnceLock::new();

/// Source of the metrics.
struct Source {
    namespace: String,
    /// Name and version of the Lambda function.
    function: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    OrganizationsCreated,
    /// Number of organizations, in percent of `MAX_ORGANIZATIONS`.
    CapacityUsed,
    /// Onboardings refused because the limit is reached.
    CapacityRefusals,
    LoginsSucceeded,
    LoginsRefused,
    /// Age of the signing secret's current version, in days.
    SigningSecretAge,
    /// Responses with a status of 500 or more, except those for a reached tenant limit.
    ServerErrors,
    /// Mails that could not be sent and will not be tried again.
    MailsGivenUp,
}

impl Metric {
    const fn name(self) -> &'static str {
        match self {
            Self::OrganizationsCreated => "OrganizationsCreated",
            Self::CapacityUsed => "CapacityUsed",
            Self::CapacityRefusals => "CapacityRefusals",
            Self::LoginsSucceeded => "LoginsSucceeded",
            Self::LoginsRefused => "LoginsRefused",
            Self::SigningSecretAge => "SigningSecretAge",
            Self::ServerErrors => "ServerErrors",
            Self::MailsGivenUp => "MailsGivenUp",
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::CapacityUsed => "Percent",
            // CloudWatch has no unit for days.
            Self::SigningSecretAge => "None",
            _ => "Count",
        }
    }

    /// Whether the metric is also recorded per function version. Alarms watch a version during its deployment.
    const fn has_version(self) -> bool {
        matches!(self, Self::ServerErrors)
    }
}

/// Switches to the embedded metric format. `METRICS_NAMESPACE` separates several deployments in one account.
pub(crate) fn start_embedded(settings: &Settings<'_>) {
    let namespace = settings.optional("METRICS_NAMESPACE");
    let name = settings.optional("AWS_LAMBDA_FUNCTION_NAME");
    let version = settings.optional("AWS_LAMBDA_FUNCTION_VERSION");
    EMBEDDED.get_or_init(|| Source {
        namespace: namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
        function: name.zip(version),
    });
}

pub(crate) fn record(metric: Metric, value: f64) {
    match EMBEDDED.get() {
        // A failure to write a metric does not fail the request.
        Some(source) => {
            let _ = writeln!(std::io::stdout(), "{}", embedded(source, metric, value));
        }
        None => tracing::debug!(value, "metric {}", metric.name()),
    }
}

fn embedded(source: &Source, metric: Metric, value: f64) -> Value {
    let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    let definition = json!({ "Name": metric.name(), "Unit": metric.unit() });
    let mut line = Map::new();
    let mut dimensions = vec![json!([])];
    if let Some((name, version)) = source.function.as_ref().filter(|_| metric.has_version()) {
        dimensions.push(json!(["FunctionName", "FunctionVersion"]));
        line.insert("FunctionName".to_owned(), json!(name));
        line.insert("FunctionVersion".to_owned(), json!(version));
    }
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": u64::try_from(now).unwrap_or_default(),
            "CloudWatchMetrics": [
                { "Namespace": source.namespace, "Dimensions": dimensions, "Metrics": [definition] },
            ],
        }),
    );
    line.insert(metric.name().to_owned(), json!(value));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source {
            namespace: DEFAULT_NAMESPACE.to_owned(),
            function: Some(("create-org".to_owned(), "7".to_owned())),
        }
    }

    #[test]
    fn server_errors_are_also_counted_by_version() {
        let line = embedded(&source(), Metric::ServerErrors, 1.0);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let dimensions = json!([[], ["FunctionName", "FunctionVersion"]]);
        assert_eq!(directive["Dimensions"], dimensions);
        assert_eq!(line["FunctionName"], "create-org");
        assert_eq!(line["FunctionVersion"], "7");
    }

    #[test]
    fn metrics_have_the_embedded_metric_format() {
        let line = embedded(&source(), Metric::CapacityUsed, 12.5);
        assert_eq!(line["CapacityUsed"], 12.5);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "OrganizationService");
        assert_eq!(directive["Dimensions"], json!([[]]));
        assert_eq!(
            directive["Metrics"],
            json!([{ "Name": "CapacityUsed", "Unit": "Percent" }])
        );
        assert!(line["_aws"]["Timestamp"].as_u64() > Some(1_700_000_000_000));
    }
}
