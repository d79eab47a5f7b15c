//! Logs: JSON for machines, short lines for people; one line a request either way. And traces, if anybody collects them.

mod format;
mod traces;

use std::io::{IsTerminal as _, stdout};
use std::panic::PanicHookInfo;

use anyhow::Context as _;
use tracing::{Dispatch, Span};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use traces::{Decider, EndedRequest, OpenSpan, TraceConfig, Traces};

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, dotted fields at the top level.
    #[default]
    Json,
    /// Short lines for people, coloured on a terminal.
    Text,
}

/// What is logged, and how, and what is traced.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Logs")]
pub struct TelemetryConfig {
    /// What to log: a level, or levels by module such as `info,portico_auth=debug`.
    #[arg(long, env = "LOG", value_name = "FILTER", default_value = "info", value_parser = filter)]
    pub log: String,
    /// How a log line looks.
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Where traces go.
    #[command(flatten)]
    pub traces: TraceConfig,
}

/// Sends the logs of this process, panics included, to standard output.
///
/// # Errors
/// The filter cannot be read, or the process logs already.
pub fn init(config: &TelemetryConfig) -> anyhow::Result<()> {
    dispatch(config, stdout, stdout().is_terminal())?.try_init().context("logs are set up already")?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Gives everything logged inside it the field `service`; for what runs outside of requests.
pub fn service_span(service: &'static str) -> Span {
    tracing::error_span!("service", service)
}

fn dispatch<W>(config: &TelemetryConfig, writer: W, is_terminal: bool) -> anyhow::Result<Dispatch>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .fmt_fields(JsonFields::new())
        .with_writer(writer)
        .with_env_filter(EnvFilter::try_new(&config.log).context("LOG")?);
    Ok(match config.log_format {
        LogFormat::Json => builder.event_format(format::Json).into(),
        // Left to itself on a terminal, the subscriber honours NO_COLOR.
        LogFormat::Text if is_terminal => builder.event_format(format::Text).into(),
        LogFormat::Text => builder.with_ansi(false).event_format(format::Text).into(),
    })
}

fn filter(raw: &str) -> Result<String, String> {
    EnvFilter::try_new(raw).map_err(|error| error.to_string())?;
    Ok(raw.to_owned())
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let reason = panic.payload_as_str().unwrap_or("not a text");
    tracing::error!(panic.place = place, panic.reason = reason, "panicked");
}

/// Keeps what is logged on this thread, for tests to look at.
#[cfg(test)]
pub(crate) mod capture {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::dispatcher::{DefaultGuard, set_default};

    use super::{LogFormat, TelemetryConfig, TraceConfig, dispatch};

    #[derive(Clone, Default)]
    pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        pub(crate) fn begin() -> (Self, DefaultGuard) {
            let config =
                TelemetryConfig { log: "info".to_owned(), log_format: LogFormat::Json, traces: TraceConfig::default() };
            let log = Self::default();
            let writer = log.clone();
            let dispatch = dispatch(&config, move || writer.clone(), false).unwrap();
            (log, set_default(&dispatch))
        }

        pub(crate) fn lines(&self) -> Vec<Value> {
            let bytes = self.0.lock().unwrap();
            bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::capture::Log;
    use super::*;

    #[test]
    fn fields_of_spans_and_events_lie_side_by_side() {
        let (log, _guard) = Log::begin();

        service_span("user").in_scope(|| {
            tracing::error_span!("request", request.id = "r-1").in_scope(|| tracing::warn!(mail.kind = 7, "not sent"));
        });
        tracing::debug!("below the filter");

        let lines = log.lines();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["message"], "not sent");
        assert_eq!(lines[0]["service"], "user");
        assert_eq!(lines[0]["request.id"], "r-1");
        assert_eq!(lines[0]["mail.kind"], 7);
        assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_bad_filter_is_refused() {
        assert!(filter("info,portico_auth=debug").is_ok());
        assert!(filter("portico_auth=loud").is_err());
    }

    #[test]
    fn a_panic_is_logged_with_its_place() {
        let (log, _guard) = Log::begin();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));

        let caught = catch_unwind(|| panic!("no more {}", "coffee"));

        std::panic::set_hook(before);
        assert!(caught.is_err());
        assert_eq!(log.lines()[0]["panic.reason"], "no more coffee");
        assert!(log.lines()[0]["panic.place"].as_str().unwrap().contains("telemetry.rs"));
    }
}
