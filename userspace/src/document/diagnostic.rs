//! What is wrong with a document, and where, printed the way compilers do.

use super::source::{Located, SourceMap};
use serde::Serialize;
use std::fmt;

/// Bytes of the sources, which share one space of offsets, from `start` to before `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) const fn at(start: usize) -> Self {
        Self { start, end: start }
    }
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    /// AWS accepts it, yet it hardly does what it is meant to do.
    Warning,
}

/// One problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    #[serde(flatten)]
    pub place: Place,
    /// Another place that has to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Place>,
    /// The error code of AWS's API for the same thing, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Which of the usual misconfigurations it is (semantics 31), if it is one of them: `M1` to `M70`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<&'static str>,
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip)]
    excerpt: Excerpt,
}

impl Diagnostic {
    /// What stands in brackets: a misconfiguration's number and the code, as far as there are any.
    fn label(&self) -> String {
        match (self.number, self.code) {
            (Some(number), Some(code)) => format!("[{number} {code}]"),
            (Some(one), None) | (None, Some(one)) => format!("[{one}]"),
            (None, None) => String::new(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The source's name.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", printable(&self.file), self.line, self.column)
    }
}

/// The part of a line that is shown, and what of it is underlined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Excerpt {
    text: String,
    /// Characters before the underlined ones.
    before: usize,
    underlined: usize,
}

/// All problems of a configuration, in order of place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    pub problems: Vec<Diagnostic>,
    /// How many more there are than are listed.
    pub omitted: usize,
}

impl Diagnostics {
    /// The same problems, each of them an error.
    #[must_use]
    pub fn strict(mut self) -> Self {
        for problem in &mut self.problems {
            problem.severity = Severity::Error;
        }
        self
    }

    /// The text people read, with colours or without.
    #[must_use]
    pub fn render(&self, colours: bool) -> String {
        Rendered {
            diagnostics: self,
            colours,
        }
        .to_string()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Rendered {
            diagnostics: self,
            colours: false,
        }
        .fmt(f)
    }
}

impl std::error::Error for Diagnostics {}

struct Rendered<'a> {
    diagnostics: &'a Diagnostics,
    colours: bool,
}

impl Rendered<'_> {
    fn paint(&self, code: &'static str) -> &'static str {
        if self.colours { code } else { "" }
    }

    fn problem(&self, problem: &Diagnostic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, colour) = match problem.severity {
            Severity::Error => ("error", self.paint("\x1b[1;31m")),
            Severity::Warning => ("warning", self.paint("\x1b[1;33m")),
        };
        let (bold, blue, plain) = (self.paint("\x1b[1m"), self.paint("\x1b[1;34m"), self.paint("\x1b[0m"));
        let label = problem.label();
        writeln!(f, "{colour}{word}{label}{plain}{bold}: {}{plain}", problem.message)?;
        let Diagnostic { place, excerpt, .. } = problem;
        let number = place.line.to_string();
        let gutter = " ".repeat(number.len());
        writeln!(f, "{gutter}{blue}-->{plain} {place}")?;
        writeln!(f, "{gutter} {blue}|{plain}")?;
        writeln!(f, "{blue}{number} |{plain} {}", excerpt.text)?;
        let before = " ".repeat(excerpt.before);
        let carets = "^".repeat(excerpt.underlined);
        writeln!(f, "{gutter} {blue}|{plain} {before}{colour}{carets}{plain}")?;
        if let Some(other) = &problem.other {
            writeln!(f, "{gutter} {blue}={plain} {bold}other{plain}: {other}")?;
        }
        if let Some(help) = &problem.help {
            writeln!(f, "{gutter} {blue}={plain} {bold}help{plain}: {help}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.diagnostics.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            self.problem(problem, f)?;
        }
        match self.diagnostics.omitted {
            0 => Ok(()),
            omitted => writeln!(f, "\n… and {omitted} more"),
        }
    }
}

/// How many errors are listed, and how many warnings; nobody reads more, and a large document could have hundreds of
/// thousands.
const LISTED: usize = 100;

