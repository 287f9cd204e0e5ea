//! Configurations that were right and aren't any more, in YAML and in JSON: nothing panics, and every problem is
//! somewhere.

use super::*;
use proptest::prelude::*;

const YAML: [&str; 4] = [
    include_str!("good.yaml"),
    include_str!("../../../../examples/groups.yaml"),
    include_str!("../../../../examples/inspection.yaml"),
    include_str!("../../../../examples/two-vpcs.yaml"),
];
const JSON: [&str; 8] = [
    include_str!("../../../../examples/aws/describe-vpcs.json"),
    include_str!("../../../../examples/aws/describe-subnets.json"),
    include_str!("../../../../examples/aws/describe-route-tables.json"),
    include_str!("../../../../examples/aws/describe-network-acls.json"),
    include_str!("../../../../examples/aws/describe-security-groups.json"),
    include_str!("../../../../examples/aws/describe-network-interfaces.json"),
    include_str!("../../../../examples/aws/describe-nat-gateways.json"),
    include_str!("../../../../examples/aws/describe-vpc-peering-connections.json"),
];

/// What is done to a word of a text.
#[derive(Clone, Debug)]
enum Harm {
    Delete,
    Duplicate,
    /// Two letters change places.
    Misspell,
    Replace(&'static str),
    /// Its whole line goes, or is there twice.
    DeleteLine,
    DuplicateLine,
}

fn harm() -> impl Strategy<Value = Harm> {
    let words = [
        "",
        "null",
        "-1",
        "99999999999",
        "[]",
        "{}",
        "x",
        "10.0.0.0/33",
        "::",
        "\"",
        "0.0.0.0/0",
        "ß",
        "vpc-12345678",
    ];
    prop_oneof![
        Just(Harm::Delete),
        Just(Harm::Duplicate),
        Just(Harm::Misspell),
        prop::sample::select(words.to_vec()).prop_map(Harm::Replace),
        Just(Harm::DeleteLine),
        Just(Harm::DuplicateLine),
    ]
}

/// Does that to a word, which is chosen by any number.
fn harmed(text: &str, at: usize, harm: &Harm) -> String {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '.' | '/' | ':' | '-' | '_');
    let mut words: Vec<(usize, usize)> = Vec::new();
    for (start, c) in text.char_indices().filter(|(_, c)| is_word(*c)) {
        match words.last_mut() {
            Some((_, end)) if *end == start => *end += c.len_utf8(),
            _ => words.push((start, start + c.len_utf8())),
        }
    }
    if words.is_empty() {
        return text.to_owned();
    }
    let (start, end) = words[at % words.len()];
    let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let next = text[end..].find('\n').map_or(text.len(), |newline| end + newline + 1);
    let put = |start: usize, end: usize, new: &str| format!("{}{new}{}", &text[..start], &text[end..]);
    let word = &text[start..end];
    match harm {
        Harm::Delete => put(start, end, ""),
        Harm::Duplicate => put(start, end, &format!("{word} {word}")),
        Harm::Misspell => put(start, end, &word.chars().rev().collect::<String>()),
        Harm::Replace(new) => put(start, end, new),
        Harm::DeleteLine => put(line, next, ""),
        Harm::DuplicateLine => put(next, next, &text[line..next]),
    }
}

/// Checks that every problem of a configuration is in one of its texts.
fn check_places(texts: &[String]) {
    let sources: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| Source::new(index.to_string(), text.as_bytes()))
        .collect();
    let problems = match read(&sources, None) {
        Ok(resolved) => resolved.warnings,
        Err(problems) => {
            assert!(!problems.problems.is_empty());
            problems
        }
    };
    for problem in &problems.problems {
        let Place { file, line, column } = &problem.place;
        let text = file.parse().ok().and_then(|index: usize| texts.get(index));
        let text = text.unwrap_or_else(|| panic!("a problem in no file: {problem:?}"));
        let found = text
            .split('\n')
            .nth(line - 1)
            .unwrap_or_else(|| panic!("no line {line}: {problem:?}"));
        assert!((1..=found.chars().count() + 1).contains(column), "{problem:?}");
        assert!(!problem.message.is_empty());
    }
    assert!(problems.problems.is_empty() || !problems.to_string().is_empty());
}

fn harms() -> impl Strategy<Value = Vec<(usize, usize, Harm)>> {
    prop::collection::vec((any::<usize>(), any::<usize>(), harm()), 1..6)
}

fn check_harmed(texts: &[&str], harms: &[(usize, usize, Harm)]) {
    let mut texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
    for (which, at, harm) in harms {
        let index = which % texts.len();
        texts[index] = harmed(&texts[index], *at, harm);
    }
    check_places(&texts);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_document_with_mistakes_is_told_where_they_are(which in 0..YAML.len(), harms in harms()) {
        check_harmed(&YAML[which..=which], &harms);
    }

    #[test]
    fn a_dump_with_mistakes_is_told_where_they_are(harms in harms()) {
        check_harmed(&JSON, &harms);
    }

    #[test]
    fn documents_and_dumps_together_are_told_where_their_mistakes_are(which in 0..YAML.len(), harms in harms()) {
        let texts: Vec<_> = YAML[which..=which].iter().chain(&JSON).copied().collect();
        check_harmed(&texts, &harms);
    }
}
