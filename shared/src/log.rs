//! Logs: structured, filtered by `RUST_LOG`.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::config::Settings;

/// What is logged: `RUST_LOG`'s directives, such as `info,mongodb=debug`.
pub fn filter(settings: &mut Settings<'_>) -> Targets {
    let default = || Targets::new().with_default(Level::INFO);
    settings.parsed(
        "RUST_LOG",
        "a log filter such as info or info,shared=debug",
        default,
    )
}

/// One JSON object a line: as CloudWatch reads them.
pub fn start_json<W>(filter: Targets, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let format = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer);
    start(filter, format);
}

/// Lines for people, on the error output.
pub fn start_text(filter: Targets) {
    let format = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(false)
        .with_writer(std::io::stderr);
    start(filter, format);
}

fn start<L>(filter: Targets, format: L)
where
    L: Layer<Registry> + Send + Sync,
{
    // A process that has a subscriber already keeps it.
    let _ = tracing_subscriber::registry()
        .with(format.with_filter(filter))
        .try_init();
}