/// A problem while the document is being read.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    severity: Severity,
    span: Span,
    other: Option<Span>,
    code: Option<&'static str>,
    number: Option<&'static str>,
    message: String,
    help: Option<String>,
}

impl Problem {
    pub(super) fn error(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            span,
            other: None,
            code: None,
            number: None,
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(span, message)
        }
    }

    /// AWS's code for it (semantics 30).
    pub(super) fn code(self, code: impl Into<Option<&'static str>>) -> Self {
        Self {
            code: code.into(),
            ..self
        }
    }

    /// Which of the usual misconfigurations it is (semantics 31).
    pub(super) fn number(self, number: &'static str) -> Self {
        Self {
            number: Some(number),
            ..self
        }
    }

    /// Another place that has to do with it.
    pub(super) fn other(self, other: Span) -> Self {
        Self {
            other: Some(other),
            ..self
        }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// The problems found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Problems {
    listed: Vec<Problem>,
    errors: usize,
    warnings: usize,
}

impl Problems {
    pub(super) fn report(&mut self, problem: Problem) {
        let count = match problem.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= LISTED {
            self.listed.push(problem);
        }
    }

    /// Whether another error would only be counted, so that working out a suggestion for it is wasted.
    pub(super) fn is_full(&self) -> bool {
        self.errors >= LISTED
    }

    /// Whether there is an error at a place already, of which another one would only be the consequence.
    pub(super) fn is_told(&self, span: Span) -> bool {
        let mut listed = self.listed.iter();
        listed.any(|problem| problem.severity == Severity::Error && problem.span == span)
    }

    /// How many errors there are so far.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// Takes over what was found elsewhere.
    pub(super) fn extend(&mut self, other: &Self) {
        let counts = (self.errors + other.errors, self.warnings + other.warnings);
        other.listed.iter().for_each(|problem| self.report(problem.clone()));
        (self.errors, self.warnings) = counts;
    }

    pub(super) fn into_diagnostics(mut self, sources: &SourceMap<'_>) -> Diagnostics {
        self.listed.sort_by_key(|problem| sources.order(problem.span));
        let omitted = self.errors + self.warnings - self.listed.len();
        let problems = self
            .listed
            .into_iter()
            .map(|problem| locate(problem, sources))
            .collect();
        Diagnostics { problems, omitted }
    }
}

fn locate(problem: Problem, sources: &SourceMap<'_>) -> Diagnostic {
    let Problem {
        severity,
        span,
        other,
        code,
        number,
        message,
        help,
    } = problem;
    let located = sources.locate(span);
    let excerpt = located.as_ref().map(|located| {
        let underlined = located.text.chars().count();
        excerpt(located.line_text, located.column - 1, underlined)
    });
    let place = |located: Located<'_>| Place {
        file: located.file.to_owned(),
        line: located.line,
        column: located.column,
    };
    Diagnostic {
        severity,
        place: located.map(place).unwrap_or_default(),
        other: other.and_then(|other| sources.locate(other)).map(place),
        code,
        number,
        message,
        help,
        excerpt: excerpt.unwrap_or_default(),
    }
}

/// At most this many characters of a line are shown, with the underlined ones among them.
const EXCERPT: usize = 120;

fn excerpt(line: &str, before: usize, underlined: usize) -> Excerpt {
    let skipped = before.saturating_sub(EXCERPT / 2);
    let shown: String = line.chars().skip(skipped).take(EXCERPT).collect();
    let before = before - skipped;
    let room = EXCERPT.saturating_sub(before).max(1);
    Excerpt {
        text: printable(&shown),
        before,
        underlined: underlined.clamp(1, room),
    }
}

/// Text from the document or the command line, as a terminal may see it: one column for each character.
fn printable(text: &str) -> String {
    let visible = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(visible).collect()
}

/// Text from the document in quotation marks, for messages. Nothing in it can move the cursor, and it isn't long.
pub(super) fn quote(text: &str) -> String {
    const SHOWN: usize = 60;
    let clipped: String = text.chars().take(SHOWN).collect();
    let dots = if clipped.len() < text.len() { "…" } else { "" };
    format!("\"{}{dots}\"", clipped.escape_debug())
}
