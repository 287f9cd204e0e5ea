//! `docs/drops.md` tells the same as the table in the code.

use groundplane_abi::drop_reason::Description;

const TEXT: &str = include_str!("../../../docs/drops.md");

/// How a reason's row in the documentation begins. What follows is the advice, which only the documentation has.
fn beginning(description: &Description) -> String {
    let Description {
        reason,
        name,
        stage,
        code,
        meaning,
    } = description;
    let code = match code.is_empty() {
        true => " ".to_owned(),
        false => format!(" `{code}` "),
    };
    format!("| {} | `{name}` | {stage} |{code}| {meaning} | ", reason.0)
}

#[test]
fn every_drop_reason_is_documented_in_its_own_words_and_with_advice() {
    let all = groundplane_abi::DropReason::ALL;
    let rows: Vec<&str> = TEXT
        .lines()
        .skip_while(|line| !line.starts_with("| number "))
        .skip(1)
        .filter(|line| line.starts_with("| "))
        .collect();
    for (index, description) in all.iter().enumerate() {
        let beginning = beginning(description);
        let row = rows.get(index).copied().unwrap_or("nothing");
        let advice = row.strip_prefix(&beginning).and_then(|rest| rest.strip_suffix(" |"));
        assert!(
            advice.is_some_and(|advice| !advice.trim().is_empty()),
            "docs/drops.md has\n{row}\nwhere a row is expected that begins with\n{beginning}"
        );
    }
    assert_eq!(rows.len(), all.len(), "docs/drops.md has rows without a reason");
}
