//! The two shapes of a log line. Both see an event's fields and those of the spans around it as one map.

use std::fmt::{self, Write as _};

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::clock::Clock;

type Fields = Map<String, Value>;

/// One JSON object: `timestamp`, `level`, `target`, then every field under its own name.
pub(super) struct Json;

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'a str,
    target: &'a str,
    #[serde(flatten)]
    fields: Fields,
}

impl<S> FormatEvent<S, JsonFields> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let line = Line {
            timestamp: Clock::system().now().to_rfc3339_opts(SecondsFormat::Micros, true),
            level: event.metadata().level().as_str(),
            target: event.metadata().target(),
            fields: fields(context, event),
        };
        writeln!(writer, "{}", serde_json::to_string(&line).map_err(|_| fmt::Error)?)
    }
}

/// `time level service what field=value…`, and for a request `time level service method route status duration`.
pub(super) struct Text;

impl<S> FormatEvent<S, JsonFields> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let paint = Paint { is_coloured: writer.has_ansi_escapes() };
        let level = *event.metadata().level();
        let line = text_line(paint, level, fields(context, event))?;
        let time = Clock::system().now().format("%H:%M:%S").to_string();
        writeln!(writer, "{} {line}", paint.dim(&time))
    }
}

/// The fields of the spans from the outermost in, then the event's own; the inner of two alike wins.
fn fields<S>(context: &FmtContext<'_, S, JsonFields>, event: &Event<'_>) -> Fields
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let mut all = Fields::new();
    for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
        if let Some(formatted) = span.extensions().get::<FormattedFields<JsonFields>>() {
            all.extend(read(&formatted.fields));
        }
    }
    event.record(&mut Own(&mut all));
    all
}

/// The fields of the event itself, put where those of the spans are.
struct Own<'a>(&'a mut Fields);

impl Own<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        self.0.insert(name.strip_prefix("r#").unwrap_or(name).to_owned(), value.into());
    }
}

impl Visit for Own<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

fn read(json: &str) -> Fields {
    serde_json::from_str(json).unwrap_or_default()
}

fn text_line(paint: Paint, level: Level, mut fields: Fields) -> Result<String, fmt::Error> {
    let mut line = String::new();
    let mut take = |name| fields.remove(name).map(|value| plain(&value)).unwrap_or_default();
    // Ids join the lines of several machines; a person reads those of one.
    for id in ["trace.id", "span.id"] {
        take(id);
    }
    write!(line, "{} {}", paint.level(level), paint.bold(&format!("{:<8}", take("service"))))?;
    let (message, method) = (take("message"), take("http.method"));
    if method.is_empty() {
        write!(line, " {message}")?;
    } else {
        let duration: f64 = take("duration_ms").parse().unwrap_or_default();
        let (route, path, status) = (take("http.route"), take("http.path"), take("http.status"));
        let asked = if path.is_empty() { route } else { path };
        let status = if status.is_empty() { message } else { status };
        take("request.id");
        write!(line, " {method:<6} {asked} {}", paint.status(&status))?;
        write!(line, " {}", paint.dim(&format!("{duration:.1} ms")))?;
    }
    for (name, value) in &fields {
        write!(line, " {}{}", paint.dim(&format!("{name}=")), plain(value))?;
    }
    Ok(line)
}

/// A value on one line, unable to steer the terminal.
fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() {
            safe.extend(char.escape_default());
        } else {
            safe.push(char);
        }
    }
    safe
}

#[derive(Clone, Copy)]
struct Paint {
    is_coloured: bool,
}

impl Paint {
    fn with(self, code: u8, text: &str) -> String {
        if self.is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn dim(self, text: &str) -> String {
        self.with(2, text)
    }

    fn bold(self, text: &str) -> String {
        self.with(1, text)
    }

    fn level(self, level: Level) -> String {
        let code = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            _ => 2,
        };
        self.with(code, &format!("{:<5}", level.as_str()))
    }

    fn status(self, status: &str) -> String {
        let code = match status.as_bytes().first() {
            Some(b'2' | b'3') => 32,
            Some(b'4') => 33,
            _ => 31,
        };
        self.with(code, status)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAIN: Paint = Paint { is_coloured: false };

    fn line(fields: &Value) -> String {
        text_line(PLAIN, Level::INFO, fields.as_object().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_request_is_one_short_line() {
        let fields = json!({
            "message": "request", "service": "user", "request.id": "r", "trace.id": "t", "span.id": "s",
            "http.method": "GET", "http.route": "/v1/users/{id}", "http.status": 200, "duration_ms": 1.26,
        });

        assert_eq!(line(&fields), "INFO  user     GET    /v1/users/{id} 200 1.3 ms");
    }

    #[test]
    fn an_event_keeps_its_fields_and_cannot_steer_the_terminal() {
        let fields = json!({ "message": "sent\u{1b}[2J", "service": "auth", "mail.kind": "a\nb" });

        assert_eq!(line(&fields), "INFO  auth     sent\\u{1b}[2J mail.kind=a\\nb");
    }

    #[test]
    fn colours_are_only_for_terminals() {
        let paint = Paint { is_coloured: true };

        assert_eq!(paint.status("503"), "\u{1b}[31m503\u{1b}[0m");
        assert_eq!(PLAIN.status("503"), "503");
    }
}
