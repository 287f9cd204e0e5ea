//! The shape of the language: which objects there are, with which fields of which kind.
//!
//! What a field means is `resolve`'s business. Here it is only read, so that a wrong field never hides what else is
//! wrong.

mod details;
mod instance;
mod integration;
mod network_acl;
mod prefix_list;
mod route_table;
mod security_group;
mod uplink;

pub(super) use details::{Details, Kind, kind};
pub(super) use instance::{Addresses, Association, Attachment, Instance, Ipv6Addresses};
pub(super) use integration::{Integration, IntegrationTarget};
pub(super) use network_acl::{Entry as NetworkAclEntry, NetworkAcl};
pub(super) use prefix_list::PrefixList;
pub(super) use route_table::{Destination, Route, RouteTable, TARGETS, Target, TargetKind};
pub(super) use security_group::{Peer, Rule, SecurityGroup};
pub(super) use uplink::{Uplink, UplinkKind};

use super::diagnostic::{Problem, Problems, Span, Spanned, quote};
use super::fields::{Field, Fields};
use super::quotas::{self, Quotas};
use super::tree::{Entry, Node, Value};
use crate::resources;
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    /// Of all VPCs that don't say it themselves; likewise below.
    pub(super) region: Option<Spanned<&'a str>>,
    pub(super) account: Option<Spanned<&'a str>>,
    pub(super) quotas: Quotas,
    pub(super) prefix_lists: Vec<PrefixList<'a>>,
    pub(super) vpcs: Vec<Vpc<'a>>,
    /// VPCs of which what they mean is kept.
    pub(super) kept: Vec<Spanned<&'a str>>,
    pub(super) objects: Vec<Object<'a>>,
    pub(super) bindings: Vec<Binding<'a>>,
    pub(super) uplinks: Vec<Uplink<'a>>,
    pub(super) integrations: Vec<Integration<'a>>,
}

/// Where the guest of a network interface is that another source has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding<'a> {
    /// What the network interface is called: its id, its name, or an address of it, with a VPC and a slash before it.
    pub(super) name: Spanned<&'a str>,
    pub(super) attachment: Option<Spanned<Attachment<'a>>>,
}

/// An object of a kind that packets don't depend on yet, in the API's shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    pub(super) kind: &'static resources::Kind,
    pub(super) name: Spanned<&'a str>,
    pub(super) node: &'a Node,
    /// AWS's own words, of which nothing is refused.
    pub(super) is_dumped: bool,
}

#[derive(Debug)]
pub(super) struct Vpc<'a> {
    pub(super) name: Spanned<&'a str>,
    /// `None` if it is missing or wrong, which has been reported; likewise below.
    pub(super) cidr_block: Option<Spanned<Ipv4Net>>,
    pub(super) secondary_cidr_blocks: Vec<Spanned<Ipv4Net>>,
    pub(super) ipv6_cidr_blocks: Vec<Spanned<Ipv6Net>>,
    pub(super) region: Option<Spanned<&'a str>>,
    pub(super) is_default: bool,
    pub(super) enable_dns_support: bool,
    /// `None` is what AWS makes it; likewise below.
    pub(super) enable_dns_hostnames: Option<bool>,
    pub(super) dhcp_options: Option<Spanned<&'a str>>,
    pub(super) details: Details<'a>,
    pub(super) subnets: Vec<Subnet<'a>>,
    pub(super) security_groups: Vec<SecurityGroup<'a>>,
    pub(super) network_acls: Vec<NetworkAcl<'a>>,
    pub(super) route_tables: Vec<RouteTable<'a>>,
    pub(super) instances: Vec<Instance<'a>>,
}

#[derive(Debug)]
pub(super) struct Subnet<'a> {
    pub(super) name: Spanned<&'a str>,
    pub(super) cidr_block: Option<Spanned<Ipv4Net>>,
    pub(super) ipv6_cidr_block: Field<Spanned<Ipv6Net>>,
    pub(super) availability_zone: Option<Spanned<&'a str>>,
    pub(super) availability_zone_id: Option<Spanned<&'a str>>,
    pub(super) map_public_ip_on_launch: Option<bool>,
    pub(super) assign_ipv6_address_on_creation: bool,
    pub(super) enable_dns64: bool,
    pub(super) default_for_az: Option<bool>,
    pub(super) details: Details<'a>,
}

