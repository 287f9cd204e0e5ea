//! What AWS's command line prints, read as the same language that people write.
//!
//! The answers of all calls in all sources are put together by object, then written as a document with ids for names,
//! every value at the place where the dump has it. From there on everything is the same for both. At the end each
//! object gets back what the language has no field for.

mod answer;
mod build;
mod network_acl;
mod network_interface;
mod part;
mod prefix_list;
mod route_table;
mod security_group;
#[cfg(test)]
mod tests;
pub(super) mod text;
mod vpc;

use super::diagnostic::{Problems, Spanned};
use super::json;
use super::schema;
use super::tree::{Entry, Node, Value};
use crate::export;
use crate::resources::{Details, Kind, Resources, difference, kinds};
use answer::{Answers, ByKind, Object, RULES};
use serde_json::Map;
use std::collections::HashMap;

/// What dumps say of objects, by their ids: what the language has no field for is looked up here.
#[derive(Debug, Default)]
pub(super) struct Said(HashMap<String, Map<String, serde_json::Value>>);

/// Whether a source is what AWS's command line prints rather than a document, which may be written as JSON, too.
pub(super) fn is_dump(text: &str, root: &Node) -> bool {
    const SECTIONS: [&str; 6] = ["account", "bindings", "integrations", "quotas", "region", "uplinks"];
    let is_section =
        |entry: &Entry| SECTIONS.contains(&&*entry.key) || kinds().iter().any(|kind| kind.section == entry.key);
    let is_document = matches!(&root.value, Value::Mapping(entries) if entries.iter().any(is_section));
    text::is_json(text) && !is_document
}

/// All dumps of a configuration.
#[derive(Debug, Default)]
pub(super) struct Dump {
    /// The objects that packets depend on, in the language that people write.
    pub(super) document: Option<Node>,
    later: Vec<Later>,
    pub(super) said: Said,
}

/// An object in the API's shape.
#[derive(Debug)]
struct Later {
    kind: &'static Kind,
    id: String,
    node: Node,
}

/// Reads dumps. Each goes with the name of its source, which says what some answers don't.
pub(super) fn read(dumps: Vec<(&str, Node)>, problems: &mut Problems) -> Dump {
    let mut answers = Answers::default();
    for (file, root) in dumps {
        answers.add(file, root, problems);
    }
    let mut dump = Dump::default();
    let mut core = ByKind::new();
    for (section, objects) in answers.finish(problems) {
        for object in objects {
            if object.kind.is_core {
                dump.said.add(&object, problems);
                core.entry(section).or_default().push(object);
            } else {
                let Object {
                    kind,
                    id,
                    span,
                    entries,
                } = object;
                let node = build::mapping(entries, span);
                dump.later.push(Later { kind, id, node });
            }
        }
    }
    dump.document = (!core.is_empty()).then(|| vpc::document(&core, &mut dump.said, problems));
    dump
}

impl Dump {
    /// The objects that the document has in the API's shape.
    pub(super) fn objects(&self) -> impl Iterator<Item = schema::Object<'_>> {
        self.later.iter().map(|Later { kind, id, node }| schema::Object {
            kind,
            name: Spanned {
                value: id,
                span: node.span,
            },
            node,
            is_dumped: true,
        })
    }
}

impl Said {
    fn add(&mut self, object: &Object, problems: &mut Problems) {
        // Rules are objects of their own.
        let fields = object.entries.iter().filter(|entry| entry.key != RULES);
        let fields = fields.map(|entry| (entry.key.clone(), json::json(&entry.value, problems)));
        self.0.insert(object.id.clone(), fields.collect());
    }

    /// Gives each object back what no field of it has.
    pub(super) fn complete(&self, resources: &mut Resources) {
        if self.0.is_empty() {
            return;
        }
        let written = export::written(resources);
        let rest = |id: &str, details: &mut Details| {
            let (Some(written), Some(said)) = (written.get(id), self.0.get(id)) else {
                return;
            };
            details.rest = difference(written, said);
        };
        let it = resources;
        it.vpcs.iter_mut().for_each(|o| rest(&o.vpc_id, &mut o.details));
        it.subnets.iter_mut().for_each(|o| rest(&o.subnet_id, &mut o.details));
        it.route_tables
            .iter_mut()
            .for_each(|o| rest(&o.route_table_id, &mut o.details));
        it.network_acls
            .iter_mut()
            .for_each(|o| rest(&o.network_acl_id, &mut o.details));
        for group in &mut it.security_groups {
            rest(&group.group_id, &mut group.details);
            let rules = group.rules.iter_mut();
            rules.for_each(|rule| rest(&rule.security_group_rule_id, &mut rule.details));
        }
        it.prefix_lists
            .iter_mut()
            .for_each(|o| rest(&o.prefix_list_id, &mut o.details));
        let enis = it.network_interfaces.iter_mut();
        enis.for_each(|o| rest(&o.network_interface_id, &mut o.details));
    }
}
