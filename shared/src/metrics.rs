//! What operators count: written as CloudWatch's embedded metric format on Lambda, as log lines elsewhere.
//!
//! See <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use serde_json::{Map, Value, json};

const NAMESPACE: &str = "OrganizationService";

/// Whether metrics go to the standard output, where Lambda hands them to CloudWatch.
static EMBEDDED: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    OrganizationsCreated,
    /// Organizations that there are, in percent of `MAX_ORGANIZATIONS`.
    CapacityUsed,
    /// Onboardings refused because the limit is reached.
    CapacityRefusals,
    LoginsSucceeded,
    LoginsRefused,
}

impl Metric {
    const fn name(self) -> &'static str {
        match self {
            Self::OrganizationsCreated => "OrganizationsCreated",
            Self::CapacityUsed => "CapacityUsed",
            Self::CapacityRefusals => "CapacityRefusals",
            Self::LoginsSucceeded => "LoginsSucceeded",
            Self::LoginsRefused => "LoginsRefused",
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::CapacityUsed => "Percent",
            _ => "Count",
        }
    }
}

/// From now on metrics are written in the embedded format.
pub(crate) fn start_embedded() {
    EMBEDDED.store(true, Ordering::Relaxed);
}

pub(crate) fn record(metric: Metric, value: f64) {
    if EMBEDDED.load(Ordering::Relaxed) {
        // A metric that cannot be written is no reason to fail a request.
        let _ = writeln!(std::io::stdout(), "{}", embedded(metric, value));
    } else {
        tracing::debug!(value, "metric {}", metric.name());
    }
}

fn embedded(metric: Metric, value: f64) -> Value {
    let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    let definition = json!({ "Name": metric.name(), "Unit": metric.unit() });
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": u64::try_from(now).unwrap_or_default(),
            "CloudWatchMetrics": [
                { "Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": [definition] },
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
        let line = embedded(Metric::CapacityUsed, 12.5);
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
