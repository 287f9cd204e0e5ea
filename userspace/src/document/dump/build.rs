//! Pieces of the document that dumps become.

use super::answer::Object;
use crate::document::diagnostic::Span;
use crate::document::tree::{Entry, Node, Value};

/// A text at the place of what it was made of.
pub(super) fn text(text: impl Into<String>, span: Span) -> Node {
    let (text, plain) = (text.into(), false);
    let value = Value::Scalar { text, plain };
    Node { span, value }
}

/// A word such as `true` or a number.
pub(super) fn word(text: impl Into<String>, span: Span) -> Node {
    let (text, plain) = (text.into(), true);
    let value = Value::Scalar { text, plain };
    Node { span, value }
}

pub(super) fn list(items: Vec<Node>, span: Span) -> Node {
    let value = Value::List(items);
    Node { span, value }
}

pub(super) fn mapping(entries: Vec<Entry>, span: Span) -> Node {
    let value = Value::Mapping(entries);
    Node { span, value }
}

/// A field of the document with a value of the dump, at the value's place.
pub(super) fn field(key: &str, value: Node) -> Entry {
    let key_span = value.span;
    Entry {
        key: key.to_owned(),
        key_span,
        value,
    }
}

/// What is in a field of a mapping.
pub(super) fn get<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.field(key).filter(|value| !value.is_empty())
}

pub(super) fn get_in<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Node> {
    let found = entries.iter().find(|entry| entry.key == key);
    found.map(|entry| &entry.value).filter(|value| !value.is_empty())
}

/// The text of a field of a mapping.
pub(super) fn text_of<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    get(node, key).and_then(scalar)
}

pub(super) fn scalar(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

/// The items of a field of a mapping that is a list.
pub(super) fn items<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    get(node, key).map_or(&[], items_of)
}

pub(super) fn items_of(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        _ => &[],
    }
}

/// An object of the document while its fields are put together.
pub(super) struct Builder<'a> {
    object: &'a Object,
    entries: Vec<Entry>,
}

impl<'a> Builder<'a> {
    /// With the id, the owner, the tags, and what people call the object.
    pub(super) fn new(object: &'a Object) -> Self {
        let mut builder = Self {
            object,
            entries: Vec::new(),
        };
        builder.take(object.kind.id_field);
        builder.account();
        builder.tags();
        builder
    }

    /// A field that has the same name and meaning in both.
    pub(super) fn take(&mut self, key: &str) -> &mut Self {
        self.take_as(key, key)
    }

    /// A field that has another name in the document.
    pub(super) fn take_as(&mut self, key: &str, own: &str) -> &mut Self {
        let value = self.object.get(key).cloned();
        self.put(own, value)
    }

    /// A field whose value is made of something else.
    pub(super) fn put(&mut self, own: &str, value: Option<Node>) -> &mut Self {
        self.entries.extend(value.map(|value| field(own, value)));
        self
    }

    /// A list made of the items of a list. What is no list, and what nothing can be made of, stays as it is: the
    /// document's reader says what is wrong with it.
    pub(super) fn each(&mut self, key: &str, own: &str, item: impl Fn(&Node) -> Option<Node>) -> &mut Self {
        let value = self.object.get(key).map(|given| match &given.value {
            Value::List(items) => {
                let made = items.iter().map(|node| item(node).unwrap_or_else(|| node.clone()));
                list(made.collect(), given.span)
            }
            _ => given.clone(),
        });
        self.put(own, value)
    }

    fn account(&mut self) {
        let owner = self
            .object
            .get("OwnerId")
            .filter(|owner| scalar(owner).is_some_and(is_account));
        self.put("account", owner.cloned());
    }

    /// The tag `Name` says what people call the object, unless it has a field for that.
    fn tags(&mut self) {
        let Some(tags) = self.object.get("Tags").or_else(|| self.object.get("TagSet")) else {
            let name = text(self.object.id.clone(), self.object.span);
            self.put("Name", (!self.object.has_own_name()).then_some(name));
            return;
        };
        let mut name = text(self.object.id.clone(), self.object.span);
        let mut others = Vec::new();
        for tag in items_of(tags) {
            let (Some(key), Some(value)) = (get(tag, "Key"), get(tag, "Value")) else {
                continue;
            };
            match scalar(key) {
                Some("Name") if !self.object.has_own_name() && scalar(value).is_some_and(|value| !value.is_empty()) => {
                    name = value.clone();
                }
                Some(key_text) => others.push(Entry {
                    key: key_text.to_owned(),
                    key_span: key.span,
                    value: value.clone(),
                }),
                None => {}
            }
        }
        self.put("Name", (!self.object.has_own_name()).then_some(name));
        self.put("tags", (!others.is_empty()).then(|| mapping(others, tags.span)));
    }

    /// The object under its key in a section.
    pub(super) fn entry(&mut self, key: &str) -> Entry {
        let span = self.object.span;
        Entry {
            key: key.to_owned(),
            key_span: span,
            value: mapping(std::mem::take(&mut self.entries), span),
        }
    }
}

/// AWS's own objects belong to nobody with a number.
fn is_account(owner: &str) -> bool {
    owner == "AWS" || (owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit()))
}
