//! The answers of all calls, put together by object.

use super::build::{get, get_in, items_of, scalar};
use super::part::{self, Part};
use crate::document::diagnostic::{Problem, Problems, Span, quote};
use crate::document::names;
use crate::document::tree::{Entry, Node, Value};
use crate::resources::{Kind, kinds};
use std::collections::{BTreeMap, HashMap};

/// What is an answer, yet no resource.
const IGNORED: [&str; 8] = [
    "ResponseMetadata",
    "NextToken",
    "nextToken",
    "NextMarker",
    "Marker",
    "MaxItems",
    "IsTruncated",
    "AdditionalRoutesAvailable",
];

/// An object that a dump is about.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) kind: &'static Kind,
    pub(super) id: String,
    /// Its first character.
    pub(super) span: Span,
    pub(super) entries: Vec<Entry>,
}

impl Object {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        get_in(&self.entries, key)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(scalar)
    }

    /// Whether people call it something without a tag.
    pub(super) fn has_own_name(&self) -> bool {
        matches!(self.kind.section, "security_groups" | "prefix_lists")
    }
}

/// Objects by section, in the order of the sources.
pub(super) type ByKind = BTreeMap<&'static str, Vec<Object>>;

#[derive(Default)]
pub(super) struct Answers {
    objects: ByKind,
    /// Where in their lists objects are.
    places: HashMap<(&'static str, String), usize>,
    /// Parts of objects that may come later, each with the name of its file.
    parts: Vec<(String, Entry)>,
    rules: Vec<Node>,
}

impl Answers {
    /// Adds a source: an answer, several in one object, or a list of answers.
    pub(super) fn add(&mut self, file: &str, root: Node, problems: &mut Problems) {
        match root.value {
            Value::Mapping(entries) => self.answer(file, entries, root.span, problems),
            Value::List(answers) => {
                for Node { span, value } in answers {
                    match value {
                        Value::Mapping(entries) => self.answer(file, entries, span, problems),
                        _ => problems.report(not_an_answer(span)),
                    }
                }
            }
            _ => problems.report(not_an_answer(root.span)),
        }
    }

    fn answer(&mut self, file: &str, entries: Vec<Entry>, span: Span, problems: &mut Problems) {
        check_complete(&entries, problems);
        let is = |key: &str| entries.iter().any(|entry| entry.key == key);
        // Two calls answer with one object each.
        if is("VpcId") && (is("EnableDnsSupport") || is("EnableDnsHostnames")) {
            return self.object("vpcs", entries, span, problems);
        }
        if is("HostedZone") {
            return self.hosted_zone(entries, problems);
        }
        for entry in entries {
            self.field(file, entry, problems);
        }
    }

    /// `get-hosted-zone` has the zone's VPCs beside it.
    fn hosted_zone(&mut self, entries: Vec<Entry>, problems: &mut Problems) {
        let mut zone = Vec::new();
        let mut beside = Vec::new();
        let mut start = Span::default();
        for entry in entries {
            match (&*entry.key, entry.value) {
                (
                    "HostedZone",
                    Node {
                        span,
                        value: Value::Mapping(fields),
                    },
                ) => {
                    start = Span::at(span.start);
                    zone = fields;
                }
                (_, value) => beside.push(Entry { value, ..entry }),
            }
        }
        zone.extend(beside.into_iter().filter(|entry| !IGNORED.contains(&&*entry.key)));
        self.object("hosted_zones", zone, start, problems);
    }

    fn field(&mut self, file: &str, entry: Entry, problems: &mut Problems) {
        let key = &*entry.key;
        if let Some(kind) = kinds().iter().find(|kind| kind.key == key) {
            return self.objects(kind, entry.value, problems);
        }
        if key == "SecurityGroupRules" {
            match entry.value.value {
                Value::List(rules) => self.rules.extend(rules),
                _ => problems.report(not_a_list(&entry.key, &entry.value)),
            }
        } else if part::of(key).next().is_some() {
            self.parts.push((file.to_owned(), entry));
        } else if !IGNORED.contains(&key) {
            unknown(&entry, problems);
        }
    }

