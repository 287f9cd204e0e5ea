//! The shape of the language: which objects there are, with which fields of which kind.
//!
//! What a field means is `resolve`'s business. Here it is only read, so that a wrong field never hides what else is
//! wrong.

use super::diagnostic::{Problem, Problems, Span, Spanned, quote};
use super::fields::{Field, Fields, text};
use super::tree::{Entry, Node};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

#[derive(Debug)]
pub(super) struct Vpc<'a> {
    pub(super) name: Spanned<&'a str>,
    /// `None` if it is missing or wrong, which has been reported; likewise below.
    pub(super) cidr_block: Option<Spanned<Ipv4Net>>,
    pub(super) subnets: Vec<Subnet<'a>>,
    pub(super) instances: Vec<Instance<'a>>,
    pub(super) route_tables: Vec<RouteTable<'a>>,
}

#[derive(Debug)]
pub(super) struct Subnet<'a> {
    pub(super) name: Spanned<&'a str>,
    pub(super) cidr_block: Option<Spanned<Ipv4Net>>,
}

#[derive(Debug)]
pub(super) struct Instance<'a> {
    pub(super) name: Spanned<&'a str>,
    pub(super) subnet: Option<Spanned<&'a str>>,
    pub(super) address: Address,
    pub(super) source_dest_check: bool,
    pub(super) attachment: Option<Spanned<Attachment<'a>>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Address {
    /// The lowest that is free.
    Automatic,
    Chosen(Spanned<Ipv4Addr>),
    Wrong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Attachment<'a> {
    Namespace { name: &'a str, adopt: bool },
    Tap { device: &'a str },
}

#[derive(Debug)]
pub(super) struct RouteTable<'a> {
    pub(super) name: Spanned<&'a str>,
    pub(super) subnets: Vec<Spanned<&'a str>>,
    pub(super) routes: Vec<Route<'a>>,
}

#[derive(Debug)]
pub(super) struct Route<'a> {
    pub(super) destination: Option<Spanned<Ipv4Net>>,
    pub(super) instance: Option<Spanned<&'a str>>,
}

/// The VPCs of a document.
pub(super) fn read<'a>(root: &'a Node, problems: &mut Problems) -> Vec<Vpc<'a>> {
    let Some(mut fields) = Fields::of(root, "the document".to_owned(), start_of(root), problems) else {
        return Vec::new();
    };
    let has_vpcs = fields.has("vpcs");
    let vpcs = fields.objects("vpcs", problems);
    if !has_vpcs {
        fields.missing(
            "vpcs",
            "begin with `vpcs:` and a VPC's name and CidrBlock below it",
            problems,
        );
    }
    fields.finish(problems);
    vpcs.iter().map(|entry| vpc(entry, problems)).collect()
}

/// A problem of the whole document is shown at its first character, not under all of its text.
fn start_of(root: &Node) -> Span {
    Span {
        start: root.span.start,
        end: root.span.start,
    }
}

fn fields<'a>(entry: &'a Entry, kind: &str, problems: &mut Problems) -> Option<Fields<'a>> {
    Fields::of(
        &entry.value,
        format!("{kind} {}", quote(&entry.key)),
        entry.key_span,
        problems,
    )
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
        subnets: Vec::new(),
        instances: Vec::new(),
        route_tables: Vec::new(),
    };
    let Some(mut fields) = fields(entry, "VPC", problems) else {
        return vpc;
    };
    vpc.cidr_block = required_block(
        &mut fields,
        "CidrBlock",
        "write CidrBlock: 10.0.0.0/16, or another block",
        problems,
    );
    vpc.subnets = fields
        .objects("subnets", problems)
        .iter()
        .map(|entry| subnet(entry, problems))
        .collect();
    vpc.instances = fields
        .objects("instances", problems)
        .iter()
        .map(|entry| instance(entry, problems))
        .collect();
    let tables = fields.objects("route_tables", problems);
    vpc.route_tables = tables.iter().map(|entry| route_table(entry, problems)).collect();
    fields.finish(problems);
    vpc
}

fn required_block(
    fields: &mut Fields<'_>,
    name: &'static str,
    help: &str,
    problems: &mut Problems,
) -> Option<Spanned<Ipv4Net>> {
    match fields.block(name, problems) {
        Field::Is(block) => Some(block),
        Field::Wrong => None,
        Field::Missing => {
            fields.missing(name, help, problems);
            None
        }
    }
}