/// Everything in the sources.
pub(super) fn read<'a>(roots: &'a [Arc<Node>], problems: &mut Problems) -> Document<'a> {
    let mut document = Document::default();
    let mut sections = Sections::default();
    let mut whole = true;
    for root in roots {
        // A problem of a whole source is shown at its first character, not under all of its text.
        if let Some(mut fields) = Fields::of(root, "the document".to_owned(), root.start(), problems) {
            document.add(&mut fields, &mut sections, problems);
            fields.finish(problems);
        } else {
            whole = false;
        }
    }
    if let (true, None, Some(root)) = (whole, sections.vpcs, roots.first()) {
        let message = "the document is missing vpcs";
        let help = "begin with `vpcs:` and a VPC's name and CidrBlock below it";
        problems.report(
            Problem::error(root.start(), message)
                .code("MissingParameter")
                .help(help),
        );
    }
    once(sections.vpc_names.iter().copied(), "VPC", problems);
    once(
        document.bindings.iter().map(|binding| binding.name),
        "binding",
        problems,
    );
    once(
        document.prefix_lists.iter().map(|list| list.name),
        "prefix list",
        problems,
    );
    once(
        document.integrations.iter().map(|integration| integration.name),
        "integration",
        problems,
    );
    for kind in resources::kinds() {
        let objects = document.objects.iter().filter(|object| object.kind == kind);
        once(objects.map(|object| object.name), kind.name, problems);
    }
    document
}

/// Where the sections are that there is one of, or at least one.
#[derive(Default)]
struct Sections<'a> {
    vpcs: Option<Span>,
    quotas: Option<Span>,
    vpc_names: Vec<Spanned<&'a str>>,
}

impl<'a> Document<'a> {
    /// Adds what is in another source.
    fn add(&mut self, fields: &mut Fields<'a>, sections: &mut Sections<'a>, problems: &mut Problems) {
        let region = fields.text("region", problems).known();
        one(&mut self.region, region, "region", problems);
        one(
            &mut self.account,
            details::account(fields, problems),
            "account",
            problems,
        );
        sections.vpcs = sections.vpcs.or(fields.place("vpcs"));
        for entry in fields.objects("vpcs", problems) {
            sections.vpc_names.push(name(entry));
            match entry.value.value {
                Value::Kept => self.kept.push(name(entry)),
                _ => self.vpcs.push(vpc(entry, problems)),
            }
        }
        let lists = each(fields, "prefix_lists", prefix_list::read, problems);
        self.prefix_lists.extend(lists);
        for kind in resources::kinds().iter().filter(|kind| !kind.is_core) {
            let object = |entry: &'a Entry, _: &mut Problems| Object {
                kind,
                name: name(entry),
                node: &entry.value,
                is_dumped: false,
            };
            self.objects.extend(each(fields, kind.section, object, problems));
        }
        let bindings = fields.entries("bindings", problems).iter();
        self.bindings.extend(bindings.map(|entry| binding(entry, problems)));
        let uplinks = each(fields, "uplinks", uplink::read, problems);
        self.uplinks.extend(uplinks);
        let integrations = each(fields, "integrations", integration::read, problems);
        self.integrations.extend(integrations);
        let Some(span) = fields.place("quotas") else {
            return;
        };
        self.quotas = quotas::read(fields, problems);
        if let Some(other) = sections.quotas.replace(span) {
            let problem = Problem::error(span, "there are quotas already").other(other);
            problems.report(problem.help("put all of them into one of the sources"));
        }
    }
}

/// Notes down what all sources together may say once, or several times the same.
fn one<'a>(known: &mut Option<Spanned<&'a str>>, given: Option<Spanned<&'a str>>, what: &str, problems: &mut Problems) {
    match (*known, given) {
        (Some(known), Some(given)) if known.value != given.value => {
            let message = format!("another source says that the {what} is {}", quote(known.value));
            let problem = Problem::error(given.span, message).other(known.span);
            problems.report(problem.help(format!("write {what} in each VPC that has another one")));
        }
        (None, given) => *known = given,
        _ => {}
    }
}

/// Checks that objects of different sources have different names. Inside of one the tree is particular about it.
fn once<'a>(names: impl Iterator<Item = Spanned<&'a str>>, kind: &str, problems: &mut Problems) {
    let mut seen = HashMap::new();
    for Spanned { value: name, span } in names {
        if let Some(other) = seen.insert(name, span) {
            let message = format!("{kind} {} is there twice", quote(name));
            let help = "give one of them another name, or remove it";
            problems.report(Problem::error(span, message).other(other).help(help));
        }
    }
}

/// The named objects in a field, each read.
fn each<'a, T>(
    fields: &mut Fields<'a>,
    name: &'static str,
    read: impl Fn(&'a Entry, &mut Problems) -> T,
    problems: &mut Problems,
) -> Vec<T> {
    let entries = fields.objects(name, problems);
    entries.iter().map(|entry| read(entry, problems)).collect()
}

fn fields<'a>(entry: &'a Entry, kind: &str, problems: &mut Problems) -> Option<Fields<'a>> {
    let owner = format!("{kind} {}", quote(&entry.key));
    Fields::of(&entry.value, owner, entry.key_span, problems)
}

fn name(entry: &Entry) -> Spanned<&str> {
    Spanned {
        value: &entry.key,
        span: entry.key_span,
    }
}

