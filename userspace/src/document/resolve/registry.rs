//! The objects of a configuration by their names and ids, for those who refer to them.

use super::{identity, object_id};
use crate::document::ids;
use crate::document::schema::{self, Kind, kind};
use crate::resources;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// What is in a VPC, and the VPC itself, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    vpc: String,
    vpc_id: String,
    /// What ids of its kind begin with, the name, the id.
    objects: Vec<(&'static str, String, String)>,
}

impl Index {
    pub(super) fn of(vpc: &schema::Vpc<'_>) -> Self {
        let name = vpc.name.value;
        let mut objects = Vec::new();
        let mut add = |kind: Kind, object: &str, details: &schema::Details<'_>| {
            let id = object_id(kind, details, &[name, object]);
            objects.push((kind.prefix, object.to_owned(), id));
        };
        for subnet in &vpc.subnets {
            add(kind::SUBNET, subnet.name.value, &subnet.details);
        }
        for table in &vpc.route_tables {
            add(kind::ROUTE_TABLE, table.name.value, &table.details);
        }
        for acl in &vpc.network_acls {
            add(kind::NETWORK_ACL, acl.name.value, &acl.details);
        }
        for group in &vpc.security_groups {
            add(kind::SECURITY_GROUP, group.name.value, &group.details);
        }
        for instance in &vpc.instances {
            add(kind::NETWORK_INTERFACE, instance.name.value, &instance.details);
        }
        // What every VPC comes with.
        for (kind, own) in [
            (kind::SECURITY_GROUP, "default"),
            (kind::NETWORK_ACL, "default"),
            (kind::ROUTE_TABLE, "main"),
        ] {
            let is_it = |(prefix, name, _): &(&str, String, String)| *prefix == kind.prefix && name == own;
            if !objects.iter().any(is_it) {
                let id = ids::id(kind.prefix, &[name, own]);
                objects.push((kind.prefix, own.to_owned(), id));
            }
        }
        Self {
            vpc: name.to_owned(),
            vpc_id: object_id(kind::VPC, &vpc.details, &[name]),
            objects,
        }
    }
}

/// An object as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Registered<'a> {
    pub(super) id: &'a str,
    /// `None` for a VPC itself, and for what is in none.
    pub(super) vpc_id: Option<&'a str>,
}

#[derive(Debug, Default)]
pub(super) struct Registry<'a> {
    /// By what ids of the kind begin with, the VPC's name if it is in one, and its own.
    names: HashMap<(&'a str, Option<&'a str>, &'a str), Registered<'a>>,
    /// What is in a VPC by the name alone: more than one if several VPCs have one.
    inside: HashMap<(&'a str, &'a str), Vec<Registered<'a>>>,
    ids: HashMap<&'a str, Option<&'a str>>,
    /// What objects of the VPC that is being resolved have asked for.
    asked: RefCell<HashSet<Question>>,
}

