//! VPCs and subnets, and the document that all objects of the dumps make.

use super::answer::{ByKind, Object, list_in};
use super::build::{Builder, field, get, list, mapping, scalar, text, text_of};
use super::{Said, network_acl, network_interface, prefix_list, route_table, security_group};
use crate::document::diagnostic::{Problem, Problems, Span, quote};
use crate::document::tree::{Entry, Node};
use std::collections::HashMap;

/// The objects of one VPC by section.
type Inside<'a> = HashMap<&'static str, Vec<&'a Object>>;

/// The sections of a VPC.
const INSIDE: [&str; 5] = [
    "subnets",
    "route_tables",
    "network_acls",
    "security_groups",
    "network_interfaces",
];

/// What the dumps say, as a document.
pub(super) fn document(answers: &ByKind, said: &mut Said, problems: &mut Problems) -> Node {
    let of = |section: &str| answers.get(section).map_or(&[][..], Vec::as_slice);
    let mut inside: HashMap<&str, Inside<'_>> = of("vpcs").iter().map(|vpc| (&*vpc.id, Inside::new())).collect();
    for section in INSIDE {
        for object in of(section) {
            if let Some(vpc) = vpc_of(object, &mut inside, problems) {
                vpc.entry(section).or_default().push(object);
            }
        }
    }
    let nothing = Inside::new();
    let vpcs = of("vpcs").iter().map(|vpc| {
        let inside = inside.get(&*vpc.id).unwrap_or(&nothing);
        entry(vpc, inside, of("network_interfaces"), said, problems)
    });
    let vpcs: Vec<_> = vpcs.collect();
    let lists: Vec<_> = of("prefix_lists").iter().map(prefix_list::entry).collect();
    let spans = answers.values().flatten().map(|object| object.span);
    let start = spans.min().unwrap_or_default();
    mapping(
        vec![section("vpcs", vpcs, start), section("prefix_lists", lists, start)],
        start,
    )
}

fn section(name: &str, entries: Vec<Entry>, span: Span) -> Entry {
    field(name, mapping(entries, span))
}

/// The objects that an object's VPC has so far. A VPC that isn't there is reported.
fn vpc_of<'m, 'a>(
    object: &Object,
    inside: &'m mut HashMap<&str, Inside<'a>>,
    problems: &mut Problems,
) -> Option<&'m mut Inside<'a>> {
    let Some(node) = object.get("VpcId") else {
        let message = format!("{} {} is missing VpcId", object.kind.name, quote(&object.id));
        problems.report(Problem::error(object.span, message).code("MissingParameter"));
        return None;
    };
    let found = scalar(node).and_then(|id| inside.get_mut(id));
    if found.is_none() {
        let message = format!("the dump has no VPC {}", node.kind());
        let problem = Problem::error(node.span, message).code("InvalidVpcID.NotFound");
        problems.report(problem.help("add what `aws ec2 describe-vpcs` prints"));
    }
    found
}

fn entry(vpc: &Object, inside: &Inside<'_>, enis: &[Object], said: &mut Said, problems: &mut Problems) -> Entry {
    let mut builder = Builder::new(vpc);
    builder.take("CidrBlock").take("IsDefault");
    builder.put("SecondaryCidrBlocks", secondary_blocks(vpc));
    let mut ipv6 = ipv6_blocks(list_in(vpc, "Ipv6CidrBlockAssociationSet")).into_iter();
    builder.put("Ipv6CidrBlock", ipv6.next());
    let more: Vec<_> = ipv6.collect();
    let more = (!more.is_empty()).then(|| list(more, vpc.span));
    builder.put("SecondaryIpv6CidrBlocks", more);
    for attribute in ["EnableDnsSupport", "EnableDnsHostnames"] {
        let given = vpc.get(attribute).map(|it| get(it, "Value").unwrap_or(it));
        builder.put(attribute, given.cloned());
    }
    let options = vpc.get("DhcpOptionsId");
    let options = options.filter(|options| scalar(options) != Some("default"));
    builder.put("dhcp_options", options.cloned());
    builder.put("region", region(vpc, inside));
    for section in INSIDE {
        let objects = inside.get(section).into_iter().flatten();
        let entries = objects.map(|object| match section {
            "subnets" => subnet(object),
            "route_tables" => route_table::entry(object, enis),
            "network_acls" => network_acl::entry(object),
            "security_groups" => security_group::entry(object, said, problems),
            _ => network_interface::entry(object),
        });
        let entries: Vec<_> = entries.collect();
        builder.put(section, Some(mapping(entries, vpc.span)));
    }
    builder.entry(&vpc.id)
}

/// The blocks besides the primary one.
fn secondary_blocks(vpc: &Object) -> Option<Node> {
    let primary = vpc.text("CidrBlock");
    let associations = list_in(vpc, "CidrBlockAssociationSet").iter();
    let blocks = associations.filter(|it| is_associated(it, "CidrBlockState"));
    let blocks = blocks.filter_map(|it| get(it, "CidrBlock"));
    let blocks: Vec<_> = blocks.filter(|block| scalar(block) != primary).cloned().collect();
    (!blocks.is_empty()).then(|| list(blocks, vpc.span))
}

fn ipv6_blocks(associations: &[Node]) -> Vec<Node> {
    let associated = associations.iter().filter(|it| is_associated(it, "Ipv6CidrBlockState"));
    associated.filter_map(|it| get(it, "Ipv6CidrBlock").cloned()).collect()
}

/// What is on its way to be a block is one; what was one isn't.
pub(super) fn is_associated(association: &Node, field: &str) -> bool {
    let state = get(association, field).and_then(|state| text_of(state, "State"));
    state.is_none_or(|state| matches!(state, "associated" | "associating"))
}

/// The API says it by where it answers; an answer shows it in the zones of the subnets.
fn region(vpc: &Object, inside: &Inside<'_>) -> Option<Node> {
    let given = vpc.get("Region").cloned();
    given.or_else(|| {
        let mut subnets = inside.get("subnets")?.iter();
        let zone = subnets.find_map(|subnet| subnet.get("AvailabilityZone"))?;
        let region = scalar(zone)?.trim_end_matches(|c: char| c.is_ascii_lowercase());
        Some(text(region, zone.span))
    })
}

fn subnet(subnet: &Object) -> Entry {
    let mut builder = Builder::new(subnet);
    builder
        .take("CidrBlock")
        .take("AvailabilityZone")
        .take("AvailabilityZoneId");
    builder.take("MapPublicIpOnLaunch").take("AssignIpv6AddressOnCreation");
    builder.take("EnableDns64").take("DefaultForAz");
    let blocks = ipv6_blocks(list_in(subnet, "Ipv6CidrBlockAssociationSet"));
    builder.put("Ipv6CidrBlock", blocks.into_iter().next());
    builder.entry(&subnet.id)
}