fn vpc<'a>(entry: &'a Entry, problems: &mut Problems) -> Vpc<'a> {
    let mut vpc = Vpc {
        name: name(entry),
        cidr_block: None,
        secondary_cidr_blocks: Vec::new(),
        ipv6_cidr_blocks: Vec::new(),
        region: None,
        is_default: false,
        enable_dns_support: true,
        enable_dns_hostnames: None,
        dhcp_options: None,
        details: Details::default(),
        subnets: Vec::new(),
        security_groups: Vec::new(),
        network_acls: Vec::new(),
        route_tables: Vec::new(),
        instances: Vec::new(),
    };
    let Some(mut fields) = fields(entry, "VPC", problems) else {
        return vpc;
    };
    let block = fields.value("CidrBlock", problems);
    let help = "write CidrBlock: 10.0.0.0/16, or another block";
    vpc.cidr_block = fields.required("CidrBlock", help, block, problems);
    vpc.secondary_cidr_blocks = fields.values("SecondaryCidrBlocks", problems);
    vpc.ipv6_cidr_blocks = fields.value("Ipv6CidrBlock", problems).known().into_iter().collect();
    vpc.ipv6_cidr_blocks
        .extend(fields.values("SecondaryIpv6CidrBlocks", problems));
    vpc.region = fields.text("region", problems).known();
    vpc.is_default = fields.boolean("IsDefault", problems).unwrap_or(false);
    vpc.enable_dns_support = fields.boolean("EnableDnsSupport", problems).unwrap_or(true);
    vpc.enable_dns_hostnames = fields.boolean("EnableDnsHostnames", problems);
    vpc.dhcp_options = fields.text("dhcp_options", problems).known();
    vpc.details = details::read(&mut fields, kind::VPC, problems);
    vpc.subnets = each(&mut fields, "subnets", subnet, problems);
    vpc.security_groups = each(&mut fields, "security_groups", security_group::read, problems);
    vpc.network_acls = each(&mut fields, "network_acls", network_acl::read, problems);
    vpc.route_tables = each(&mut fields, "route_tables", route_table::read, problems);
    vpc.instances = each(&mut fields, "instances", instance::read, problems);
    let interfaces = each(&mut fields, "network_interfaces", instance::read_interface, problems);
    // The tree is particular about names inside of each of the two.
    once(
        vpc.instances.iter().chain(&interfaces).map(|eni| eni.name),
        "instance",
        problems,
    );
    vpc.instances.extend(interfaces);
    fields.finish(problems);
    vpc
}

fn binding<'a>(entry: &'a Entry, problems: &mut Problems) -> Binding<'a> {
    let mut binding = Binding {
        name: name(entry),
        attachment: None,
    };
    if let Some(mut fields) = fields(entry, "binding", problems) {
        binding.attachment = instance::guest(&mut fields, problems);
        fields.finish(problems);
    }
    binding
}

fn subnet<'a>(entry: &'a Entry, problems: &mut Problems) -> Subnet<'a> {
    let mut subnet = Subnet {
        name: name(entry),
        cidr_block: None,
        ipv6_cidr_block: Field::Wrong,
        availability_zone: None,
        availability_zone_id: None,
        map_public_ip_on_launch: None,
        assign_ipv6_address_on_creation: false,
        enable_dns64: false,
        default_for_az: None,
        details: Details::default(),
    };
    let Some(mut fields) = fields(entry, "subnet", problems) else {
        return subnet;
    };
    let block = fields.value("CidrBlock", problems);
    subnet.cidr_block = fields.required("CidrBlock", "give it a block inside its VPC's", block, problems);
    subnet.ipv6_cidr_block = fields.value("Ipv6CidrBlock", problems);
    subnet.availability_zone = fields.text("AvailabilityZone", problems).known();
    subnet.availability_zone_id = fields.text("AvailabilityZoneId", problems).known();
    subnet.map_public_ip_on_launch = fields.boolean("MapPublicIpOnLaunch", problems);
    let assign = fields.boolean("AssignIpv6AddressOnCreation", problems);
    subnet.assign_ipv6_address_on_creation = assign.unwrap_or(false);
    subnet.enable_dns64 = fields.boolean("EnableDns64", problems).unwrap_or(false);
    subnet.default_for_az = fields.boolean("DefaultForAz", problems);
    subnet.details = details::read(&mut fields, kind::SUBNET, problems);
    fields.finish(problems);
    subnet
}

/// The one field of several that say the same thing in different ways; a problem if there is none, or a second one.
fn one_of<T>(
    fields: &Fields<'_>,
    what: &str,
    help: &str,
    ways: impl IntoIterator<Item = (&'static str, Field<Spanned<T>>)>,
    problems: &mut Problems,
) -> Option<Spanned<T>> {
    let mut there = ways.into_iter().filter(|(_, way)| !way.is_missing());
    let Some((first, field)) = there.next() else {
        fields.missing(what, help, problems);
        return None;
    };
    for (other, field) in there {
        let Field::Is(Spanned { span, .. }) = field else {
            continue;
        };
        let message = format!("{} has both {first} and {other}", fields.owner());
        let problem = Problem::error(span, message).code("InvalidParameterCombination");
        problems.report(problem.help("they say the same thing: remove one of the two"));
    }
    field.known()
}