/// What a VPC may want to know of what is outside of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Question {
    Inside(&'static str, String),
    Outside(&'static str, String),
    Has(String),
}

/// What was asked, and the ids that were the answers.
#[derive(Debug, Default)]
pub(super) struct Answers(Vec<(Question, Option<String>)>);

impl<'a> Registry<'a> {
    pub(super) fn of(
        indices: impl Iterator<Item = &'a Index>,
        document: &'a schema::Document<'a>,
        object_ids: &'a [String],
        prefix_list_ids: &'a [String],
    ) -> Self {
        let mut registry = Self::default();
        indices.for_each(|index| registry.add_vpc(index));
        // Whoever names a connection means its endpoint.
        let objects = document.objects.iter().zip(object_ids);
        for (object, id) in objects.filter(|(object, _)| !identity::is_connection(object)) {
            registry.add(prefix(object.kind), None, object.name.value, id, None);
        }
        for (list, id) in document.prefix_lists.iter().zip(prefix_list_ids) {
            registry.add(kind::PREFIX_LIST.prefix, None, list.name.value, id, None);
        }
        registry
    }

    /// What was asked since the last time.
    pub(super) fn take_answers(&self) -> Answers {
        let asked = self.asked.take();
        let answers = asked.into_iter().map(|question| {
            let answer = self.answer(&question);
            (question, answer.map(str::to_owned))
        });
        Answers(answers.collect())
    }

    /// Whether all answers are as they were.
    pub(super) fn still_answers(&self, answers: &Answers) -> bool {
        let mut answers = answers.0.iter();
        answers.all(|(question, answer)| self.answer(question) == answer.as_deref())
    }

    fn answer(&self, question: &Question) -> Option<&'a str> {
        match question {
            Question::Inside(prefix, path) => self.look_inside(prefix, path).map(|found| found.id),
            Question::Outside(prefix, name) => self.look_outside(prefix, name),
            Question::Has(id) => self.ids.get_key_value(&**id).map(|(id, _)| *id),
        }
    }

    fn ask(&self, question: Question) {
        self.asked.borrow_mut().insert(question);
    }

    fn add_vpc(&mut self, index: &'a Index) {
        let Index { vpc, vpc_id, objects } = index;
        self.add(kind::VPC.prefix, None, vpc, vpc_id, None);
        for (prefix, name, id) in objects {
            self.add(prefix, Some(vpc), name, id, Some(vpc_id));
        }
    }

    fn add(&mut self, prefix: &'a str, vpc: Option<&'a str>, name: &'a str, id: &'a str, vpc_id: Option<&'a str>) {
        let registered = Registered { id, vpc_id };
        self.ids.insert(id, vpc_id);
        self.names.insert((prefix, vpc, name), registered);
        if vpc.is_some() {
            self.inside.entry((prefix, name)).or_default().push(registered);
        }
    }

    /// The object in a VPC that `VPC/NAME` names.
    pub(super) fn inside(&self, prefix: &'static str, path: &str) -> Option<Registered<'a>> {
        self.ask(Question::Inside(prefix, path.to_owned()));
        self.look_inside(prefix, path)
    }

    fn look_inside(&self, prefix: &str, path: &str) -> Option<Registered<'a>> {
        let (vpc, name) = path.split_once('/')?;
        self.names.get(&(prefix, Some(vpc), name)).copied()
    }

    /// The id of a VPC, or of an object that is in none.
    pub(super) fn outside(&self, prefix: &'static str, name: &str) -> Option<&'a str> {
        self.ask(Question::Outside(prefix, name.to_owned()));
        self.look_outside(prefix, name)
    }

    fn look_outside(&self, prefix: &str, name: &str) -> Option<&'a str> {
        self.names.get(&(prefix, None, name)).map(|found| found.id)
    }

    /// The object that a name or a path means when it stands in an object of a VPC, or of none: `None` if there is no
    /// such object, or if several VPCs have one.
    pub(super) fn find(&self, prefix: &str, name: &str, vpc_id: Option<&str>) -> Option<&'a str> {
        if let Some(id) = self.look_outside(prefix, name) {
            return Some(id);
        }
        if let Some(found) = self.look_inside(prefix, name) {
            return Some(found.id);
        }
        let all = self.inside.get(&(prefix, name))?;
        match &**all {
            [only] => Some(only.id),
            several => {
                let mut several = several.iter();
                let own = several.find(|found| vpc_id.is_some() && found.vpc_id == vpc_id);
                own.map(|found| found.id)
            }
        }
    }

    /// The names of a kind that nothing has to be said before.
    pub(super) fn names(&self, prefix: &str) -> impl Iterator<Item = &'a str> {
        let names = self.names.keys().copied();
        names.filter_map(move |(kind, vpc, name)| (kind == prefix && vpc.is_none()).then_some(name))
    }

    /// Whether there is an object with an id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.ask(Question::Has(id.to_owned()));
        self.ids.contains_key(id)
    }
}

/// What a kind is known by here: what its ids begin with, if they all begin with something.
pub(super) fn prefix(kind: &'static resources::Kind) -> &'static str {
    if kind.prefix.is_empty() {
        kind.section
    } else {
        kind.prefix
    }
}

/// Whether a text looks like an id of a kind, so that it can't be meant as a name.
pub(super) fn is_id(prefix: &str, text: &str) -> bool {
    text.starts_with("arn:") || ids::is_id(prefix, text)
}
