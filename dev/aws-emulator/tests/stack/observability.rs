//! Logs, alarms and the dashboard.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::template::{deployed, of_type, properties, refers_to, serves_requests};

#[test]
fn every_function_has_log_tracing_and_alarms() {
    for (binary, name) in deployed() {
        let function = properties(name);
        let log_group = function["LoggingConfig"]["LogGroup"]["Ref"]
            .as_str()
            .unwrap();
        let retention = &properties(log_group)["RetentionInDays"];
        assert!(retention["Fn::If"].is_array(), "{binary}: {retention}");
        let traced = json!({"Fn::If": ["IsTraced", "Active", "PassThrough"]});
        assert_eq!(function["TracingConfig"]["Mode"], traced, "{binary}");
        let of_function = |alarm: &Value| {
            let dimensions = alarm["Properties"]["Dimensions"].as_array();
            let mut dimensions = dimensions.into_iter().flatten();
            dimensions
                .any(|one| one["Name"] == "FunctionName" && one["Value"] == json!({"Ref": name}))
        };
        let watched: BTreeSet<_> = of_type("AWS::CloudWatch::Alarm")
            .filter(|(alarm, _)| !alarm.contains("Version"))
            .filter(|(_, alarm)| of_function(alarm))
            .map(|(_, alarm)| alarm["Properties"]["MetricName"].as_str().unwrap())
            .collect();
        let mut expected = BTreeSet::from(["Errors", "Throttles"]);
        // A missing scheduled run causes no error, so the alarm watches invocations.
        expected.extend(
            (["purge-organizations", "relay"].contains(&binary.as_str())).then_some("Invocations"),
        );
        expected.extend(serves_requests(&binary).then_some("Duration"));
        assert_eq!(watched, expected, "{binary}");
    }
}

#[test]
fn every_alarm_notifies_the_operator() {
    let mut watched = BTreeSet::new();
    for (name, alarm) in of_type("AWS::CloudWatch::Alarm") {
        // CodeDeploy reports these as a failed deployment.
        if name.contains("Version") {
            continue;
        }
        let alarm = &alarm["Properties"];
        for topic in ["AlarmTopicArn", "AlarmTopic"] {
            assert!(refers_to(&alarm["AlarmActions"], topic), "{name}");
        }
        assert!(alarm["AlarmDescription"].is_object(), "{name}");
        watched.extend(alarm["MetricName"].as_str());
        let calculated = alarm["Metrics"].as_array().into_iter().flatten();
        watched.extend(
            calculated.filter_map(|one| one["MetricStat"]["Metric"]["MetricName"].as_str()),
        );
    }
    for metric in [
        "5xx",
        "Latency",
        "ServerErrors",
        "CapacityUsed",
        "CapacityRefusals",
        "LoginsRefused",
        "SigningSecretAge",
        "Invocations",
        "MailsGivenUp",
        "ApproximateNumberOfMessagesVisible",
    ] {
        assert!(watched.contains(metric), "no alarm watches {metric}");
    }
}

/// A prefix search would include other stacks with the same name prefix.
#[test]
fn the_dashboard_shows_only_the_stacks_functions() {
    let body = &properties("Dashboard")["DashboardBody"]["Fn::Sub"];
    let join = &body[1]["Answering"]["Fn::Join"];
    let names = join[1].as_array().unwrap().iter();
    let names: Vec<String> = names
        .map(|name| format!("${{{}}}", name["Ref"].as_str().unwrap()))
        .collect();
    let names = names.join(join[0].as_str().unwrap());
    let text = body[0].as_str().unwrap().replace("${Answering}", &names);
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut shown: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut metrics = 0;
    for widget in dashboard["widgets"].as_array().unwrap() {
        let lines = widget["properties"]["metrics"].as_array().unwrap();
        metrics += lines.len();
        if lines[0][0] == "AWS/Lambda" && lines[0][2] == "FunctionName" {
            let functions = lines
                .iter()
                .map(|line| line.as_array().unwrap().last().unwrap());
            let functions = functions.map(|function| function.as_str().unwrap());
            shown.insert(lines[0][1].as_str().unwrap(), functions.collect());
        }
    }
    let functions = |which: fn(&str) -> bool| -> BTreeSet<String> {
        let chosen = deployed().into_iter().filter(|(binary, _)| which(binary));
        chosen.map(|(_, name)| format!("${{{name}}}")).collect()
    };
    for metric in ["Errors", "Throttles"] {
        assert!(shown[metric].iter().eq(&functions(|_| true)), "{metric}");
    }
    assert!(shown["Duration"].iter().eq(&functions(serves_requests)));
    // The free tier covers three dashboards with up to 50 metrics each.
    assert!(metrics <= 50, "the dashboard has {metrics} metrics");
}
