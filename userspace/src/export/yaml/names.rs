//! The names that objects have in a document: their own, where they can be one and nobody else has it.

use crate::document::derived;
use crate::resources::{Resources, kinds};
use std::collections::{HashMap, HashSet};

/// Names by ids.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    own: HashMap<&'a str, String>,
    /// The id of the VPC that an object is in.
    vpcs: HashMap<&'a str, &'a str>,
}

/// Names that are taken in one section.
#[derive(Default)]
struct Section {
    taken: HashSet<String>,
}

impl Section {
    /// The name of an object: its own if it can be, else its id, else what is left of its name with a number.
    fn choose(&mut self, name: &str, id: &str) -> String {
        let plain: String = name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
            .take(56)
            .collect();
        let plain = if derived::is_name(&plain) {
            plain
        } else {
            "object".to_owned()
        };
        let numbered = (2_u32..).map(|number| format!("{plain}-{number}"));
        let mut candidates = [name, id]
            .into_iter()
            .map(str::to_owned)
            .chain([plain.clone()])
            .chain(numbered);
        let is_free = |name: &String| derived::is_name(name) && !self.taken.contains(name);
        let name = candidates.find(is_free).unwrap_or(plain);
        self.taken.insert(name.clone());
        name
    }

    fn reserve(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }
}

impl<'a> Names<'a> {
    pub(super) fn of(all: &'a Resources) -> Self {
        let mut names = Self::default();
        let mut section = Section::default();
        for vpc in &all.vpcs {
            names.own.insert(&vpc.vpc_id, section.choose(&vpc.name, &vpc.vpc_id));
            names.inside(all, &vpc.vpc_id);
        }
        for kind in kinds()
            .iter()
            .filter(|kind| !kind.is_core || kind.section == "prefix_lists")
        {
            let mut section = Section::default();
            for object in all.objects(kind) {
                // Some of AWS's calls tell of the same object in two ways; then both have names of their own.
                let name = section.choose(object.name, object.id);
                names.own.entry(object.id).or_insert(name);
            }
        }
        names
    }

    fn inside(&mut self, all: &'a Resources, vpc_id: &'a str) {
        let mut add = |section: &mut Section, fixed: Option<&str>, name: &'a str, id: &'a str| {
            let name = match fixed {
                Some(fixed) => fixed.to_owned(),
                None => section.choose(name, id),
            };
            self.own.insert(id, name);
            self.vpcs.insert(id, vpc_id);
        };
        let mut section = Section::default();
        for subnet in all.subnets.iter().filter(|subnet| subnet.vpc_id == vpc_id) {
            add(&mut section, None, &subnet.name, &subnet.subnet_id);
        }
        let mut section = Section::default();
        for eni in all.network_interfaces.iter().filter(|eni| eni.vpc_id == vpc_id) {
            add(&mut section, None, &eni.name, &eni.network_interface_id);
        }
        let mut section = Section::default();
        section.reserve("default");
        for group in all.security_groups.iter().filter(|group| group.vpc_id == vpc_id) {
            let fixed = (group.group_name == "default").then_some("default");
            add(&mut section, fixed, &group.group_name, &group.group_id);
        }
        let mut section = Section::default();
        section.reserve("default");
        for acl in all.network_acls.iter().filter(|acl| acl.vpc_id == vpc_id) {
            let fixed = acl.is_default.then_some("default");
            add(&mut section, fixed, &acl.name, &acl.network_acl_id);
        }
        let tables = || all.route_tables.iter().filter(|table| table.vpc_id == vpc_id);
        let mut section = Section::default();
        // Another table than the main one may be called main; then the main one says that it is.
        let called_main = tables().find(|table| table.name == "main" && !table.main);
        section.reserve("main");
        for table in tables() {
            let is_main = match called_main {
                Some(called) => called.route_table_id == table.route_table_id,
                None => table.main,
            };
            add(
                &mut section,
                is_main.then_some("main"),
                &table.name,
                &table.route_table_id,
            );
        }
    }

    /// The name of an object where it stands; its id if the document hasn't it.
    pub(super) fn own<'s>(&'s self, id: &'s str) -> &'s str {
        self.own.get(id).map_or(id, String::as_str)
    }

    /// What refers to an object from outside of its VPC.
    pub(super) fn path(&self, id: &str) -> String {
        match self.vpcs.get(id) {
            Some(vpc) => format!("{}/{}", self.own(vpc), self.own(id)),
            None => self.own(id).to_owned(),
        }
    }

    /// What refers to an object from a VPC.
    pub(super) fn from(&self, vpc_id: &str, id: &str) -> String {
        match self.vpcs.get(id) {
            Some(vpc) if *vpc != vpc_id => self.path(id),
            _ => self.own(id).to_owned(),
        }
    }
}