    fn objects(&mut self, kind: &'static Kind, node: Node, problems: &mut Problems) {
        let objects = match node.value {
            Value::List(objects) => objects,
            // The one object of its kind isn't in a list.
            Value::Mapping(_) => vec![node],
            _ => return problems.report(not_a_list(kind.key, &node)),
        };
        for Node { span, value } in objects {
            match value {
                Value::Mapping(entries) => self.object(kind.section, entries, span, problems),
                Value::Refused => {}
                _ => {
                    let message = format!("the items of {} must be objects", kind.key);
                    problems.report(Problem::error(span, message));
                }
            }
        }
    }

    fn object(&mut self, section: &'static str, entries: Vec<Entry>, span: Span, problems: &mut Problems) {
        let Some(kind) = kinds().iter().find(|kind| kind.section == section) else {
            return;
        };
        let span = Span::at(span.start);
        let Some(id) = get_in(&entries, kind.id_field).and_then(scalar).map(str::to_owned) else {
            let message = format!("the {} is missing {}", kind.name, kind.id_field);
            return problems.report(Problem::error(span, message).code("MissingParameter"));
        };
        let objects = self.objects.entry(section).or_default();
        let next = objects.len();
        let at = *self.places.entry((section, id.clone())).or_insert(next);
        match objects.get_mut(at) {
            Some(known) => merge(known, entries, problems),
            None => objects.push(Object {
                kind,
                id,
                span,
                entries,
            }),
        }
    }

    /// All objects with their parts.
    pub(super) fn finish(mut self, problems: &mut Problems) -> ByKind {
        for (file, Entry { key, key_span, value }) in std::mem::take(&mut self.parts) {
            let Value::List(items) = value.value else {
                problems.report(not_a_list(&key, &value));
                continue;
            };
            for item in items {
                self.part(&file, &key, key_span, item, problems);
            }
        }
        for rule in std::mem::take(&mut self.rules) {
            self.rule(rule, problems);
        }
        self.objects
    }

    /// Puts an item of a part where it belongs.
    fn part(&mut self, file: &str, key: &str, key_span: Span, item: Node, problems: &mut Problems) {
        for part in part::of(key) {
            if let Some(owner) = self.owner(part, file, &item) {
                let into = owner.entries.iter_mut().find(|entry| entry.key == part.key);
                match into {
                    Some(Entry {
                        value:
                            Node {
                                value: Value::List(items),
                                ..
                            },
                        ..
                    }) => items.push(item),
                    Some(_) => {}
                    None => owner.entries.push(Entry {
                        key: key.to_owned(),
                        key_span,
                        value: super::build::list(vec![item], key_span),
                    }),
                }
                return;
            }
        }
        let message = format!("whose {key} these are is not said");
        let help = "give the file a name with the id of the object they belong to, which must be in the dump as well, \
                    or put them into that object";
        problems.report(Problem::error(item.start(), message).help(help));
    }

    fn owner(&mut self, part: &Part, file: &str, item: &Node) -> Option<&mut Object> {
        let objects = self.objects.get_mut(part.kind()?.section)?;
        match part.owner_field {
            Some(field) => {
                let id = get(item, field).and_then(scalar)?;
                objects.iter_mut().find(|object| object.id == id)
            }
            None => objects.iter_mut().find(|object| part::is_about(file, &object.id)),
        }
    }

