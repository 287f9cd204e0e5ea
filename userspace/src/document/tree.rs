//! YAML as a tree in which every value knows its place.
//!
//! Only what a VPC document needs: mappings with words as keys, lists, scalars. Anchors with aliases and tags are
//! refused, so that a short text never stands for a huge or a self-containing document. Depth is bounded, which makes
//! recursion over the tree safe.

use super::diagnostic::{Problem, Problems, Span, quote};
use super::dump::text;
use super::source::SourceText;
use granit_parser::{Event, Options, Parser, ScalarStyle};
use std::collections::HashSet;

/// Collections inside each other; a VPC document has six.
const DEPTH: usize = 32;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// The text as it is written; `plain` if it isn't quoted.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Something that has been reported, so that nobody reports it again.
    Refused,
    /// A VPC of which what it means is kept, and the text isn't.
    Kept,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

impl Node {
    /// Where it begins, for problems of all of it, which would underline too much.
    pub(super) fn start(&self) -> Span {
        Span::at(self.span.start)
    }

    /// What is in a field of a mapping, also if that is nothing.
    pub(super) fn field(&self, key: &str) -> Option<&Node> {
        let Value::Mapping(entries) = &self.value else {
            return None;
        };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// What people call this kind of value.
    pub(super) fn kind(&self) -> String {
        match &self.value {
            _ if self.is_empty() => "nothing".to_owned(),
            Value::Scalar { text, .. } => quote(text),
            Value::List(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
            Value::Refused | Value::Kept => "refused".to_owned(),
        }
    }

    /// Nothing after the colon, or a null spelled out.
    pub(super) fn is_empty(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain: true } => matches!(&**text, "" | "~" | "null" | "Null" | "NULL"),
            _ => false,
        }
    }
}

/// Reads a source. Without a root there is nothing more to be checked.
pub(super) fn read(source: SourceText<'_>, problems: &mut Problems) -> Option<Node> {
    let SourceText { text, base, .. } = source;
    if text::is_json(text) {
        return text::read(source, problems);
    }
    let bytes_of = |span: granit_parser::Span| {
        let bytes = span.byte_range().unwrap_or_default();
        Span {
            start: base + bytes.start,
            end: base + bytes.end,
        }
    };
    let errors_before = problems.errors();
    let mut options = Options::default();
    options.flow_nesting_limit = DEPTH;
    options.block_nesting_limit = DEPTH;
    let mut builder = Builder {
        problems,
        open: Vec::new(),
        root: None,
        documents: 0,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => {
                if let Some(tag) = span.tag_span() {
                    builder.refuse(bytes_of(tag), "tags aren't part of the language", "leave the tag out");
                }
                builder.event(event, bytes_of(span));
            }
            Err(error) => {
                let start = base + error.marker().byte_offset().unwrap_or(text.len());
                let message = format!("not YAML: {}", error.info());
                builder.problems.report(Problem::error(Span::at(start), message));
                return None;
            }
        }
    }
    let Builder { root, .. } = builder;
    if root.is_none() && problems.errors() == errors_before {
        problems.report(Problem::error(Span::at(base), "the document is empty").help("begin with `vpcs:`"));
    }
    root
}

struct Builder<'a> {
    problems: &'a mut Problems,
    /// Collections whose end hasn't come yet, the innermost last.
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

/// A collection, and where it began.
enum Open {
    List(Span, Vec<Node>),
    Mapping(Span, OpenMapping),
}

#[derive(Default)]
struct OpenMapping {
    entries: Vec<Entry>,
    seen: HashSet<String>,
    key: Key,
}

/// What is known of the next entry of a mapping.
#[derive(Default)]
enum Key {
    #[default]
    Expected,
    Read(String, Span),
    /// A key that was refused; its value is dropped.
    Refused,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.refuse(span, "a second document in one file", "put it into a file of its own");
                }
            }
            Event::Alias(_) => {
                self.refuse(span, "aliases aren't part of the language", "write the value out again");
                self.node(span, Value::Refused);
            }
            Event::Scalar(text, style, ..) => {
                let (text, plain) = (text.into_owned(), style == ScalarStyle::Plain);
                self.node(span, Value::Scalar { text, plain });
            }
            Event::SequenceStart(..) => self.open.push(Open::List(span, Vec::new())),
            Event::MappingStart(..) => self.open.push(Open::Mapping(span, OpenMapping::default())),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => {}
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::List(span, items)) => self.node(span, Value::List(items)),
            Some(Open::Mapping(span, mapping)) => self.node(span, Value::Mapping(mapping.entries)),
            None => {}
        }
    }

    /// Puts a finished node where it belongs.
    fn node(&mut self, span: Span, value: Value) {
        let node = Node { span, value };
        match self.open.last_mut() {
            None if self.root.is_none() => self.root = Some(node),
            // The second document, which has been refused.
            None => {}
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Mapping(_, mapping)) => mapping.put(node, self.problems),
        }
    }

    fn refuse(&mut self, span: Span, message: &str, help: &str) {
        self.problems.report(Problem::error(span, message).help(help));
    }
}

impl OpenMapping {
    fn put(&mut self, node: Node, problems: &mut Problems) {
        match std::mem::take(&mut self.key) {
            Key::Expected => self.key = self.take_key(node, problems),
            Key::Read(key, key_span) => self.entries.push(Entry {
                key,
                key_span,
                value: node,
            }),
            Key::Refused => {}
        }
    }

    fn take_key(&mut self, node: Node, problems: &mut Problems) -> Key {
        let span = node.span;
        if matches!(node.value, Value::Refused) {
            return Key::Refused;
        }
        let Value::Scalar { text, .. } = node.value else {
            problems.report(Problem::error(
                span,
                format!("a key must be a word, this is {}", node.kind()),
            ));
            return Key::Refused;
        };
        if !self.seen.insert(text.clone()) {
            let message = format!("{} is there twice", quote(&text));
            problems.report(Problem::error(span, message).help("give one of them another name, or remove it"));
            return Key::Refused;
        }
        Key::Read(text, span)
    }
}
