//! The fields of a mapping, taken out one by one, with whatever is wrong about each reported on the way.

use super::diagnostic::{Problem, Problems, Span, Spanned, quote};
use super::names;
use super::tree::{Entry, Node, Value};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

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

    pub(super) fn text(&mut self, name: &'static str, problems: &mut Problems) -> Option<Spanned<&'a str>> {
        let node = self.take(name)?;
        text(node, name, problems)
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

    /// A block, its host bits cleared without a word, as AWS does (semantics 2.1).
    pub(super) fn block(&mut self, name: &'static str, problems: &mut Problems) -> Field<Spanned<Ipv4Net>> {
        self.parsed(name, "an IPv4 block such as 10.0.0.0/16", problems)
            .map(|block: Spanned<Ipv4Net>| Spanned {
                value: block.value.trunc(),
                span: block.span,
            })
    }

    pub(super) fn address(&mut self, name: &'static str, problems: &mut Problems) -> Field<Spanned<Ipv4Addr>> {
        self.parsed(name, "an IPv4 address such as 10.0.1.10", problems)
    }

    fn parsed<T: std::str::FromStr>(
        &mut self,
        name: &'static str,
        expected: &str,
        problems: &mut Problems,
    ) -> Field<Spanned<T>> {
        let Some(node) = self.take(name) else {
            return Field::Missing;
        };
        let Some(Spanned { value, span }) = text(node, name, problems) else {
            return Field::Wrong;
        };
        let Ok(value) = value.parse() else {
            let message = format!("{name} must be {expected}, this is {}", quote(value));
            problems.report(Problem::error(span, message).code("InvalidParameterValue"));
            return Field::Wrong;
        };
        Field::Is(Spanned { value, span })
    }

    pub(super) fn list(&mut self, name: &'static str, problems: &mut Problems) -> &'a [Node] {
        let Some(node) = self.take(name) else { return &[] };
        match &node.value {
            Value::List(items) => items,
            _ if node.is_empty() => &[],
            _ => {
                wrong_kind(node, name, "a list", problems);
                &[]
            }
        }
    }

    /// The named objects in a field. A name that can't be one is reported, and its object checked all the same.
    pub(super) fn objects(&mut self, name: &'static str, problems: &mut Problems) -> &'a [Entry] {
        let Some(node) = self.take(name) else { return &[] };
        let entries = mapping(node, name, problems).unwrap_or_default();
        for entry in entries {
            names::check_name(&entry.key, entry.key_span, problems);
        }
        entries
    }
}

/// A field that may be absent, which is not the same as being wrong: the latter has been reported.
pub(super) enum Field<T> {
    Missing,
    Wrong,
    Is(T),
}

impl<T> Field<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Missing => Field::Missing,
            Self::Wrong => Field::Wrong,
            Self::Is(value) => Field::Is(change(value)),
        }
    }
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