    /// Puts a rule into its group.
    fn rule(&mut self, rule: Node, problems: &mut Problems) {
        let group = get(&rule, "GroupId").and_then(scalar).unwrap_or_default().to_owned();
        let at = self.places.get(&("security_groups", group.clone()));
        let groups = self.objects.get_mut("security_groups");
        let Some(group) = groups.zip(at).and_then(|(groups, at)| groups.get_mut(*at)) else {
            let message = format!("the dump has no security group {}", quote(&group));
            let help = "add what `aws ec2 describe-security-groups` prints";
            let problem = Problem::error(rule.start(), message).code("InvalidGroup.NotFound");
            return problems.report(problem.help(help));
        };
        let rules = group.entries.iter_mut().find(|entry| entry.key == RULES);
        match rules {
            Some(Entry {
                value: Node {
                    value: Value::List(rules),
                    ..
                },
                ..
            }) => rules.push(rule),
            _ => {
                let span = rule.span;
                group.entries.push(Entry {
                    key: RULES.to_owned(),
                    key_span: span,
                    value: super::build::list(vec![rule], span),
                });
            }
        }
    }
}

/// Where a group keeps the rules that are told one by one.
pub(super) const RULES: &str = "SecurityGroupRules";

/// Adds what another answer says of an object.
fn merge(known: &mut Object, entries: Vec<Entry>, problems: &mut Problems) {
    for entry in entries {
        match known.entries.iter().find(|other| other.key == entry.key) {
            None => known.entries.push(entry),
            Some(other) if is_same(&other.value, &entry.value) => {}
            Some(other) => {
                let message = format!("another dump says something else of {}", quote(&known.id));
                let problem = Problem::error(entry.key_span, message).other(other.key_span);
                problems.report(problem.help("take both dumps at the same time, or leave one of them out"));
            }
        }
    }
}

/// Whether two nodes say the same, wherever they are.
fn is_same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Scalar { text, .. }, Value::Scalar { text: other, .. }) => text == other,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Value::Mapping(a), Value::Mapping(b)) => {
            let has = |entry: &Entry| {
                b.iter()
                    .any(|it| it.key == entry.key && is_same(&it.value, &entry.value))
            };
            a.len() == b.len() && a.iter().all(has)
        }
        _ => false,
    }
}

/// Part of an answer is as good as none: what is missing would be taken for what isn't there.
fn check_complete(entries: &[Entry], problems: &mut Problems) {
    for key in ["NextToken", "nextToken", "NextMarker"] {
        let token = get_in(entries, key).and_then(|node| Some((node, scalar(node)?)));
        if let Some((node, _)) = token.filter(|(_, token)| !token.is_empty()) {
            incomplete(node, problems);
        }
    }
    for key in ["IsTruncated", "AdditionalRoutesAvailable"] {
        if let Some(node) = get_in(entries, key).filter(|node| scalar(node) == Some("true")) {
            incomplete(node, problems);
        }
    }
}

fn incomplete(node: &Node, problems: &mut Problems) {
    let help = "let the command line print all of them: leave out --no-paginate and --max-items";
    problems.report(Problem::error(node.span, "the dump is one page of several").help(help));
}

fn not_an_answer(span: Span) -> Problem {
    let problem = Problem::error(Span::at(span.start), "this isn't what AWS's command line prints");
    problem.help("an answer is an object such as {\"Vpcs\": [...]}")
}

fn not_a_list(key: &str, node: &Node) -> Problem {
    Problem::error(node.start(), format!("{key} must be a list, this is {}", node.kind()))
}

fn unknown(entry: &Entry, problems: &mut Problems) {
    let message = format!("nothing is known of {}", quote(&entry.key));
    let help = match names::nearest(&entry.key, kinds().iter().map(|kind| kind.key), problems) {
        Some(key) => format!("did you mean {key}? it isn't part of the configuration as it is"),
        None => "it isn't part of the configuration".to_owned(),
    };
    problems.report(Problem::warning(entry.key_span, message).help(help));
}

/// The items of a list in an object.
pub(super) fn list_in<'a>(object: &'a Object, key: &str) -> &'a [Node] {
    object.get(key).map_or(&[], items_of)
}
