//! The authorizer as a Lambda function.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use lambda_http::{LambdaEvent, service_fn};
use shared::lambda::{self, InvocationError, Payload, Pepper};
use shared::start::StartRefused;
use shared::state::Secured;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartRefused> {
    let (app, tokens) = lambda::start_with_tokens(Pepper::Unused)?;
    let secured = Secured {
        app: app.clone(),
        tokens: tokens.clone(),
    };
    let authorize =
        async |event: LambdaEvent<Payload<ApiGatewayV2CustomAuthorizerV2Request>>| match event
            .payload
        {
            Payload::Version2(request) => {
                authorizer::authorize(&secured, request, &event.context).await
            }
            Payload::Version1 => Err(InvocationError::new(
                "UnsupportedPayloadFormat",
                lambda::NEEDS_VERSION_2,
            )),
        };
    lambda::serve_events(&app, Some(&tokens), service_fn(authorize)).await
}
