//! Where objects and their fields are, by the objects' ids.
//!
//! Checks that run on resolved objects report problems at places they ask for here. Only the place of each object is
//! remembered; a source is read again when the place of a field is wanted, which is when there is a problem.

use super::diagnostic::{Problem, Problems, Span};
use super::source::SourceMap;
use super::tree::{self, Node, Value};
use std::cell::RefCell;
use std::collections::HashMap;

/// What the connection of an endpoint, which has the endpoint's id, is known by.
pub(super) fn connection(endpoint: &str) -> String {
    format!("connection of {endpoint}")
}

/// Objects by kind and id, each with the place of its name, or of its first character if it stands in a list.
#[derive(Debug, Default)]
pub(super) struct Found(Vec<(&'static str, String, Span)>);

impl Found {
    /// Adds an object of the kind with this section.
    pub(super) fn add(&mut self, section: &'static str, id: &str, span: Span) {
        self.0.push((section, id.to_owned(), span));
    }
}

pub(super) struct Places<'a> {
    sources: &'a SourceMap<'a>,
    /// The span of an object's name, or where it begins if it stands in a list.
    objects: HashMap<String, (&'static str, Span)>,
    /// Sources that were read again, by the offset of their first byte.
    roots: RefCell<HashMap<usize, Option<Node>>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(sources: &'a SourceMap<'a>) -> Self {
        Self {
            sources,
            objects: HashMap::new(),
            roots: RefCell::default(),
        }
    }

    /// Remembers where objects are. Two of a kind can't have one id.
    pub(super) fn add(&mut self, found: &Found, problems: &mut Problems) {
        for (section, id, span) in &found.0 {
            let Some((kind, other)) = self.objects.insert(id.clone(), (section, *span)) else {
                continue;
            };
            // Some of AWS's calls tell of the same object in two ways, and what has the same name has been reported.
            let name = |span| self.sources.locate(span).map(|located| located.text);
            if kind == *section && name(*span) != name(other) {
                let problem = Problem::error(*span, format!("there is another object with the id {id}"));
                problems.report(problem.other(other).help("give one of them another id"));
            }
        }
    }

    /// Remembers that what is made of an object is where that one is.
    pub(super) fn alias(&mut self, section: &'static str, id: &str, of: &str) {
        if let Some(span) = self.object(of) {
            self.objects.entry(id.to_owned()).or_insert((section, span));
        }
    }

    /// Where an object is. What every VPC comes with, and nobody wrote, is nowhere.
    pub(super) fn object(&self, id: &str) -> Option<Span> {
        self.objects.get(id).map(|(_, span)| *span)
    }

    /// Where a field of an object is, or else what there is of the way to it. Items of a list are counted from 0.
    pub(super) fn field(&self, id: &str, path: &[&str]) -> Span {
        let Some(object) = self.object(id) else {
            return Span::default();
        };
        let Some(file) = self.sources.file(object) else {
            return object;
        };
        let mut roots = self.roots.borrow_mut();
        let root = roots
            .entry(file.base)
            .or_insert_with(|| tree::read(file, &mut Problems::default()));
        let node = root.as_ref().and_then(|root| find(root, object));
        node.map_or(object, |node| follow(node, object, path))
    }

    /// Where an item of a list is that has a field with such a text, in a list of one of these names: the field, or
    /// else the object.
    pub(super) fn item(&self, id: &str, lists: &[&str], fields: &[&str], is_it: impl Fn(&str) -> bool) -> Span {
        let Some(object) = self.object(id) else {
            return Span::default();
        };
        let Some(file) = self.sources.file(object) else {
            return object;
        };
        let mut roots = self.roots.borrow_mut();
        let root = roots
            .entry(file.base)
            .or_insert_with(|| tree::read(file, &mut Problems::default()));
        let items = root.as_ref().and_then(|root| list(find(root, object)?, lists));
        let mut texts = items.into_iter().flatten().flat_map(|item| texts(item, fields));
        texts.find(|(text, _)| is_it(text)).map_or(object, |(_, span)| span)
    }
}

/// The items of the list of one of some names.
fn list<'n>(node: &'n Node, names: &[&str]) -> Option<&'n [Node]> {
    let Value::Mapping(entries) = &node.value else {
        return None;
    };
    let list = entries.iter().find(|entry| names.contains(&&*entry.key))?;
    match &list.value.value {
        Value::List(items) => Some(items),
        _ => None,
    }
}

