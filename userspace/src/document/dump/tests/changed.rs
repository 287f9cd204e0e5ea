//! Dumps that somebody or something has changed: what is still good comes back, and what isn't is told with its place.

use super::{EVERY_KIND, check_export, check_return};
use crate::document::{Diagnostics, Source, read};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value};

/// What happens to a value in a dump.
#[derive(Clone, Debug)]
enum Change {
    /// A field that AWS may have tomorrow.
    Add(String, Value),
    Remove,
    Replace(Value),
    /// A field gets another name.
    Rename(String),
    /// An item stands in its list once more.
    Repeat,
    Reverse,
}

/// Values that stand in no field of this kind.
fn odd_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z0-9:./-]{0,12}".prop_map(Value::from),
        Just(Value::from("10.1.0.0/16")),
        Just(Value::from("vpc-000000b0000000001")),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[A-Z][a-z]{0,4}", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The same without nulls: a field that is null is as good as none.
fn future_values() -> impl Strategy<Value = Value> {
    let is_without_null = |value: &Value| !value.to_string().contains("null");
    odd_values().prop_filter("a null says nothing", is_without_null)
}

fn additions() -> impl Strategy<Value = Change> {
    let added = ("Future[A-Z][a-z]{2}", future_values()).prop_map(|(field, value)| Change::Add(field, value));
    prop_oneof![4 => added, 1 => Just(Change::Reverse)]
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        ("[A-Z][A-Za-z]{0,8}", odd_values()).prop_map(|(field, value)| Change::Add(field, value)),
        Just(Change::Remove),
        odd_values().prop_map(Change::Replace),
        "[A-Z][A-Za-z]{0,8}".prop_map(Change::Rename),
        Just(Change::Repeat),
        Just(Change::Reverse),
    ]
}

/// The ways to all values below one.
fn ways(value: &Value, way: &str, ways_so_far: &mut Vec<String>) {
    ways_so_far.push(way.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            ways(
                value,
                &format!("{way}/{}", key.replace('~', "~0").replace('/', "~1")),
                ways_so_far,
            );
        }),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| ways(value, &format!("{way}/{index}"), ways_so_far));
        }
        _ => {}
    }
}

fn apply(dump: &mut Value, at: Index, change: &Change) {
    let mut all = Vec::new();
    ways(dump, "", &mut all);
    let way: &String = at.get(&all);
    change_at(dump, way, change);
}

fn change_at(dump: &mut Value, way: &str, change: &Change) {
    let Some((above, last)) = way.rsplit_once('/') else {
        return;
    };
    match change {
        Change::Add(field, value) => match dump.pointer_mut(way) {
            Some(Value::Object(fields)) => _ = fields.entry(field.clone()).or_insert_with(|| value.clone()),
            // Something else has no fields; the object it is in has.
            _ => {
                if let Some(Value::Object(fields)) = dump.pointer_mut(above).filter(|_| !above.is_empty()) {
                    fields.entry(field.clone()).or_insert_with(|| value.clone());
                }
            }
        },
        Change::Replace(value) => *dump.pointer_mut(way).expect("the way to a value") = value.clone(),
        Change::Reverse => {
            if let Some(Value::Array(items)) = dump.pointer_mut(way) {
                items.reverse();
            }
        }
        Change::Remove | Change::Rename(_) | Change::Repeat => match dump.pointer_mut(above) {
            Some(Value::Object(fields)) => change_field(fields, &last.replace("~1", "/").replace("~0", "~"), change),
            Some(Value::Array(items)) => change_item(items, last.parse().expect("an index"), change),
            _ => {}
        },
    }
}

fn change_field(fields: &mut Map<String, Value>, field: &str, change: &Change) {
    let value = fields.remove(field);
    if let (Change::Rename(name), Some(value)) = (change, value) {
        fields.insert(name.clone(), value);
    }
}

fn change_item(items: &mut Vec<Value>, index: usize, change: &Change) {
    match change {
        Change::Repeat => items.push(items[index].clone()),
        _ => _ = items.remove(index),
    }
}

fn changed(changes: &[(Index, Change)]) -> Value {
    let mut dump = serde_json::from_str(EVERY_KIND).expect("JSON");
    changes.iter().for_each(|(at, change)| apply(&mut dump, *at, change));
    dump
}

fn source(dump: &Value, pretty: bool) -> Source {
    let text = if pretty {
        serde_json::to_vec_pretty(dump)
    } else {
        serde_json::to_vec(dump)
    };
    Source::new("changed.json", text.expect("JSON"))
}

/// Checks that every problem is somewhere in the text.
fn check_places(problems: &Diagnostics, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<_> = text.split('\n').collect();
    for problem in &problems.problems {
        assert_eq!(problem.place.file, "changed.json");
        let line = lines
            .get(problem.place.line - 1)
            .unwrap_or_else(|| panic!("no such line: {problem:?}"));
        assert!(
            (1..=line.chars().count() + 1).contains(&problem.place.column),
            "no such column: {problem:?}"
        );
        assert!(!problem.message.is_empty());
    }
}

/// What other fields follow from comes back without it, too. Found by the changes below.
#[test]
fn what_lacks_a_field_that_others_follow_from_comes_back() {
    let whole: Value = serde_json::from_str(EVERY_KIND).expect("JSON");
    for way in [
        "/Items/0/SecurityGroupIds",
        "/Items/0/SecurityGroupIds/0",
        "/TransitGateways/1/Options",
        "/VpcEndpointConnections",
        "/VpcEndpointConnections/1",
    ] {
        let mut dump = whole.clone();
        change_at(&mut dump, way, &Change::Remove);
        let source = source(&dump, true);
        let resolved = read(std::slice::from_ref(&source), None).expect("it is accepted");
        check_return(&resolved);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_aws_may_say_tomorrow_comes_back(
        additions in prop::collection::vec((any::<Index>(), additions()), 1..8), pretty in any::<bool>()
    ) {
        let source = source(&changed(&additions), pretty);
        if let Ok(resolved) = read(std::slice::from_ref(&source), None) {
            check_export(std::slice::from_ref(&source));
            check_return(&resolved);
        }
    }

    #[test]
    fn what_is_accepted_comes_back(changes in prop::collection::vec((any::<Index>(), changes()), 1..3)) {
        let source = source(&changed(&changes), true);
        match read(std::slice::from_ref(&source), None) {
            Ok(resolved) => check_return(&resolved),
            Err(problems) => check_places(&problems, &source.bytes),
        }
    }

    #[test]
    fn a_dump_with_many_mistakes_is_told_where_they_are(
        changes in prop::collection::vec((any::<Index>(), changes()), 5..30), pretty in any::<bool>()
    ) {
        let source = source(&changed(&changes), pretty);
        let problems = match read(std::slice::from_ref(&source), None) {
            Ok(resolved) => resolved.warnings,
            Err(problems) => problems,
        };
        check_places(&problems, &source.bytes);
    }

    #[test]
    fn a_garbled_text_is_told_where_it_is(
        at in any::<Index>(), len in 0..40_usize, garbage in "[\\\\{}\\[\\]\",:a0\u{e9}]{0,6}"
    ) {
        let at = at.index(EVERY_KIND.len());
        let text = [&EVERY_KIND[..at], &garbage, EVERY_KIND.get(at + len..).unwrap_or_default()].concat();
        let source = Source::new("changed.json", text.as_bytes());
        if let Err(problems) = read(std::slice::from_ref(&source), None) {
            assert!(!problems.problems.is_empty());
            check_places(&problems, text.as_bytes());
        }
    }
}
