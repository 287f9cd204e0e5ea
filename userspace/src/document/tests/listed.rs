//! `docs/validation.md` lists what is checked.

use crate::document::quotas::QUOTAS;
use std::collections::BTreeSet;
use std::path::Path;

const TEXT: &str = include_str!("../../../../docs/validation.md");

/// The sources of what reads documents, but for its tests.
fn sources() -> String {
    fn add(directory: &Path, text: &mut String) {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
                add(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(&path).expect("a source"));
            }
        }
    }
    let mut text = String::new();
    add(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/document"), &mut text);
    text
}

/// The words in quotation marks of a source.
fn literals(source: &str) -> BTreeSet<&str> {
    source.split('"').collect()
}

/// The rows of the table after a heading, by cell.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let after = TEXT.split(heading).nth(1).expect("a heading");
    let lines = after.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// The codes in the first cells of a table.
fn codes(heading: &str) -> BTreeSet<&'static str> {
    let cells = rows(heading).into_iter().map(|row| row[0]);
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// Whether a word has the form of a code that is nothing else.
fn is_code(word: &str) -> bool {
    let (first, rest) = word.split_once('.').unwrap_or((word, ""));
    let letters = |part: &str| !part.is_empty() && part.chars().all(char::is_alphanumeric);
    let capital = |part: &str| part.starts_with(char::is_uppercase) && letters(part);
    let ends = [
        "LimitExceeded",
        "AlreadyExists",
        "AlreadyAssociated",
        "NotFound",
        "NotAttached",
    ];
    capital(first)
        && (rest.is_empty() || capital(rest))
        && (!rest.is_empty() || ends.iter().any(|end| word.ends_with(end)))
}

#[test]
fn every_error_code_is_listed_and_every_listed_one_is_given() {
    let sources = sources();
    let literals = literals(&sources);
    let listed = codes("## Errors");
    let unknown: Vec<_> = listed.iter().filter(|code| !literals.contains(**code)).collect();
    assert!(unknown.is_empty(), "listed, and never given: {unknown:?}");
    let malformed = |code: &str| code.ends_with(".Malformed");
    let of_quotas = |code: &str| code.ends_with("LimitExceeded");
    let given = literals
        .iter()
        .filter(|word| is_code(word) && !malformed(word) && !of_quotas(word));
    let missing: Vec<_> = given.filter(|code| !listed.contains(**code)).collect();
    assert!(missing.is_empty(), "given, and not listed: {missing:?}");
    for code in codes("can't cause:") {
        assert!(!literals.contains(code) && !listed.contains(code), "{code} is given");
    }
}

#[test]
fn every_misconfiguration_is_listed_with_whether_it_is_seen() {
    let sources = sources();
    let literals = literals(&sources);
    let rows = rows("## Warnings");
    assert_eq!(rows.len(), 70);
    for (row, number) in rows.iter().zip(1..) {
        let [name, _, told] = &**row else { panic!("{row:?}") };
        assert_eq!(*name, format!("M{number}"));
        let is_seen = literals.contains(name);
        assert_eq!(!told.starts_with("no: "), is_seen, "{name}: {told}");
    }
}

#[test]
fn every_quota_is_listed() {
    let of = |number: usize| {
        if number == 1_000_000 {
            "any".to_owned()
        } else {
            number.to_string()
        }
    };
    let expected = QUOTAS.iter().map(|(_, limit)| {
        let (name, most) = limit.raised_by.expect("a name");
        vec![
            format!("`{name}`"),
            limit.what.to_owned(),
            limit.most.to_string(),
            of(most),
        ]
    });
    let expected: Vec<_> = expected.collect();
    let table: Vec<_> = expected.iter().map(|row| format!("| {} |", row.join(" | "))).collect();
    assert_eq!(rows("## Quotas"), expected, "\n{}", table.join("\n"));
}
