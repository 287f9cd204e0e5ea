//! The report as tables that a document can take as they are.

use crate::report::{Bar, Report, Row, Section};
use std::fmt::Write as _;

/// The whole report, whose plots are in a folder.
pub(crate) fn write(report: &Report, plots: &str) -> String {
    let mut text = format!("{}.\n", report.circumstances());
    write_bars(&mut text, report);
    for section in &report.sections {
        write_section(&mut text, section, plots);
    }
    text
}

/// Every figure of which something is expected, in short. Writing to a string can't fail, here and below.
fn write_bars(text: &mut String, report: &Report) {
    text.push_str("\n### Bars\n\n| | against | ratio | it lies in | bar | |\n|---|---|---|---|---|---|\n");
    let rows = report.sections.iter().flat_map(|section| &section.figures.rows);
    for row in rows.filter(|row| row.bar != Bar::None) {
        let _ = writeln!(text, "| {} | {} | {} |", row.what, row.against, ratio(row));
    }
}

fn write_section(text: &mut String, section: &Section, plots: &str) {
    let _ = writeln!(text, "\n### `{}`\n", section.command);
    if let Some(failure) = &section.failure {
        let _ = writeln!(text, "failed: {failure}");
        return;
    }
    text.push_str(
        "| | unit | ours | against | theirs | ratio | it lies in | bar | |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in &section.figures.rows {
        let _ = writeln!(text, "{}", line(row));
    }
    for curve in &section.figures.curves {
        let _ = write!(text, "\n![{}]({plots}{}.svg)\n", curve.title, curve.name);
    }
}

fn line(row: &Row) -> String {
    let (ours, theirs) = (rounded(row.ours.median), rounded(row.theirs.median));
    format!(
        "| {} | {} | {ours} | {} | {theirs} | {} |",
        row.what,
        row.unit,
        row.against,
        ratio(row)
    )
}

/// The last columns of either table.
fn ratio(row: &Row) -> String {
    let ratio = row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    let verdict = match (row.bar, row.met) {
        (_, None) => "too noisy to say",
        (Bar::None, _) => "",
        (_, Some(true)) => "met",
        (_, Some(false)) => "**missed**",
    };
    let bar = match row.bar {
        Bar::None => String::new(),
        bar => bar.to_string(),
    };
    let [from, to] = row.interval;
    format!("{ratio} | {from:.2} to {to:.2} | {bar} | {verdict}")
}

/// Three digits of it.
fn rounded(number: f64) -> String {
    let digits = match number.abs() {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Figures;
    use crate::sample::Sample;

    #[test]
    fn a_row_is_a_line() {
        let sample = |figure: f64| Sample::of(vec![figure; 5]).unwrap();
        let row = Row::new(
            "small packets".to_owned(),
            "Mpps",
            sample(1.9),
            ("bare redirects", sample(2.0)),
            Bar::AtLeast(0.9),
        );
        let section = Section {
            command: "cargo xtask bench --only packets".to_owned(),
            seconds: 1.0,
            figures: Figures::from(vec![row.unwrap()]),
            failure: None,
        };
        let mut text = String::new();
        write_section(&mut text, &section, "");
        let expected =
            "| small packets | Mpps | 1.90 | bare redirects | 2.00 | 0.95 | 0.95 to 0.95 | at least 0.90 | met |";
        assert_eq!(text.lines().last(), Some(expected));
    }
}
