//! What an object is where a document doesn't say it, for those who write documents.

use super::security_group::rule_id;
use super::selector::Selector;
use super::{identity, object, zone};
use crate::document::ids::id;
use crate::document::names;
use crate::document::notation::Protocol;
use crate::resources::{Kind, SecurityGroupRule};

pub(crate) use super::derive::{Absent, Usable};

pub(crate) const ACCOUNT: &str = super::DEFAULT_ACCOUNT;
pub(crate) const REGION: &str = zone::DEFAULT_REGION;

/// The id of an object of a kind that packets depend on.
pub(crate) fn core_id(prefix: &str, path: &[&str]) -> String {
    id(prefix, path)
}

/// The id of an object of any other kind, and of a type if it says one.
pub(crate) fn object_id(kind: &Kind, type_of: Option<&str>, name: &str, owner: (&str, &str)) -> String {
    identity::own_id(kind, type_of, name, owner)
}

/// The id of a rule of a group, which is known by its VPC's name and its own.
pub(crate) fn rule(path: [&str; 2], rule: &SecurityGroupRule) -> String {
    let selector = Selector {
        protocol: Protocol(rule.ip_protocol),
        port_range: rule.port_range,
        icmp_type_code: rule.icmp_type_code,
    };
    rule_id(path, rule.is_egress, selector, &rule.peer)
}

pub(crate) use crate::document::ids::mac;

/// The zone of a subnet.
pub(crate) fn zone(region: &str) -> String {
    zone::first(region)
}

/// The id of a zone.
pub(crate) fn zone_id(region: &str, zone: &str) -> String {
    zone::zone_id(region, zone)
}

/// Whether a name can stand in a document.
pub(crate) fn is_name(name: &str) -> bool {
    names::is_name(name)
}

/// The kind that a field names an object of by its id.
pub(crate) fn referenced(field: &str) -> Option<&'static Kind> {
    object::referenced(field)
}
