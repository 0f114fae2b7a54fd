//! Replays Secrets Manager's responses immediately, so that the rest of a cold start is the function's own time.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::Outcome;

/// Listens as long as this value lives.
pub struct Replay {
    url: String,
    server: JoinHandle<()>,
}

struct Answers {
    asked: reqwest::Client,
    url: String,
    /// By the requests' bodies.
    known: Mutex<BTreeMap<Bytes, Bytes>>,
}

impl Replay {
    /// Forwards requests without a recorded response to the one at `url`.
    pub async fn start(url: String) -> Outcome<Self> {
        let answers = Answers {
            asked: reqwest::Client::new(),
            url,
            known: Mutex::default(),
        };
        let router = Router::new().fallback(answer).with_state(Arc::new(answers));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            // It ends only with its task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, server })
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    State(answers): State<Arc<Answers>>,
    headers: HeaderMap,
    request: Bytes,
) -> Result<Bytes, StatusCode> {
    let mut known = answers.known.lock().await;
    if let Some(answer) = known.get(&request) {
        return Ok(answer.clone());
    }
    let answer = answers.ask(headers, request.clone()).await;
    let answer = answer.map_err(|_| StatusCode::BAD_GATEWAY)?;
    known.insert(request, answer.clone());
    Ok(answer)
}

impl Answers {
    async fn ask(&self, mut headers: HeaderMap, request: Bytes) -> reqwest::Result<Bytes> {
        headers.remove(header::HOST);
        let asking = self.asked.post(&self.url).headers(headers).body(request);
        asking.send().await?.error_for_status()?.bytes().await
    }
}
