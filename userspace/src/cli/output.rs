//! What is printed: results to standard output, problems to standard error; as JSON, everything to standard output.

use super::host::Warnings;
use clap::ValueEnum;
use groundplane::document::Diagnostics;
use serde::Serialize;
use serde_json::Value;
use std::io::{IsTerminal, Write};

/// Prints what has a form of its own, whatever the format.
pub(super) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    wanted(std::io::stdout().lock().write_all(bytes))
}

/// Whoever closed the pipe, as `head` does when it has seen enough, doesn't want the rest.
fn wanted(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

/// Where a verb prints to.
#[derive(Debug)]
pub(super) struct Output {
    format: Format,
    /// Whether standard error shows colours.
    colours: bool,
}

/// Colours are for terminals, and not for people who set NO_COLOR to anything (no-color.org).
fn colours(on: &impl IsTerminal) -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && on.is_terminal()
}

pub(super) fn colours_on_stderr() -> bool {
    colours(&std::io::stderr())
}

pub(super) fn colours_on_stdout() -> bool {
    colours(&std::io::stdout())
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            colours: colours_on_stderr(),
        }
    }

    pub(super) const fn format(&self) -> Format {
        self.format
    }

    /// Text for people.
    pub(super) fn text(&self, text: &str) -> anyhow::Result<()> {
        wanted(writeln!(std::io::stdout().lock(), "{text}"))
    }

    /// What is JSON whoever asks.
    pub(super) fn json(&self, value: &Value) -> anyhow::Result<()> {
        wanted(writeln!(std::io::stdout().lock(), "{value:#}"))
    }

    /// The result: as text for people, or the value itself for programs.
    pub(super) fn result(&self, text: &str, value: &impl Serialize) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        let written = match self.format {
            Format::Text => writeln!(out, "{text}"),
            Format::Json => serde_json::to_writer_pretty(&mut out, value)
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(out)),
        };
        wanted(written)
    }

    /// One of many results, each on a line of its own at once. Whether anybody still reads them.
    pub(super) fn line(&self, text: &str, value: &impl Serialize) -> anyhow::Result<bool> {
        let mut out = std::io::stdout().lock();
        let written = match self.format {
            Format::Text => writeln!(out, "{text}"),
            Format::Json => serde_json::to_writer(&mut out, value)
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(out)),
        };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            other => Ok(other.map(|()| true)?),
        }
    }

    /// Problems of a document. As JSON they are part of the result, so nothing is printed here.
    pub(super) fn diagnostics(&self, diagnostics: &Diagnostics) {
        if self.format == Format::Text && !diagnostics.problems.is_empty() {
            // As above: whoever closed standard error doesn't want the rest.
            _ = write!(std::io::stderr().lock(), "{}", diagnostics.render(self.colours));
        }
    }

    /// What a configuration is warned of, by whoever has read it.
    pub(super) fn warnings(&self, warnings: &Warnings) {
        match warnings {
            Warnings::Own(diagnostics) => self.diagnostics(diagnostics),
            Warnings::Told(value) if self.format == Format::Text => told(value),
            Warnings::Told(_) => {}
        }
    }

    /// Problems that keep a verb from doing anything.
    pub(super) fn refusal(&self, problems: &Value, text: &str) {
        match self.format {
            // As above.
            Format::Text => _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end()),
            Format::Json => _ = self.result("", problems),
        }
    }

    /// What made a verb fail, with what led to it.
    pub(super) fn failure(&self, error: &anyhow::Error) {
        let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
        // There is nowhere left to report a failure to print a failure.
        _ = match self.format {
            Format::Text if self.colours => writeln!(err, "\x1b[1;31merror\x1b[0m: {error:#}"),
            Format::Text => writeln!(err, "error: {error:#}"),
            Format::Json => writeln!(out, "{}", serde_json::json!({ "error": format!("{error:#}") })),
        };
    }
}

/// Warnings of which nothing but their JSON is known.
fn told(diagnostics: &Value) {
    let problems = diagnostics.get("problems").and_then(Value::as_array);
    for problem in problems.into_iter().flatten() {
        let word = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| problem.get(name).and_then(Value::as_u64).unwrap_or_default();
        let place = format!("{}:{}:{}", word("file"), number("line"), number("column"));
        let label = match word("number") {
            "" => String::new(),
            number => format!("[{number}]"),
        };
        _ = writeln!(
            std::io::stderr().lock(),
            "warning{label}: {}\n  --> {place}",
            word("message")
        );
    }
}
