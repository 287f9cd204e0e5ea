//! What is kept of a run: files for programs and for people, and the figures in a document.

use crate::report::Report;
use crate::{markdown, plot};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;

/// Between these two lines stands what a run has found.
const MARKS: [&str; 2] = ["<!-- figures -->\n", "<!-- end of figures -->\n"];

/// The report, and a plot of each curve. Those of another run are written over, and what this one hasn't measured
/// stays.
pub(crate) fn write(report: &Report, directory: &Path) -> Result<()> {
    let context = || format!("can't write to {}", directory.display());
    fs::create_dir_all(directory).with_context(context)?;
    fs::write(directory.join("report.json"), serde_json::to_vec_pretty(report)?).with_context(context)?;
    fs::write(directory.join("report.md"), markdown::write(report, "")).with_context(context)?;
    draw(report, directory).with_context(context)
}

/// Puts the figures into a document, and the plots into the folder beside it that has its name.
pub(crate) fn record(report: &Report, document: &Path) -> Result<()> {
    let context = || format!("can't record in {}", document.display());
    let text = fs::read_to_string(document).with_context(context)?;
    let plots = document.with_extension("");
    let name = plots.file_name().with_context(context)?.to_string_lossy();
    let figures = markdown::write(report, &format!("{name}/"));
    let text = replaced(&text, &figures).with_context(|| format!("{} has no marks", document.display()))?;
    fs::create_dir_all(&plots).with_context(context)?;
    draw(report, &plots).with_context(context)?;
    fs::write(document, text).with_context(context)
}

fn draw(report: &Report, directory: &Path) -> Result<()> {
    for curve in report.sections.iter().flat_map(|section| &section.figures.curves) {
        fs::write(directory.join(format!("{}.svg", curve.name)), plot::draw(curve))?;
    }
    Ok(())
}

/// The text with something else between its marks.
fn replaced(text: &str, figures: &str) -> Option<String> {
    let [begin, end] = MARKS;
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{figures}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_put_in_the_place_of_those_of_another_run() {
        let text = "before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n";
        let once = replaced(text, "new\n").unwrap();
        assert_eq!(
            once,
            "before\n<!-- figures -->\n\nnew\n\n<!-- end of figures -->\nafter\n"
        );
        assert_eq!(replaced(&once, "new\n").unwrap(), once);
        assert_eq!(replaced("no marks", "new\n"), None);
    }
}
