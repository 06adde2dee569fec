//! Where the log goes and in which format.
//!
//! Under systemd each line carries its priority and no time, since the journal adds both; on a terminal it is formatted
//! for people; with `--log-format json` for programs.

use crate::domain::fault::clean;
use clap::ValueEnum;
use std::fmt;
use std::io::IsTerminal as _;
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people; for the journal under systemd.
    Text,
    /// One JSON object a line.
    Json,
}

/// Maximum number of lines that wait for a reader; further ones are dropped.
const LINES_WAITING_MAX: usize = 4096;

/// Starts logging to stderr. `LIFEBOAT_LOG` sets the level, also per module (`debug`, `lifeboat::engine=trace`).
///
/// A separate thread writes, so that a reader who stopped reading, or a full disk under the log, costs lines but never
/// blocks the daemon. Dropping the guard writes the lines that still wait.
pub(super) fn begin(format: LogFormat, default_level: &str) -> WorkerGuard {
    let (writer, guard) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_WAITING_MAX).finish(std::io::stderr());
    // What credentials fail with is reported by the engine, with the account.
    let levels = format!(
        "{default_level},tokio_cron_scheduler=warn,hyper=warn,aws=warn,aws_config::sts=error,\
         aws_config::meta::credentials=error,sqlx=warn"
    );
    let filter = EnvFilter::try_from_env("LIFEBOAT_LOG").unwrap_or_else(|_| EnvFilter::new(levels));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    let journal = std::env::var_os("JOURNAL_STREAM").is_some() && !std::io::stderr().is_terminal();
    let begun = match format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
        LogFormat::Text if journal => builder.event_format(Cleaned(Journal)).try_init(),
        LogFormat::Text => {
            builder.with_ansi(super::terminal::colour_on_stderr()).compact().map_event_format(Cleaned).try_init()
        }
    };
    // A second start in one process, as in tests, keeps the first logger.
    drop(begun);
    guard
}

/// Maximum length of a line from another crate.
const FOREIGN_MAX_CHARS: usize = 1000;

/// Log lines of other crates may quote any input: they are kept to one line of bounded length without terminal control
/// characters. JSON escapes them itself.
struct Cleaned<F>(F);

impl<S, N, F> FormatEvent<S, N> for Cleaned<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if event.metadata().target().starts_with(env!("CARGO_PKG_NAME")) {
            return self.0.format_event(context, to, event);
        }
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        writeln!(to, "{}", clean(line.trim_end(), FOREIGN_MAX_CHARS))
    }
}

/// `<6>message field=value`: sd-daemon(3) reads and removes the priority.
struct Journal;

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        let mut line = String::new();
        context.field_format().format_fields(Writer::new(&mut line), event)?;
        // Each line is one entry: a message of several lines (a refused policy) needs the priority on each.
        for part in line.lines() {
            writeln!(to, "<{priority}>{part}")?;
        }
        Ok(())
    }
}
