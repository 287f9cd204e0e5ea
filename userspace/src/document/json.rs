//! Nodes as JSON, for what is kept as the API has it.

use super::diagnostic::{Problem, Problems};
use super::places;
use super::tree::{Node, Value};
use serde::de::DeserializeOwned;
use serde_json::{Map, Number};

/// What a node is in JSON: quoted words are text, and of the others those are not that JSON has another notation for.
pub(super) fn json(node: &Node, problems: &mut Problems) -> serde_json::Value {
    match &node.value {
        _ if node.is_empty() => serde_json::Value::Null,
        Value::Scalar { text, plain } => scalar(text, *plain),
        Value::List(items) => items.iter().map(|item| json(item, problems)).collect(),
        Value::Mapping(_) => serde_json::Value::Object(object(node, problems)),
        Value::Refused | Value::Kept => serde_json::Value::Null,
    }
}

/// A value of some type. Where the node doesn't have its shape, that is reported.
pub(super) fn typed<T: DeserializeOwned>(node: &Node, name: &str, problems: &mut Problems) -> Option<T> {
    match serde_path_to_error::deserialize(json(node, problems)) {
        Ok(value) => Some(value),
        Err(error) => {
            let path = error.path().iter().map(ToString::to_string).collect::<Vec<_>>();
            let span = places::follow(node, node.start(), &path);
            let message = format!("{name} isn't as it should be: {}", error.inner());
            problems.report(Problem::error(span, message).code("InvalidParameterValue"));
            None
        }
    }
}

/// A mapping as an object; anything else is reported.
pub(super) fn object(node: &Node, problems: &mut Problems) -> Map<String, serde_json::Value> {
    match &node.value {
        Value::Mapping(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), json(&entry.value, problems)))
            .collect(),
        Value::Refused => Map::new(),
        _ if node.is_empty() => Map::new(),
        _ => {
            let message = format!("this must be a mapping, it is {}", node.kind());
            problems.report(Problem::error(node.span, message));
            Map::new()
        }
    }
}

fn scalar(text: &str, plain: bool) -> serde_json::Value {
    let number = || text.parse::<Number>().ok();
    match text {
        "true" | "True" | "TRUE" if plain => true.into(),
        "false" | "False" | "FALSE" if plain => false.into(),
        _ => match number().filter(|_| plain) {
            Some(number) => number.into(),
            None => text.into(),
        },
    }
}
