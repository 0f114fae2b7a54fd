//! Structured logging, filtered by `RUST_LOG`.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::config::Settings;

/// Crates whose log output below INFO contains no secrets. The functions' own crates log nothing below INFO.
const OURS: [&str; 2] = ["shared", "server"];

/// The filter of `RUST_LOG`, such as `info,shared=debug`.
///
/// Dependencies are capped at INFO because their debug output may contain passwords and secrets: Lambda's runtime logs
/// whole events, the AWS SDK whole requests.
pub fn filter(settings: &mut Settings<'_>) -> Targets {
    let default = || Targets::new().with_default(LevelFilter::INFO);
    capped(&settings.parsed(
        "RUST_LOG",
        "a log filter such as info or info,shared=debug",
        default,
    ))
}

fn capped(asked: &Targets) -> Targets {
    let everywhere = asked.default_level().unwrap_or(LevelFilter::OFF);
    let ours = OURS.map(|target| (target.to_owned(), everywhere));
    let directives = asked.iter().map(|(target, level)| match is_ours(target) {
        true => (target.to_owned(), level),
        false => (target.to_owned(), level.min(LevelFilter::INFO)),
    });
    Targets::new()
        .with_default(everywhere.min(LevelFilter::INFO))
        .with_targets(ours)
        .with_targets(directives)
}

fn is_ours(target: &str) -> bool {
    let name = target.split("::").next().unwrap_or_default();
    OURS.contains(&name)
}

/// Logs one JSON object per line, for CloudWatch.
pub fn start_json<W>(filter: Targets, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let format = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer);
    start(filter, format);
}

/// Logs plain text to stderr.
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
    // Fails if there is a subscriber already, which then stays in use.
    let _ = tracing_subscriber::registry()
        .with(format.with_filter(filter))
        .try_init();
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn filter_of(directives: &str) -> Targets {
        let lookup = |name: &str| (name == "RUST_LOG").then(|| directives.to_owned());
        let mut settings = Settings::new(&lookup);
        let filter = filter(&mut settings);
        settings.finish().unwrap();
        filter
    }

    #[test]
    fn l1_no_directive_makes_a_library_write_down_what_passes_through_it() {
        let libraries = [
            "lambda_runtime::layers::api_response",
            "aws_smithy_runtime::client::orchestrator",
            "aws_sdk_secretsmanager",
            "hyper::proto",
            "h2",
            "rustls",
            "mongodb",
        ];
        for directives in [
            "trace",
            "info,lambda_runtime=trace",
            "lambda_runtime::layers=debug,aws_smithy_runtime=trace,aws=trace,h=trace,rustls=trace",
            "shared=trace,l=trace,a=trace,mongodb=debug",
        ] {
            let filter = filter_of(directives);
            for library in libraries {
                assert!(
                    !filter.would_enable(library, &Level::DEBUG),
                    "{library} with {directives}"
                );
            }
        }
    }

    #[test]
    fn directives_apply_to_our_own_crates() {
        for directives in [
            "trace",
            "shared=trace",
            "info,shared::mongo=trace",
            "off,shared=trace",
        ] {
            let filter = filter_of(directives);
            assert!(
                filter.would_enable("shared::mongo", &Level::TRACE),
                "{directives}"
            );
        }
        let quiet = filter_of("warn,hyper=error,shared::mongo=off");
        assert!(quiet.would_enable("rustls", &Level::WARN));
        assert!(!quiet.would_enable("hyper::proto", &Level::WARN));
        assert!(quiet.would_enable("shared::sessions", &Level::WARN));
        assert!(!quiet.would_enable("shared::sessions", &Level::INFO));
        assert!(!quiet.would_enable("shared::mongo", &Level::ERROR));
        assert!(filter_of("").would_enable("lambda_runtime", &Level::INFO));
    }
}
