//! Output to a terminal, a pipe, or a closed pipe.

use super::{Done, Failure};
use crate::report::text::OutputStyle;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// Prints to stdout. A closed reader (`| head`) is not an error.
pub(super) fn print(text: &str) -> Done {
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    print_as_is(&format!("{text}{newline}"))
}

/// The same without a line end.
pub(super) fn print_as_is(text: &str) -> Done {
    let mut out = std::io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Run(format!("cannot write the output: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Prints an error to stderr. It must not matter whether anybody reads it.
pub(super) fn complain(what: &str) {
    complain_as_is(&format!("lifeboat: {what}"));
}

/// The same for text that names the program or the location itself.
pub(super) fn complain_as_is(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// Whether stdout is a terminal that can be drawn on.
pub(super) fn live() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether to colour stdout.
fn colour() -> bool {
    live() && !no_color()
}

/// Whether to colour stderr.
pub(super) fn colour_on_stderr() -> bool {
    std::io::stderr().is_terminal() && !no_color()
}

/// The output style for stdout.
pub(super) fn output_style() -> OutputStyle {
    if !live() {
        return OutputStyle::plain();
    }
    let size = terminal_size::terminal_size();
    let width = size.map(|(width, _)| width.0);
    OutputStyle { width, rows: None, colour: colour(), unicode: unicode() }
}

/// The same for a view that is redrawn in place and must fit the screen.
pub(super) fn live_output_style() -> OutputStyle {
    let rows = terminal_size::terminal_size().map(|(_, height)| usize::from(height.0).saturating_sub(8).max(3));
    OutputStyle { rows, ..output_style() }
}

/// Whether the terminal can show more than ASCII.
fn unicode() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|name| std::env::var(name).ok()).find(|v| !v.is_empty());
    set.is_some_and(|locale| locale.to_uppercase().replace('-', "").contains("UTF8"))
}

/// <https://no-color.org>
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