fn required_text<'a>(
    fields: &mut Fields<'a>,
    name: &'static str,
    help: &str,
    problems: &mut Problems,
) -> Option<Spanned<&'a str>> {
    let has = fields.has(name);
    let text = fields.text(name, problems);
    if !has {
        fields.missing(name, help, problems);
    }
    text
}

fn subnet<'a>(entry: &'a Entry, problems: &mut Problems) -> Subnet<'a> {
    let name = name(entry);
    let Some(mut fields) = fields(entry, "subnet", problems) else {
        return Subnet { name, cidr_block: None };
    };
    let cidr_block = required_block(&mut fields, "CidrBlock", "give it a block inside its VPC's", problems);
    fields.finish(problems);
    Subnet { name, cidr_block }
}

fn instance<'a>(entry: &'a Entry, problems: &mut Problems) -> Instance<'a> {
    let mut instance = Instance {
        name: name(entry),
        subnet: None,
        address: Address::Wrong,
        source_dest_check: true,
        attachment: None,
    };
    let Some(mut fields) = fields(entry, "instance", problems) else {
        return instance;
    };
    instance.subnet = required_text(&mut fields, "subnet", "name one of the VPC's subnets", problems);
    instance.address = match fields.address("PrivateIpAddress", problems) {
        Field::Missing => Address::Automatic,
        Field::Wrong => Address::Wrong,
        Field::Is(address) => Address::Chosen(address),
    };
    instance.source_dest_check = fields.boolean("SourceDestCheck", problems).unwrap_or(true);
    instance.attachment = attachment(&mut fields, problems);
    fields.finish(problems);
    instance
}

fn attachment<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<Spanned<Attachment<'a>>> {
    let neither = !fields.has("namespace") && !fields.has("tap");
    let namespace = fields.text("namespace", problems);
    let tap = fields.text("tap", problems);
    let adopt = fields.boolean("adopt", problems);
    if neither {
        let help =
            "say where the guest is: namespace: NAME for a network namespace, or tap: NAME for a virtual machine";
        fields.missing("namespace", help, problems);
    }
    if let (Some(_), Some(tap)) = (namespace, tap) {
        let message = format!("{} has both a namespace and a tap", fields.owner());
        problems.report(Problem::error(tap.span, message).help("a guest is in one place: remove one of the two"));
    }
    let adopt = adopt.unwrap_or(false);
    if let Some(Spanned { value: name, span }) = namespace {
        let value = Attachment::Namespace { name, adopt };
        return Some(Spanned { value, span });
    }
    let Spanned { value: device, span } = tap?;
    if adopt {
        let message = format!("{} adopts a tap", fields.owner());
        let help = "only a namespace can be there before; remove adopt, the tap is made";
        problems.report(Problem::error(span, message).help(help));
    }
    let value = Attachment::Tap { device };
    Some(Spanned { value, span })
}

fn route_table<'a>(entry: &'a Entry, problems: &mut Problems) -> RouteTable<'a> {
    let mut table = RouteTable {
        name: name(entry),
        subnets: Vec::new(),
        routes: Vec::new(),
    };
    let Some(mut fields) = fields(entry, "route table", problems) else {
        return table;
    };
    let subnets = fields.list("subnets", problems).iter();
    table.subnets = subnets
        .filter_map(|node| text(node, "a subnet's name", problems))
        .collect();
    table.routes = fields
        .list("routes", problems)
        .iter()
        .map(|node| route(node, problems))
        .collect();
    fields.finish(problems);
    table
}

fn route<'a>(node: &'a Node, problems: &mut Problems) -> Route<'a> {
    let Some(mut fields) = Fields::of(node, "the route".to_owned(), start_of(node), problems) else {
        return Route {
            destination: None,
            instance: None,
        };
    };
    let destination = required_block(
        &mut fields,
        "DestinationCidrBlock",
        "say where the route leads",
        problems,
    );
    let instance = required_text(
        &mut fields,
        "instance",
        "name the instance that gets the packets",
        problems,
    );
    fields.finish(problems);
    Route { destination, instance }
}
