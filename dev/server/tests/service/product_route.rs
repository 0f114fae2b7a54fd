//! Routes of a product on the local server: the authorizer's answer, the event, the function's result.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use server::{ProductRoute, connected, with_product_routes};
use testkit::TestService;
use tokio::net::TcpListener;

const EMAIL: &str = "admin@example.com";
const INVOKE: &str = "/2015-03-31/functions/invoices/invocations";

/// A product's function behind Lambda's invoke API. It keeps the events, and returns what it is told to.
#[derive(Clone, Default)]
struct Function {
    events: Arc<Mutex<Vec<Value>>>,
    result: Arc<Mutex<(HeaderMap, String)>>,
}

impl Function {
    fn returns(&self, result: &Value) {
        self.result.lock().unwrap().1 = result.to_string();
    }

    fn last_event(&self) -> Value {
        self.events.lock().unwrap().last().unwrap().clone()
    }
}

struct Product {
    service: TestService,
    function: Function,
    base: String,
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, connected(router)).into_future());
    format!("http://{address}")
}

impl Product {
    async fn start() -> Self {
        let service = TestService::start().await;
        assert_eq!(service.create("Akshay Pvt Ltd", EMAIL).await.status, 201);
        let function = Function::default();
        let invoked = function.clone();
        let invoke = async move |event: Bytes| {
            let event = serde_json::from_slice(&event).unwrap();
            invoked.events.lock().unwrap().push(event);
            let (headers, result) = invoked.result.lock().unwrap().clone();
            let mut response = Response::new(Body::from(result));
            *response.headers_mut() = headers;
            response
        };
        let functions = serve(Router::new().route(INVOKE, post(invoke))).await;
        let base = Self::serve_with(&service, &format!("{functions}{INVOKE}")).await;
        Self {
            service,
            function,
            base,
        }
    }

    /// The routes of the product, and a path of the service.
    async fn serve_with(service: &TestService, function: &str) -> String {
        let routes: [ProductRoute; 1] = [format!("/erp/*={function}").parse().unwrap()];
        let own = Router::new().route("/health", get(async || "own"));
        let routed = with_product_routes(own, &routes, &service.state);
        serve(routed.unwrap()).await
    }

