//! What a product adds to `template.yaml` breaks no check of the service.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::harness::{functions, root};
use crate::template::OTHER_TEMPLATE;

/// Removes functions that are not in `functions()`, what SAM makes for them, their routes, and resources that are marked as
/// a product's.
pub fn remove_products_resources(template: &mut Value) {
    // Parameters that contradict each other yield no resources.
    let Some(resources) = template.get_mut("Resources").and_then(Value::as_object_mut) else {
        return;
    };
    let service = functions();
    let is_foreign = |resource: &Value| {
        let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        resource["Type"] == "AWS::Lambda::Function"
            && !binary.is_some_and(|binary| service.contains(binary))
    };
    let foreign = resources.iter().filter(|(_, one)| is_foreign(one));
    let foreign: Vec<String> = foreign.map(|(name, _)| name.clone()).collect();
    resources.retain(|name, resource| {
        // SAM names what it makes for a function after it.
        !resource["Metadata"]["Product"].is_string()
            && !foreign.iter().any(|function| name.starts_with(function))
    });
    let calls_product = |operation: &Value| {
        let uri = operation["x-amazon-apigateway-integration"]["uri"].to_string();
        foreign
            .iter()
            .any(|name| uri.contains(&format!("${{{name}")))
    };
    let paths = resources["Api"]["Properties"]["Body"]["paths"].as_object_mut();
    for methods in paths.unwrap().values_mut() {
        let methods = methods.as_object_mut().unwrap();
        methods.retain(|_, operation| !calls_product(operation));
    }
}

/// A product's function with its routes, rights, schedule, table and queue.
const PRODUCT: &str = r#"
  ReportsFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      CodeUri: reports
      Policies:
        - Version: "2012-10-17"
          Statement:
            - { Effect: Allow, Action: [dynamodb:Query, dynamodb:PutItem], Resource: !GetAtt ReportsTable.Arn }
      Events:
        ListReports:
          Type: HttpApi
          Properties: { ApiId: !Ref Api, Method: GET, Path: /erp/reports }
        AddReport:
          Type: HttpApi
          Properties: { ApiId: !Ref Api, Method: POST, Path: /erp/reports }
        Nightly:
          Type: ScheduleV2
          Properties: { ScheduleExpression: rate(1 day) }

  ReportsTable:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]

  ReportsAlarm:
    Type: AWS::CloudWatch::Alarm
    Metadata: { Product: reports }
    Properties:
      AlarmName: reports
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{ Name: QueueName, Value: !GetAtt ReportsQueue.QueueName }]
      ComparisonOperator: GreaterThanThreshold
      EvaluationPeriods: 1
      Period: 300
      Statistic: Maximum
      Threshold: 0

  ReportsQueue:
    Type: AWS::SQS::Queue
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties: { SqsManagedSseEnabled: true }

Outputs:
"#;

#[test]
fn what_a_product_adds_breaks_no_check() {
    let own = fs::read_to_string(root().join("template.yaml")).unwrap();
    let (resources, outputs) = own.split_once("\nOutputs:\n").unwrap();
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    fs::write(file.path(), format!("{resources}\n{PRODUCT}{outputs}")).unwrap();
    let mut checks = Command::new(std::env::current_exe().unwrap());
    let output = checks
        .env(OTHER_TEMPLATE, file.path())
        .args(["template::", "rights::", "observability::"])
        .args(["parameters::", "deployment::"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("template::every_function_has_a_trigger ... ok"),
        "{text}"
    );
}
