//! What JSON says beyond what a struct writes, taken off and laid over again.

use super::Rest;
use serde_json::{Map, Value};

/// What has to be laid over the fields that a struct writes so that they become what the JSON said. To the API, a field
/// that is null is none.
#[must_use]
pub fn difference(written: &Map<String, Value>, said: &Map<String, Value>) -> Rest {
    difference_of_fields(written, &fields_there(said))
}

/// The fields that aren't null, at any depth.
fn fields_there(said: &Map<String, Value>) -> Map<String, Value> {
    let there = said.iter().filter(|(_, value)| !value.is_null());
    there
        .map(|(field, value)| (field.clone(), value_there(value)))
        .collect()
}

fn value_there(said: &Value) -> Value {
    match said {
        Value::Object(fields) => Value::Object(fields_there(fields)),
        Value::Array(items) => items.iter().map(value_there).collect(),
        other => other.clone(),
    }
}

fn difference_of_fields(written: &Map<String, Value>, said: &Map<String, Value>) -> Rest {
    let mut rest = Rest::new();
    for (field, said) in said {
        match written.get(field) {
            Some(written) if is_same(field, written, said) => {}
            Some(written) => _ = rest.insert(field.clone(), difference_of_values(written, said)),
            None => _ = rest.insert(field.clone(), said.clone()),
        }
    }
    for field in written.keys().filter(|&field| !said.contains_key(field)) {
        rest.insert(field.clone(), Value::Null);
    }
    rest
}

/// Tags are in no order.
fn is_same(field: &str, written: &Value, said: &Value) -> bool {
    match (field, written, said) {
        ("Tags" | "TagSet", Value::Array(written), Value::Array(said)) => {
            written.len() == said.len() && said.iter().all(|tag| written.contains(tag))
        }
        _ => written == said,
    }
}

fn difference_of_values(written: &Value, said: &Value) -> Value {
    match (written, said) {
        (Value::Object(written), Value::Object(said)) => Value::Object(difference_of_fields(written, said)),
        (Value::Array(written), Value::Array(said)) if written.len() == said.len() => {
            let pairs = written.iter().zip(said);
            pairs
                .map(|(written, said)| difference_of_values(written, said))
                .collect()
        }
        _ => said.clone(),
    }
}

/// Lays a rest over the fields that a struct writes.
pub fn lay_over(written: &mut Map<String, Value>, rest: &Rest) {
    for (field, rest) in rest {
        match written.get_mut(field) {
            _ if rest.is_null() => _ = written.remove(field),
            Some(written) => lay_over_value(written, rest),
            None => _ = written.insert(field.clone(), rest.clone()),
        }
    }
}

fn lay_over_value(written: &mut Value, rest: &Value) {
    match (written, rest) {
        (Value::Object(written), Value::Object(rest)) => lay_over(written, rest),
        (Value::Array(written), Value::Array(rest)) if written.len() == rest.len() => {
            written
                .iter_mut()
                .zip(rest)
                .for_each(|(written, rest)| lay_over_value(written, rest));
        }
        (written, rest) => *written = rest.clone(),
    }
}
