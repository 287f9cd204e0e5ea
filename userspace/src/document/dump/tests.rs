//! What the reader of dumps promises.

use crate::document::{Resolved, Source, load, read};
use crate::export::{aws, aws_answers};
use serde_json::Value;
use std::path::Path;

fn examples() -> Vec<Source> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/aws");
    load(&[directory]).expect("the examples")
}

fn resolved(sources: &[Source]) -> Resolved {
    match read(sources, None) {
        Ok(resolved) => resolved,
        Err(problems) => panic!("{problems}"),
    }
}

fn exported(resolved: &Resolved) -> Value {
    Value::Object(aws(&resolved.resources))
}

/// The answers of several sources in one, without what is no resource, and with what has no order in some order.
fn together(sources: &[Source]) -> Value {
    let mut all = serde_json::Map::new();
    for source in sources {
        let Value::Object(answer) = serde_json::from_slice(&source.bytes).expect("JSON") else {
            panic!("{} is no answer", source.name);
        };
        all.extend(answer);
    }
    ordered(Value::Object(all))
}

/// Objects in order of id, tags in order of key.
fn ordered(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, ordered(value))).collect(),
        Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(ordered).collect();
            let key = |item: &Value| {
                let ids = item
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(key, _)| key.ends_with("Id") || *key == "Key");
                ids.map(|(_, id)| id.to_string()).collect::<Vec<_>>()
            };
            items.sort_by_key(key);
            Value::Array(items)
        }
        other => other,
    }
}

#[test]
fn what_the_command_line_prints_comes_back_as_it_was() {
    let sources = examples();
    let mut said = together(&sources);
    let exported = ordered(exported(&resolved(&sources)));
    // What the API answers without saying whose it is stands in its owner.
    let beside = ["Entries", "EnableDnsSupport", "EnableDnsHostnames", "VpcId"];
    said.as_object_mut()
        .expect("an object")
        .retain(|key, _| !beside.contains(&key.as_str()));
    for (key, said) in said.as_object().expect("an object") {
        let objects = said.as_array().expect("a list").iter();
        for (said, exported) in objects.zip(exported[key].as_array().expect("a list")) {
            let mut exported = exported.clone();
            let is_beside = |field: &str| ["Vpcs", "PrefixLists"].contains(&&**key) && beside[..3].contains(&field);
            exported
                .as_object_mut()
                .expect("an object")
                .retain(|field, _| !is_beside(field));
            assert_eq!(exported, *said, "{key}");
        }
        assert_eq!(
            said.as_array().map(Vec::len),
            exported[key].as_array().map(Vec::len),
            "{key}"
        );
    }
}

#[test]
fn resources_are_the_same_after_an_export() {
    let first = resolved(&examples());
    let merged = Source::new("all.json", serde_json::to_vec(&exported(&first)).expect("JSON"));
    let again = resolved(&[merged]);
    assert_eq!(again.resources, first.resources);
    let answers = aws_answers(&first.resources).into_iter();
    let answers = answers.map(|answer| Source::new(answer.call, serde_json::to_vec(&answer.json).expect("JSON")));
    assert_eq!(resolved(&answers.collect::<Vec<_>>()).resources, first.resources);
}
