//! What a probe found, and how people are told.

use crate::status::plain_table;
use serde::Serialize;
use std::fmt;

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub rows: Vec<Row>,
    /// Instances that no tool can be run in: guests behind taps.
    pub not_probed: Vec<String>,
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub from: String,
    pub to: String,
    pub what: String,
    pub expected: String,
    pub got: String,
    pub why: String,
    pub as_expected: bool,
}

impl Report {
    /// Whether every answer was the expected one.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.rows.iter().all(|row| row.as_expected)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = plain_table();
        table.set_header(["", "FROM", "TO", "WHAT", "EXPECTED", "GOT", "WHY"]);
        for row in &self.rows {
            let mark = if row.as_expected { "ok" } else { "WRONG" };
            table.add_row([mark, &row.from, &row.to, &row.what, &row.expected, &row.got, &row.why]);
        }
        writeln!(f, "{}\n", table.trim_fmt())?;
        for name in &self.not_probed {
            writeln!(f, "{name} is behind a tap and was not probed.")?;
        }
        let wrong = self.rows.iter().filter(|row| !row.as_expected).count();
        match (self.rows.len(), wrong) {
            (0, _) => f.write_str("There was nothing to probe."),
            (all, 0) => write!(f, "All {all} answers are as expected."),
            (all, wrong) => write!(f, "{wrong} of {all} answers are NOT as expected."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_answer_stands_out() {
        let row = |as_expected| Row {
            from: "blue/web-1".to_owned(),
            to: "blue/db-1 10.0.2.10".to_owned(),
            what: "ping".to_owned(),
            expected: "answers".to_owned(),
            got: "nothing comes back".to_owned(),
            why: String::new(),
            as_expected,
        };
        let mut report = Report {
            rows: vec![row(true), row(false)],
            not_probed: vec!["blue/vm".to_owned()],
        };
        let text = report.to_string();
        assert!(text.contains("WRONG  blue/web-1"), "{text}");
        assert!(text.contains("blue/vm is behind a tap"), "{text}");
        assert!(text.ends_with("1 of 2 answers are NOT as expected."), "{text}");
        assert!(!report.is_as_expected());
        report.rows.pop();
        assert!(report.is_as_expected());
    }
}
