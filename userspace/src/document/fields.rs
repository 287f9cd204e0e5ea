//! The fields of a mapping, taken out one by one, with whatever is wrong about each reported on the way.

use super::diagnostic::{Problem, Problems, Span, Spanned, quote};
use super::json;
use super::names;
use super::notation::Notation;
use super::tree::{Entry, Node, Value};
use crate::resources::{Rest, Tags};
use serde::de::DeserializeOwned;
use std::ops::RangeInclusive;

/// The fields of one object.
pub(super) struct Fields<'a> {
    /// What people call the object, for messages.
    owner: String,
    /// Where a missing field is reported.
    span: Span,
    entries: &'a [Entry],
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The object's fields; if it isn't a mapping, that is reported and there are none to be missed.
    pub(super) fn of(node: &'a Node, owner: String, span: Span, problems: &mut Problems) -> Option<Self> {
        let entries = mapping(node, &owner, problems)?;
        Some(Self {
            owner,
            span,
            entries,
            known: Vec::new(),
        })
    }

    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// Where the object is.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// Where a field is that no object of this kind may have; it is not among those that are suggested.
    pub(super) fn refuse(&mut self, name: &'static str) -> Option<Span> {
        let span = self.place(name)?;
        self.known.push(name);
        Some(span)
    }

    /// Where a field is.
    pub(super) fn place(&self, name: &str) -> Option<Span> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(entry.key_span)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == name)
    }

    fn take(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.push(name);
        self.entries
            .iter()
            .find(|entry| entry.key == name)
            .map(|entry| &entry.value)
    }

    /// Reports every field that nobody has asked for.
    pub(super) fn finish(self, problems: &mut Problems) {
        for entry in self.entries.iter().filter(|entry| !self.known.contains(&&*entry.key)) {
            let message = format!("{} has no field {}", self.owner, quote(&entry.key));
            let help = match names::nearest(&entry.key, self.known.iter().copied(), problems) {
                Some(name) => format!("did you mean {name}?"),
                None => format!("its fields are {}", self.known.join(", ")),
            };
            problems.report(Problem::error(entry.key_span, message).help(help));
        }
    }

    pub(super) fn missing(&self, name: &str, help: &str, problems: &mut Problems) {
        let message = format!("{} is missing {name}", self.owner);
        problems.report(Problem::error(self.span, message).code("MissingParameter").help(help));
    }

    pub(super) fn text(&mut self, name: &'static str, problems: &mut Problems) -> Field<Spanned<&'a str>> {
        let Some(node) = self.take(name) else {
            return Field::Missing;
        };
        text(node, name, problems).map_or(Field::Wrong, Field::Is)
    }

    /// Any text, even none.
    pub(super) fn any_text(&mut self, name: &'static str, problems: &mut Problems) -> Option<&'a str> {
        let node = self.take(name)?;
        match &node.value {
            Value::Scalar { text, plain } if !(*plain && node.is_empty()) => Some(text),
            _ => {
                wrong_kind(node, name, "text", problems);
                None
            }
        }
    }

    /// What people label an object with: text by name.
    pub(super) fn tags(&mut self, problems: &mut Problems) -> Tags {
        let Some(node) = self.take("tags") else {
            return Tags::new();
        };
        let entries = mapping(node, "tags", problems).unwrap_or_default();
        let mut tags = Tags::new();
        for Entry { key, value, .. } in entries {
            match &value.value {
                Value::Scalar { text, .. } => _ = tags.insert(key.clone(), text.clone()),
                _ => wrong_kind(value, "a tag", "text", problems),
            }
        }
        tags
    }

    /// A value in the API's shape. Where it isn't, that is reported at its place.
    pub(super) fn typed<T: DeserializeOwned>(&mut self, name: &'static str, problems: &mut Problems) -> Option<T> {
        let node = self.take(name)?;
        json::typed(node, name, problems)
    }

    /// What the API says of an object that the language has no field for.
    pub(super) fn rest(&mut self, problems: &mut Problems) -> Rest {
        let node = self.take("rest");
        node.map(|node| json::object(node, problems)).unwrap_or_default()
    }

    /// A list of names.
    pub(super) fn texts(&mut self, name: &'static str, each: &str, problems: &mut Problems) -> Vec<Spanned<&'a str>> {
        let nodes = self.list(name, problems).iter();
        nodes.filter_map(|node| text(node, each, problems)).collect()
    }

    pub(super) fn boolean(&mut self, name: &'static str, problems: &mut Problems) -> Option<bool> {
        let node = self.take(name)?;
        match &node.value {
            Value::Scalar { text, plain: true } if matches!(&**text, "true" | "True" | "TRUE") => Some(true),
            Value::Scalar { text, plain: true } if matches!(&**text, "false" | "False" | "FALSE") => Some(false),
            _ => {
                wrong_kind(node, name, "true or false", problems);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        ways: &[(&str, T)],
        problems: &mut Problems,
    ) -> Option<T> {
        let Spanned { value, span } = self.text(name, problems).known()?;
        if let Some((_, found)) = ways.iter().find(|(word, _)| *word == value) {
            return Some(*found);
        }
        let words: Vec<_> = ways.iter().map(|(word, _)| *word).collect();
        let words = match words.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        };
        let message = format!("{name} must be {words}, this is {}", quote(value));
        problems.report(Problem::error(span, message).code("InvalidParameterValue"));
        None
    }

    /// A block, an address, or whatever else is written as one word.
    pub(super) fn value<T: Notation>(&mut self, name: &'static str, problems: &mut Problems) -> Field<Spanned<T>> {
        let Some(node) = self.take(name) else {
            return Field::Missing;
        };
        value(node, name, problems).map_or(Field::Wrong, Field::Is)
    }

    /// A list of them. Those that are wrong are reported and left out.
    pub(super) fn values<T: Notation>(&mut self, name: &'static str, problems: &mut Problems) -> Vec<Spanned<T>> {
        let nodes = self.list(name, problems).iter();
        nodes.filter_map(|node| value(node, name, problems)).collect()
    }

    pub(super) fn number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<i64>,
        problems: &mut Problems,
    ) -> Field<Spanned<i64>> {
        let Some(node) = self.take(name) else {
            return Field::Missing;
        };
        let Some(Spanned { value, span }) = text(node, name, problems) else {
            return Field::Wrong;
        };
        if let Some(value) = value.parse().ok().filter(|number| range.contains(number)) {
            return Field::Is(Spanned { value, span });
        }
        let (first, last) = (range.start(), range.end());
        let message = format!(
            "{name} must be a number from {first} to {last}, this is {}",
            quote(value)
        );
        problems.report(Problem::error(span, message).code("InvalidParameterValue"));
        Field::Wrong
    }

    /// The fields of a mapping in a field.
    pub(super) fn mapping(&mut self, name: &'static str, problems: &mut Problems) -> Field<Fields<'a>> {
        let Some(node) = self.take(name) else {
            return Field::Missing;
        };
        Fields::of(node, name.to_owned(), node.start(), problems).map_or(Field::Wrong, Field::Is)
    }

    /// Reports a field that must be there and isn't.
    pub(super) fn required<T>(&self, name: &str, help: &str, field: Field<T>, problems: &mut Problems) -> Option<T> {
        if matches!(field, Field::Missing) {
            self.missing(name, help, problems);
        }
        field.known()
    }

    /// The items of a list; nothing is a list of nothing.
    pub(super) fn list(&mut self, name: &'static str, problems: &mut Problems) -> &'a [Node] {
        self.optional_list(name, problems).unwrap_or_default()
    }

    /// The same, for those who care whether it is there.
    pub(super) fn optional_list(&mut self, name: &'static str, problems: &mut Problems) -> Option<&'a [Node]> {
        let node = self.take(name)?;
        match &node.value {
            Value::List(items) => Some(items),
            _ if node.is_empty() => Some(&[]),
            _ => {
                wrong_kind(node, name, "a list", problems);
                Some(&[])
            }
        }
    }

    /// What is in a mapping in a field, whatever the keys are.
    pub(super) fn entries(&mut self, name: &'static str, problems: &mut Problems) -> &'a [Entry] {
        let node = self.take(name);
        node.and_then(|node| mapping(node, name, problems)).unwrap_or_default()
    }

    /// The named objects in a field. A name that can't be one is reported, and its object checked all the same.
    pub(super) fn objects(&mut self, name: &'static str, problems: &mut Problems) -> &'a [Entry] {
        let entries = self.entries(name, problems);
        for entry in entries {
            names::check_name(&entry.key, entry.key_span, problems);
        }
        entries
    }
}

/// A field that may be absent, which is not the same as being wrong: the latter has been reported.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<T> {
    Missing,
    Wrong,
    Is(T),
}

impl<T> Field<Spanned<T>> {
    /// Another value at the same place.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<Spanned<U>> {
        match self {
            Self::Missing => Field::Missing,
            Self::Wrong => Field::Wrong,
            Self::Is(Spanned { value, span }) => Field::Is(Spanned {
                value: change(value),
                span,
            }),
        }
    }
}

impl<T> Field<T> {
    pub(super) fn known(self) -> Option<T> {
        match self {
            Self::Missing | Self::Wrong => None,
            Self::Is(value) => Some(value),
        }
    }

    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

/// A block, an address, or whatever else is written as one word.
pub(super) fn value<T: Notation>(node: &Node, name: &str, problems: &mut Problems) -> Option<Spanned<T>> {
    let Spanned { value, span } = text(node, name, problems)?;
    let Some(value) = T::read(value) else {
        let message = format!("{name} must be {}, this is {}", T::EXPECTED, quote(value));
        problems.report(Problem::error(span, message).code("InvalidParameterValue"));
        return None;
    };
    Some(Spanned { value, span })
}

/// The text of a scalar.
pub(super) fn text<'a>(node: &'a Node, name: &str, problems: &mut Problems) -> Option<Spanned<&'a str>> {
    match &node.value {
        Value::Scalar { text, .. } if !node.is_empty() => Some(Spanned {
            value: text,
            span: node.span,
        }),
        _ => {
            wrong_kind(node, name, "a word", problems);
            None
        }
    }
}

fn mapping<'a>(node: &'a Node, name: &str, problems: &mut Problems) -> Option<&'a [Entry]> {
    match &node.value {
        Value::Mapping(entries) => Some(entries),
        _ if node.is_empty() => Some(&[]),
        _ => {
            wrong_kind(node, name, "a mapping", problems);
            None
        }
    }
}

fn wrong_kind(node: &Node, name: &str, expected: &str, problems: &mut Problems) {
    if !matches!(node.value, Value::Refused) {
        problems.report(Problem::error(
            node.span,
            format!("{name} must be {expected}, this is {}", node.kind()),
        ));
    }
}
