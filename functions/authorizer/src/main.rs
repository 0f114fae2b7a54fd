//! The authorizer as a Lambda function.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use lambda_http::{LambdaEvent, service_fn};
use shared::lambda::{self, Pepper};
use shared::start::StartRefused;
use shared::tokens::Secured;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartRefused> {
    let (app, tokens) = lambda::start_with_tokens(Pepper::Unused)?;
    let secured = Secured {
        app: app.clone(),
        tokens: tokens.clone(),
    };
    let authorize = async |event: LambdaEvent<ApiGatewayV2CustomAuthorizerV2Request>| {
        authorizer::authorize(&secured, event.payload, &event.context).await
    };
    lambda::serve_events(&app, Some(&tokens), service_fn(authorize)).await
}