/// The words in some fields of a mapping, and where they are.
fn texts<'n>(node: &'n Node, fields: &[&str]) -> Vec<(&'n str, Span)> {
    let Value::Mapping(entries) = &node.value else {
        return Vec::new();
    };
    let entries = entries.iter().filter(|entry| fields.contains(&&*entry.key));
    let words = entries.filter_map(|entry| match &entry.value.value {
        Value::Scalar { text, .. } => Some((&**text, entry.value.span)),
        _ => None,
    });
    words.collect()
}

/// The value of the name at a place, or the item that begins there.
fn find(node: &Node, place: Span) -> Option<&Node> {
    match &node.value {
        Value::Mapping(entries) => {
            let after = entries.partition_point(|entry| entry.key_span.start <= place.start);
            let entry = entries.get(after.checked_sub(1)?)?;
            if entry.key_span.start == place.start {
                Some(&entry.value)
            } else {
                find(&entry.value, place)
            }
        }
        Value::List(items) => {
            let after = items.partition_point(|item| item.span.start <= place.start);
            let item = items.get(after.checked_sub(1)?)?;
            if item.span.start == place.start {
                Some(item)
            } else {
                find(item, place)
            }
        }
        Value::Scalar { .. } | Value::Refused | Value::Kept => None,
    }
}

/// The last step of the way shows the value; if the way ends before, the name of the last field there is.
pub(super) fn follow(node: &Node, object: Span, path: &[impl AsRef<str>]) -> Span {
    walk(node, object, path, shown)
}

/// The same, but the last step shows the name.
pub(super) fn follow_to_name(node: &Node, object: Span, path: &[impl AsRef<str>]) -> Span {
    walk(node, object, path, |_, name| name)
}

fn walk(node: &Node, object: Span, path: &[impl AsRef<str>], last: fn(&Node, Span) -> Span) -> Span {
    let Some((step, rest)) = path.split_first() else {
        return object;
    };
    let next = match &node.value {
        Value::Mapping(entries) => {
            let entry = entries.iter().find(|entry| entry.key == step.as_ref());
            entry.map(|entry| (&entry.value, entry.key_span))
        }
        Value::List(items) => {
            let item = step.as_ref().parse().ok().and_then(|index: usize| items.get(index));
            item.map(|item| (item, item.start()))
        }
        Value::Scalar { .. } | Value::Refused | Value::Kept => None,
    };
    match next {
        Some((value, name)) if rest.is_empty() => last(value, name),
        Some((value, name)) => walk(value, name, rest, last),
        None => object,
    }
}

/// A word is shown itself; anything larger by its name.
fn shown(node: &Node, otherwise: Span) -> Span {
    match &node.value {
        Value::Scalar { .. } if !node.is_empty() => node.span,
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Source;

    const TEXT: &str =
        "vpcs:\n  a:\n    CidrBlock: 10.0.0.0/16\n    ids: [x, y]\nNatGateways:\n- NatGatewayId: nat-1\n";

    fn place(object: &str, path: &[&str]) -> String {
        let sources = [
            Source::new("first", *b"vpcs:\n"),
            Source::new("second", TEXT.as_bytes()),
        ];
        let map = SourceMap::of(&sources, &[0, 6], &mut Problems::default());
        let mut places = Places::new(&map);
        let start = map.files().nth(1).expect("a source").base + TEXT.find(object).expect("an object");
        let end = start + 1;
        let mut found = Found::default();
        found.add("vpcs", "id", Span { start, end });
        places.add(&found, &mut Problems::default());
        let span = places.field("id", path);
        let located = map.locate(span).expect("a place");
        format!("{} {}:{} {}", located.file, located.line, located.column, located.text)
    }

    #[test]
    fn a_field_is_shown_or_what_there_is_of_the_way_to_it() {
        assert_eq!(place("a:", &["CidrBlock"]), "second 3:16 10.0.0.0/16");
        assert_eq!(place("a:", &["ids", "1"]), "second 4:14 y");
        assert_eq!(place("a:", &["ids", "7"]), "second 4:5 ids");
        assert_eq!(place("a:", &["ids"]), "second 4:5 ids");
        assert_eq!(place("a:", &["nothing"]), "second 2:3 a");
        assert_eq!(place("NatGatewayId", &["NatGatewayId"]), "second 6:17 nat-1");
        assert_eq!(place("NatGatewayId", &["SubnetId"]), "second 6:3 N");
    }

    #[test]
    fn what_nobody_wrote_is_nowhere() {
        let map = SourceMap::default();
        let places = Places::new(&map);
        assert_eq!(places.field("acl-1", &["Entries"]), Span::default());
    }
}
