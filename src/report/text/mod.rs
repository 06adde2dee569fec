//! The picture and the history on a terminal, and in the forms that scripts read.
//!
//! A person asks when something is wrong and has seconds: the first line is the answer, the worst comes first, and
//! words from outside (AWS's messages, names) can neither break a table nor speak to the terminal.

mod history;

pub use history::{history_csv, history_json};
