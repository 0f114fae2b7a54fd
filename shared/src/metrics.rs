//! What operators count: written as CloudWatch's embedded metric format on Lambda, as log lines elsewhere.
//!
//! See <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.

use std::io::Write;
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use serde_json::{Map, Value, json};

use crate::config::Settings;

const DEFAULT_NAMESPACE: &str = "OrganizationService";

/// The namespace of the metrics that go to the standard output, where Lambda hands them to CloudWatch.
static EMBEDDED: OnceLock<String> = OnceLock::new();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    OrganizationsCreated,
    /// Organizations that there are, in percent of `MAX_ORGANIZATIONS`.
    CapacityUsed,
    /// Onboardings refused because the limit is reached.
    CapacityRefusals,
    LoginsSucceeded,
    LoginsRefused,
    /// Responses with a status of 500 or more, but for those of a tenant limit that is reached.
    ServerErrors,
}

impl Metric {
    const fn name(self) -> &'static str {
        match self {
            Self::OrganizationsCreated => "OrganizationsCreated",
            Self::CapacityUsed => "CapacityUsed",
            Self::CapacityRefusals => "CapacityRefusals",
            Self::LoginsSucceeded => "LoginsSucceeded",
            Self::LoginsRefused => "LoginsRefused",
            Self::ServerErrors => "ServerErrors",
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::CapacityUsed => "Percent",
            _ => "Count",
        }
    }
}

/// From now on metrics are written in the embedded format. `METRICS_NAMESPACE` tells apart what is counted by
/// several deployments in one account.
pub(crate) fn start_embedded(settings: &Settings<'_>) {
    let namespace = settings.optional("METRICS_NAMESPACE");
    EMBEDDED.get_or_init(|| namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()));
}

pub(crate) fn record(metric: Metric, value: f64) {
    match EMBEDDED.get() {
        // A metric that cannot be written is no reason to fail a request.
        Some(namespace) => {
            let _ = writeln!(std::io::stdout(), "{}", embedded(namespace, metric, value));
        }
        None => tracing::debug!(value, "metric {}", metric.name()),
    }
}

fn embedded(namespace: &str, metric: Metric, value: f64) -> Value {
    let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    let definition = json!({ "Name": metric.name(), "Unit": metric.unit() });
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": u64::try_from(now).unwrap_or_default(),
            "CloudWatchMetrics": [
                { "Namespace": namespace, "Dimensions": [[]], "Metrics": [definition] },
            ],
        }),
    );
    line.insert(metric.name().to_owned(), json!(value));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_form_that_cloudwatch_reads() {
        let line = embedded(DEFAULT_NAMESPACE, Metric::CapacityUsed, 12.5);
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
