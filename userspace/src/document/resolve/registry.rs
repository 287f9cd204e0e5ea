//! The objects of a configuration by their names and ids, for those who refer to them.

use super::object_id;
use crate::document::schema::{self, Kind, kind};
use std::collections::HashMap;

/// A VPC, or an object in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name<'a> {
    /// What ids of its kind begin with.
    prefix: &'static str,
    /// `None` for a VPC itself, and for what is in none.
    vpc: Option<&'a str>,
    name: &'a str,
}

/// An object as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registered {
    pub(super) id: String,
    /// `None` for a VPC itself, and for what is in none.
    pub(super) vpc_id: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Registry<'a> {
    names: HashMap<Name<'a>, Registered>,
    /// Those with an id, by it.
    ids: HashMap<String, Option<String>>,
}

impl<'a> Registry<'a> {
    pub(super) fn of(vpcs: &'a [schema::Vpc<'a>]) -> Self {
        let mut registry = Self::default();
        for vpc in vpcs {
            registry.add_vpc(vpc);
        }
        registry
    }

    fn add_vpc(&mut self, vpc: &'a schema::Vpc<'a>) {
        let name = vpc.name.value;
        let vpc_id = object_id(kind::VPC, &vpc.details, &[name]);
        self.add(kind::VPC, None, name, vpc_id.clone(), None);
        for group in &vpc.security_groups {
            let id = object_id(kind::SECURITY_GROUP, &group.details, &[name, group.name.value]);
            self.add(kind::SECURITY_GROUP, Some(name), group.name.value, id, Some(&vpc_id));
        }
    }

    fn add(&mut self, kind: Kind, vpc: Option<&'a str>, name: &'a str, id: String, vpc_id: Option<&str>) {
        let vpc_id = vpc_id.map(str::to_owned);
        self.ids.insert(id.clone(), vpc_id.clone());
        let name = Name {
            prefix: kind.prefix,
            vpc,
            name,
        };
        self.names.insert(name, Registered { id, vpc_id });
    }

    /// The object in a VPC that `VPC/NAME` names.
    pub(super) fn inside<'s>(&'s self, kind: Kind, path: &'s str) -> Option<&'s Registered> {
        let (vpc, name) = path.split_once('/')?;
        let name = Name {
            prefix: kind.prefix,
            vpc: Some(vpc),
            name,
        };
        self.names.get(&name)
    }

    /// The id of an object that is in no VPC.
    pub(super) fn later<'s>(&'s self, prefix: &'static str, name: &'s str) -> Option<&'s str> {
        let name = Name {
            prefix,
            vpc: None,
            name,
        };
        self.names.get(&name).map(|found| &*found.id)
    }

    /// The names of such objects.
    pub(super) fn later_names(&self, prefix: &'static str) -> impl Iterator<Item = &str> {
        let names = self.names.keys();
        let names = names.filter(move |name| name.prefix == prefix && name.vpc.is_none());
        names.map(|name| name.name)
    }

    /// Whether there is an object with an id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.ids.contains_key(id)
    }
}
