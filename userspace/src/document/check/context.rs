//! All objects of a configuration by their ids, and problems at their places.

use crate::document::diagnostic::{Problem, Problems, Span, quote};
use crate::document::integration::Integration;
use crate::document::places::Places;
use crate::document::quotas::{Quota, Quotas};
use crate::resources::{
    Destination, GatewayAttachment, NetworkAcl, NetworkInterface, Resources, Route, RouteTable, SecurityGroup,
    SecurityGroupRule, Subnet, Vpc, kinds,
};
use ipnet::IpNet;
use std::collections::{HashMap, HashSet};

pub(super) use crate::resources::says;

pub(in crate::document) struct Context<'a> {
    pub(super) all: &'a Resources,
    pub(super) quotas: &'a Quotas,
    pub(super) places: &'a Places<'a>,
    pub(super) integrations: &'a [Integration],
    /// The ids of objects out of dumps.
    dumped: &'a HashSet<String>,
    /// The name of each object by its id.
    names: HashMap<&'a str, &'a str>,
    vpcs: HashMap<&'a str, &'a Vpc>,
    subnets: HashMap<&'a str, &'a Subnet>,
    groups: HashMap<&'a str, &'a SecurityGroup>,
    interfaces: HashMap<&'a str, &'a NetworkInterface>,
    tables: HashMap<&'a str, &'a RouteTable>,
    acls: HashMap<&'a str, &'a NetworkAcl>,
    /// Of each VPC.
    subnets_of: HashMap<&'a str, Vec<&'a Subnet>>,
    /// Of each subnet, those that are somebody's and not a service's of AWS.
    guests_of: HashMap<&'a str, Vec<&'a NetworkInterface>>,
}

/// An object by its id, and the way to one of its fields.
pub(super) type Field<'a> = (&'a str, &'a [&'a str]);

/// A usual misconfiguration's number, and what is said of the packets that are dropped for it.
#[derive(Clone, Copy)]
pub(super) struct Usual(pub(super) &'static str, pub(super) Option<&'static str>);

impl<'a> Context<'a> {
    pub(in crate::document) fn new(
        all: &'a Resources,
        integrations: &'a [Integration],
        quotas: &'a Quotas,
        places: &'a Places<'a>,
        dumped: &'a HashSet<String>,
    ) -> Self {
        let objects = kinds().iter().flat_map(|kind| all.objects(kind));
        let mut subnets_of: HashMap<_, Vec<_>> = HashMap::new();
        for subnet in &all.subnets {
            subnets_of.entry(&*subnet.vpc_id).or_default().push(subnet);
        }
        let mut guests_of: HashMap<_, Vec<_>> = HashMap::new();
        let is_guest = |eni: &&NetworkInterface| !eni.requester_managed && !eni.interface_type.is_without_groups();
        for eni in all.network_interfaces.iter().filter(is_guest) {
            guests_of.entry(&*eni.subnet_id).or_default().push(eni);
        }
        Self {
            all,
            integrations,
            quotas,
            places,
            dumped,
            names: objects.map(|object| (object.id, object.name)).collect(),
            vpcs: by_id(&all.vpcs, |vpc| &vpc.vpc_id),
            subnets: by_id(&all.subnets, |subnet| &subnet.subnet_id),
            groups: by_id(&all.security_groups, |group| &group.group_id),
            interfaces: by_id(&all.network_interfaces, |eni| &eni.network_interface_id),
            tables: by_id(&all.route_tables, |table| &table.route_table_id),
            acls: by_id(&all.network_acls, |acl| &acl.network_acl_id),
            subnets_of,
            guests_of,
        }
    }

    /// Whether there is such an object, be it one that is wrong.
    pub(super) fn has(&self, id: &str) -> bool {
        self.names.contains_key(id) || self.places.object(id).is_some()
    }

    /// Whether an object is as AWS tells it, so that it has been taken once.
    pub(super) fn is_dumped(&self, id: &str) -> bool {
        self.dumped.contains(id)
    }

