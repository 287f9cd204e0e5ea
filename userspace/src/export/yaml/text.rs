//! YAML as text: a line for what fits into one, else a line for each part.

use serde_json::Value;
use std::fmt::Write;

/// What is written: words as they are, lists, and mappings in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Yaml {
    Word(String),
    List(Vec<Yaml>),
    Map(Map),
}

/// A mapping, in the order of writing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Map(Vec<(String, Yaml)>);

/// Columns that a line may have.
const WIDTH: usize = 120;

/// Mappings inside each other that are never put into one line: the sections, and in a VPC once more.
const OPEN: usize = 3;

impl Map {
    pub(super) fn put(&mut self, key: &str, value: impl Into<Yaml>) {
        self.0.push((key.to_owned(), value.into()));
    }

    pub(super) fn put_if(&mut self, condition: bool, key: &str, value: impl Into<Yaml>) {
        if condition {
            self.put(key, value);
        }
    }

    /// Puts in what is a list of something.
    pub(super) fn put_list<T: Into<Yaml>>(&mut self, key: &str, items: impl IntoIterator<Item = T>) {
        let items: Vec<Yaml> = items.into_iter().map(Into::into).collect();
        self.put_if(!items.is_empty(), key, items);
    }

    pub(super) fn put_map(&mut self, key: &str, map: Self) {
        self.put_if(!map.0.is_empty(), key, map);
    }

    /// The whole document.
    pub(super) fn write(&self) -> String {
        let mut text = String::new();
        write_map(self, 0, &mut text);
        text
    }
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Word(word(text))
    }
}

impl From<&String> for Yaml {
    fn from(text: &String) -> Self {
        Self::Word(word(text))
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Self {
        Self::Word(word(&text))
    }
}

impl From<bool> for Yaml {
    fn from(value: bool) -> Self {
        Self::Word(value.to_string())
    }
}

impl From<i64> for Yaml {
    fn from(value: i64) -> Self {
        Self::Word(value.to_string())
    }
}

impl From<Vec<Yaml>> for Yaml {
    fn from(items: Vec<Yaml>) -> Self {
        Self::List(items)
    }
}

impl From<Map> for Yaml {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<&Value> for Yaml {
    fn from(value: &Value) -> Self {
        match value {
            Value::String(text) => text.into(),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(fields) => Self::Map(fields.into()),
            other => Self::Word(other.to_string()),
        }
    }
}

impl From<&serde_json::Map<String, Value>> for Map {
    fn from(fields: &serde_json::Map<String, Value>) -> Self {
        Self(fields.iter().map(|(key, value)| (key.clone(), value.into())).collect())
    }
}

/// A word, in quotation marks if it could be taken for anything else.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '/');
    let lower = text.to_ascii_lowercase();
    let means_more = matches!(&*lower, "null" | "true" | "false" | "yes" | "no" | "on" | "off");
    if begins && text.chars().all(is_plain) && !means_more && !is_number(text) {
        return text.to_owned();
    }
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        // Writing to a string can't fail; likewise below.
        _ = match c {
            '"' | '\\' => write!(quoted, "\\{c}"),
            '\n' => write!(quoted, "\\n"),
            ' '..='~' => write!(quoted, "{c}"),
            c if c.is_alphanumeric() => write!(quoted, "{c}"),
            c => write!(quoted, "\\U{:08x}", u32::from(c)),
        };
    }
    quoted + "\""
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok() || text.starts_with("0x") || text.starts_with("0o")
}

/// In one line, as what is inside of braces.
fn line(value: &Yaml, text: &mut String) {
    match value {
        Yaml::Word(word) => text.push_str(word),
        Yaml::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                line(item, text);
            }
            text.push(']');
        }
        Yaml::Map(Map(entries)) if entries.is_empty() => text.push_str("{}"),
        Yaml::Map(Map(entries)) => {
            text.push_str("{ ");
            for (index, (key, value)) in entries.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                _ = write!(text, "{}: ", word(key));
                line(value, text);
            }
            text.push_str(" }");
        }
    }
}

fn write_map(map: &Map, depth: usize, text: &mut String) {
    for (key, value) in &map.0 {
        _ = write!(text, "{:1$}{2}:", "", depth * 2, word(key));
        write_value(value, depth, text);
    }
}

/// After the colon or the hyphen: in the same line, or in lines of its own.
fn write_value(value: &Yaml, depth: usize, text: &mut String) {
    let mut inline = " ".to_owned();
    line(value, &mut inline);
    let used = text.len() - text.rfind('\n').map_or(0, |newline| newline + 1);
    let fits = used + inline.chars().count() <= WIDTH;
    match value {
        Yaml::Map(map)
            if !map.0.is_empty()
                && (!fits || (depth < OPEN && holds_maps(map)) || (depth == OPEN && lists_maps(map))) =>
        {
            text.push('\n');
            write_map(map, depth + 1, text);
        }
        Yaml::List(items) if !items.is_empty() && (!fits || items.iter().any(|item| matches!(item, Yaml::Map(_)))) => {
            text.push('\n');
            for item in items {
                _ = write!(text, "{:1$}-", "", (depth + 1) * 2);
                write_item(item, depth + 1, text);
            }
        }
        _ => {
            text.push_str(&inline);
            text.push('\n');
        }
    }
}

/// An item that doesn't fit begins in the line after its hyphen.
fn write_item(item: &Yaml, depth: usize, text: &mut String) {
    write_value(item, depth.max(OPEN), text);
}

fn holds_maps(map: &Map) -> bool {
    let is_map = |value: &Yaml| matches!(value, Yaml::Map(map) if !map.0.is_empty());
    lists_maps(map) || map.0.iter().any(|(_, value)| is_map(value))
}

fn lists_maps(map: &Map) -> bool {
    let lists = map.0.iter().filter_map(|(_, value)| match value {
        Yaml::List(items) => Some(items),
        _ => None,
    });
    lists.flatten().any(|item| matches!(item, Yaml::Map(_)))
}
