//! The words a schema is made of.

use serde_json::{Map, Value, json};

pub(super) fn described(description: &str, mut schema: Value) -> Value {
    if !description.is_empty() {
        schema["description"] = json!(description);
    }
    schema
}

/// What is written as one word. In YAML, some words look like numbers.
pub(super) fn word(description: &str) -> Value {
    described(description, json!({ "type": ["string", "number", "boolean"] }))
}

pub(super) fn text(description: &str) -> Value {
    word(description)
}

pub(super) fn boolean(description: &str) -> Value {
    described(description, json!({ "type": "boolean" }))
}

pub(super) fn number(description: &str, first: i64, last: i64) -> Value {
    let number = json!({ "type": ["integer", "string"], "minimum": first, "maximum": last, "pattern": "^-?[0-9]+$" });
    described(description, number)
}

pub(super) fn one_of(description: &str, words: &[&str]) -> Value {
    described(description, json!({ "enum": words }))
}

pub(super) fn list(description: &str, item: &Value) -> Value {
    described(description, json!({ "type": ["array", "null"], "items": item }))
}

/// Objects by name.
pub(super) fn named(description: &str, object: &Value) -> Value {
    let named = json!({ "type": ["object", "null"], "additionalProperties": object });
    described(description, named)
}

pub(super) fn object(fields: &[(&str, Value)], required: &[&str]) -> Value {
    let fields = fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone()));
    let properties: Map<_, _> = fields.collect();
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// The same, or nothing after the colon.
pub(super) fn or_nothing(mut object: Value) -> Value {
    object["type"] = json!(["object", "null"]);
    object
}