    pub(super) fn vpc(&self, id: &str) -> Option<&'a Vpc> {
        self.vpcs.get(id).copied()
    }

    pub(super) fn subnet(&self, id: &str) -> Option<&'a Subnet> {
        self.subnets.get(id).copied()
    }

    pub(super) fn group(&self, id: &str) -> Option<&'a SecurityGroup> {
        self.groups.get(id).copied()
    }

    pub(super) fn interface(&self, id: &str) -> Option<&'a NetworkInterface> {
        self.interfaces.get(id).copied()
    }

    pub(super) fn table(&self, id: &str) -> Option<&'a RouteTable> {
        self.tables.get(id).copied()
    }

    /// The table that a subnet uses.
    pub(super) fn table_of(&self, subnet: &Subnet) -> Option<&'a RouteTable> {
        self.table(&subnet.route_table_id)
    }

    /// The ACL that a subnet uses.
    pub(super) fn acl_of(&self, subnet: &Subnet) -> Option<&'a NetworkAcl> {
        self.acls.get(&*subnet.network_acl_id).copied()
    }

    /// What people call an object, in quotation marks.
    pub(super) fn name(&self, id: &str) -> String {
        match self.names.get(id) {
            Some(name) if !name.is_empty() => quote(name),
            _ => quote(id),
        }
    }

    pub(super) fn place(&self, (id, path): Field<'_>) -> Span {
        self.places.field(id, path)
    }

    /// What AWS refuses, with its code.
    pub(super) fn refuse(
        &self,
        field: Field<'_>,
        code: &'static str,
        message: impl Into<String>,
        help: &str,
        problems: &mut Problems,
    ) {
        refuse_at(self.place(field), code, message, help, problems);
    }

    /// One of the usual misconfigurations, and what is then said of packets that are dropped.
    pub(super) fn warn(
        &self,
        field: Field<'_>,
        what: Usual,
        message: impl Into<String>,
        help: &str,
        problems: &mut Problems,
    ) {
        warn_at(self.place(field), what, message, help, problems);
    }

    /// That a quota is exceeded, told at an object.
    pub(super) fn limit(&self, quota: Quota, count: usize, field: Field<'_>, problems: &mut Problems) {
        let limit = self.quotas.limit(quota);
        if count > limit.most {
            problems.report(limit.exceeded(self.place(field)));
        }
    }

    /// Checks how many objects of a kind there are, in each of the groups they belong to; the first one too many is
    /// told.
    pub(super) fn count<'i, K: std::hash::Hash + Eq>(
        &self,
        quota: Quota,
        objects: impl IntoIterator<Item = (K, &'i str)>,
        problems: &mut Problems,
    ) {
        let mut counts: HashMap<K, usize> = HashMap::new();
        for (key, id) in objects {
            let count = counts.entry(key).or_default();
            *count += 1;
            if *count == self.quotas.limit(quota).most + 1 {
                self.limit(quota, *count, (id, &[]), problems);
            }
        }
    }

    pub(super) fn subnets_of(&self, vpc: &str) -> impl Iterator<Item = &'a Subnet> {
        self.subnets_of.get(vpc).into_iter().flatten().copied()
    }

    /// The ENIs of a subnet that are somebody's, and not a service's of AWS.
    pub(super) fn guests_of(&self, subnet: &str) -> impl Iterator<Item = &'a NetworkInterface> {
        self.guests_of.get(subnet).into_iter().flatten().copied()
    }

    /// The subnets that use a table.
    pub(super) fn users_of(&self, table: &RouteTable) -> impl Iterator<Item = &'a Subnet> {
        let id = table.route_table_id.clone();
        self.subnets_of(&table.vpc_id)
            .filter(move |subnet| subnet.route_table_id == id)
    }

    /// Where a group's rule is, or else the group.
    pub(super) fn rule_place(&self, group: &SecurityGroup, rule: &SecurityGroupRule) -> Span {
        let same = group.rules.iter().filter(|other| other.is_egress == rule.is_egress);
        let before = same
            .take_while(|other| other.security_group_rule_id != rule.security_group_rule_id)
            .count();
        let direction = if rule.is_egress { "egress" } else { "ingress" };
        self.place((&group.group_id, &[direction, &before.to_string()]))
    }

    /// Where a route is: its destination, as far as somebody wrote it.
    pub(super) fn route_place(&self, table: &RouteTable, route: &Route) -> Span {
        let fields = [
            "DestinationCidrBlock",
            "DestinationIpv6CidrBlock",
            "DestinationPrefixListId",
            "prefix_list",
        ];
        let is_it = |text: &str| match &route.destination {
            Destination::Cidr(block) => text.parse().is_ok_and(|other: IpNet| other.trunc() == *block),
            Destination::PrefixList(id) => text == id || self.names.get(&**id) == Some(&text),
        };
        self.places
            .item(&table.route_table_id, &["routes", "Routes"], &fields, is_it)
    }
}

/// What AWS refuses, with its code.
pub(super) fn refuse_at(
    span: Span,
    code: &'static str,
    message: impl Into<String>,
    help: &str,
    problems: &mut Problems,
) {
    problems.report(Problem::error(span, message).code(code).help(help));
}

/// One of the usual misconfigurations.
pub(super) fn warn_at(span: Span, what: Usual, message: impl Into<String>, help: &str, problems: &mut Problems) {
    let Usual(number, code) = what;
    problems.report(Problem::warning(span, message).number(number).code(code).help(help));
}

fn by_id<'a, T>(all: &'a [T], id: impl Fn(&'a T) -> &'a String) -> HashMap<&'a str, &'a T> {
    all.iter().map(|one| (&**id(one), one)).collect()
}

/// Whether an object in such a state is there at all. One that says nothing is.
pub(in crate::document) fn is_there(state: Option<&str>) -> bool {
    const GONE: [&str; 7] = [
        "deleting",
        "deleted",
        "failed",
        "rejected",
        "expired",
        "detaching",
        "detached",
    ];
    let state = state.unwrap_or_default().to_lowercase();
    !GONE.contains(&&*state)
}

/// The VPCs that a gateway hangs on.
pub(super) fn attached(attachments: &[GatewayAttachment]) -> impl Iterator<Item = &str> {
    let there = attachments
        .iter()
        .filter(|attachment| is_there(attachment.state.as_deref()));
    there.map(|attachment| &*attachment.vpc_id)
}
