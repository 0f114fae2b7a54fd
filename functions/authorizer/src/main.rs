//! The authorizer as a Lambda function.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use lambda_http::{LambdaEvent, service_fn};
use shared::lambda::{self, InvocationError, Payload, Secret};
use shared::start::StartupError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartupError> {
    let state = lambda::start(&[Secret::Signing])?;
    let authorize =
        async |event: LambdaEvent<Payload<ApiGatewayV2CustomAuthorizerV2Request>>| match event
            .payload
        {
            Payload::Version2(request) => {
                authorizer::authorize(&state, request, &event.context).await
            }
            Payload::Version1 => Err(InvocationError::new(
                "UnsupportedPayloadFormat",
                lambda::NEEDS_VERSION_2,
            )),
        };
    lambda::serve_events(&state, service_fn(authorize)).await
}
