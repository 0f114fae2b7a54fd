//! The baseline: a function of `lambda_http` alone. A request to `/hash` costs it one bcrypt hash.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(answer)).await
}

async fn answer(request: Request) -> Result<Response<Body>, Error> {
    if request.uri().path() == "/hash" {
        let hash = || bcrypt::hash("a password", 12);
        tokio::task::spawn_blocking(hash).await??;
    }
    Ok(Response::new(Body::Text("ok".to_owned())))
}