    async fn call(&self, token: Option<&str>) -> reqwest::Response {
        let request = Client::new().get(format!("{}/erp/invoices", self.base));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_gets_the_event_with_the_authorizers_context() {
    let product = Product::start().await;
    product.function.returns(&json!({"statusCode": 200}));
    let token = product.service.token_of(EMAIL).await;
    let url = format!("{}/erp/invoices/7?a=1&a=2&b=%20x", product.base);
    let request = Client::new().request(Method::PUT, url).bearer_auth(&token);
    let request = request
        .header("content-type", "application/json")
        .header("x-forwarded-for", "203.0.113.9")
        .header("cookie", "one=1; two=2")
        .header("te", "trailers")
        .body(r#"{"amount":"ü"}"#);
    assert_eq!(request.send().await.unwrap().status(), 200);

    let event = product.function.last_event();
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["rawPath"], "/erp/invoices/7");
    assert_eq!(event["rawQueryString"], "a=1&a=2&b=%20x");
    assert_eq!(
        event["queryStringParameters"],
        json!({"a": "1,2", "b": " x"})
    );
    assert_eq!(event["cookies"], json!(["one=1", "two=2"]));
    assert_eq!(event["body"], r#"{"amount":"ü"}"#);
    assert_eq!(event["isBase64Encoded"], false);
    assert_eq!(
        event["headers"]["x-forwarded-for"],
        "203.0.113.9, 127.0.0.1"
    );
    assert_eq!(event["headers"].get("te"), None);
    assert_eq!(event["headers"].get("cookie"), None);
    let context = &event["requestContext"];
    assert_eq!(context["http"]["method"], "PUT");
    assert_eq!(context["http"]["sourceIp"], "127.0.0.1");
    let caller = &context["authorizer"]["lambda"];
    assert_eq!(caller["collection_name"], "org_akshay_pvt_ltd");
    assert_eq!(caller["role"], "owner");
    assert_eq!(caller.get("authenticated"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_text_are_encoded_both_ways() {
    let product = Product::start().await;
    let result = json!({"statusCode": 201, "body": "AAH/", "isBase64Encoded": true,
        "headers": {"Content-Type": "image/png", "x-count": 3}, "cookies": ["a=1; Secure", "b=2"]});
    product.function.returns(&result);
    let sending = Client::new().post(format!("{}/erp/images", product.base));
    let sending = sending
        .header("content-type", "image/png")
        .body(vec![0_u8, 1, 255]);
    let response = sending.send().await.unwrap();
    assert_eq!(product.function.last_event()["body"], "AAH/");
    assert_eq!(product.function.last_event()["isBase64Encoded"], true);
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.headers()["x-count"], "3");
    let cookies: Vec<_> = response
        .headers()
        .get_all("set-cookie")
        .iter()
        .cloned()
        .collect();
    assert_eq!(cookies, ["a=1; Secure", "b=2"]);
    assert_eq!(response.bytes().await.unwrap(), [0_u8, 1, 255].as_slice());

    // Without `statusCode`, the result is the body.
    product.function.returns(&json!({"invoices": []}));
    let response = product.call(None).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.text().await.unwrap(), r#"{"invoices":[]}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_valid_token_is_handed_on_as_such() {
    let product = Product::start().await;
    product.function.returns(&json!({"statusCode": 401}));
    let token = product.service.token_of(EMAIL).await;
    product.call(Some(&token)).await;
    assert_eq!(product.service.log_out(&token).await.status, 204);
    for token in [None, Some("x"), Some(token.as_str())] {
        assert_eq!(product.call(token).await.status(), 401);
        let event = product.function.last_event();
        let caller = &event["requestContext"]["authorizer"]["lambda"];
        assert_eq!(*caller, json!({"authenticated": "false"}), "{token:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_fails_is_a_problem_and_leaves_the_services_routes_alone() {
    let product = Product::start().await;
    let failed = HeaderMap::from_iter([(
        "x-amz-function-error".parse().unwrap(),
        "Unhandled".parse().unwrap(),
    )]);
    for (headers, result, reason) in [
        (failed, r#"{"errorMessage":"secret"}"#.to_owned(), "failed"),
        (HeaderMap::new(), "no JSON".to_owned(), "returned no JSON"),
        (
            HeaderMap::new(),
            r#"{"statusCode":"x"}"#.to_owned(),
            "no response of payload format 2.0",
        ),
        (
            HeaderMap::new(),
            format!("{:?}", "x".repeat(7 << 20)),
            "more than 6 MiB",
        ),
    ] {
        *product.function.result.lock().unwrap() = (headers, result);
        let response = product.call(None).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], "internal_error");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(reason) && !detail.contains("secret"),
            "{detail}"
        );
    }
    let large = Client::new().post(format!("{}/erp/x", product.base));
    let large = large.body(vec![0_u8; 7 << 20]).send().await.unwrap();
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    let base = Product::serve_with(&product.service, &format!("http://127.0.0.1:{port}/")).await;
    let down = reqwest::get(format!("{base}/erp")).await.unwrap();
    assert_eq!(down.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(down.text().await.unwrap().contains("Is it running?"));
    let own = reqwest::get(format!("{base}/health")).await.unwrap();
    assert_eq!(own.text().await.unwrap(), "own");
}

/// So that no product's path hides a path of the service.
#[tokio::test]
async fn a_product_can_have_no_path_of_the_service() {
    let service = TestService::start().await;
    let document = serde_json::to_value(server::openapi_document(&service.state)).unwrap();
    let documented = document["paths"].as_object().unwrap().keys();
    let pages = api_docs::PAGES.iter().map(|page| (*page).to_owned());
    for path in documented.cloned().chain(pages) {
        let first = path.trim_start_matches('/').split('/').next().unwrap();
        if !first.is_empty() {
            let route = format!("/{first}/*=http://127.0.0.1/").parse::<ProductRoute>();
            assert!(route.is_err(), "{path}");
        }
    }
}
