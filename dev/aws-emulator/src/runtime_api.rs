//! Lambda's runtime API for one process: it asks for the next event, and posts its outcome.
//!
//! See <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Time that a function has for an event, its `Timeout` in the template.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Outcome of an event: the response, or the error's description.
pub type Outcome = Result<Bytes, Bytes>;

pub struct RuntimeApi {
    pub address: SocketAddr,
    state: Arc<Served>,
    events: mpsc::UnboundedSender<Bytes>,
    server: JoinHandle<()>,
}

struct Served {
    /// When the first event was requested: the process is ready.
    ready: watch::Sender<Option<Instant>>,
    next: tokio::sync::Mutex<mpsc::UnboundedReceiver<Bytes>>,
    waiting: Mutex<Waiting>,
}

/// Receivers of the outcomes of events.
#[derive(Default)]
struct Waiting {
    handed_out: u64,
    queued: VecDeque<oneshot::Sender<Outcome>>,
    running: HashMap<String, oneshot::Sender<Outcome>>,
}

impl RuntimeApi {
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (events, next) = mpsc::unbounded_channel();
        let state = Arc::new(Served {
            ready: watch::Sender::new(None),
            next: tokio::sync::Mutex::new(next),
            waiting: Mutex::default(),
        });
        let api = Router::new()
            .route("/invocation/next", get(hand_out))
            .route("/invocation/{id}/response", post(take_answer))
            .route("/invocation/{id}/error", post(take_error))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&state));
        let api = Router::new().nest("/2018-06-01/runtime", api);
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            // It ends only with its task.
            let _ = axum::serve(listener, api).await;
        });
        Ok(Self {
            address,
            state,
            events,
            server,
        })
    }

    /// When the process asked for its first event.
    pub async fn ready(&self) -> Option<Instant> {
        let mut ready = self.state.ready.subscribe();
        *ready.wait_for(Option::is_some).await.ok()?
    }

    /// Queues an event, and returns a receiver of its outcome.
    pub fn invoke(&self, event: Bytes) -> oneshot::Receiver<Outcome> {
        let (sender, outcome) = oneshot::channel();
        let mut waiting = self.state.waiting();
        waiting.queued.push_back(sender);
        // It is received as long as the server runs.
        let _ = self.events.send(event);
        outcome
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Served {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, id: &str, outcome: Outcome) -> StatusCode {
        let Some(waiting) = self.waiting().running.remove(id) else {
            return StatusCode::BAD_REQUEST;
        };
        // The receiver may have been dropped.
        let _ = waiting.send(outcome);
        StatusCode::ACCEPTED
    }
}

async fn hand_out(State(state): State<Arc<Served>>) -> Result<impl IntoResponse, StatusCode> {
    state.ready.send_if_modified(|ready| {
        let first = ready.is_none();
        ready.get_or_insert_with(Instant::now);
        first
    });
    let event = state
        .next
        .lock()
        .await
        .recv()
        .await
        .ok_or(StatusCode::GONE)?;
    let deadline = UNIX_EPOCH.elapsed().unwrap_or_default() + TIMEOUT;
    let mut waiting = state.waiting();
    let sender = waiting.queued.pop_front().ok_or(StatusCode::GONE)?;
    waiting.handed_out += 1;
    let id = format!("00000000-0000-4000-8000-{:012}", waiting.handed_out);
    waiting.running.insert(id.clone(), sender);
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        (
            "lambda-runtime-deadline-ms",
            deadline.as_millis().to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:function".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned(),
        ),
    ];
    Ok((headers, event))
}

async fn take_answer(
    State(state): State<Arc<Served>>,
    Path(id): Path<String>,
    answer: Bytes,
) -> StatusCode {
    state.end(&id, Ok(answer))
}

async fn take_error(
    State(state): State<Arc<Served>>,
    Path(id): Path<String>,
    error: Bytes,
) -> StatusCode {
    state.end(&id, Err(error))
}
