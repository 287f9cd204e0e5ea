//! Transit gateways (semantics 18; M14, M15, M52 to M56).

use super::context::{Context, Usual, is_there, says};
use super::endpoint::one_of_each_zone;
use super::route::is_default;
use crate::document::diagnostic::Problems;
use crate::document::quotas::Quota;
use crate::resources::{RouteTarget, Subnet, TransitGatewayRouteTable, TransitGatewayVpcAttachment, Vpc};
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap, HashSet};

type Attachment = TransitGatewayVpcAttachment;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    let mut pairs = HashMap::new();
    for attachment in there(all) {
        let id = &*attachment.transit_gateway_attachment_id;
        let pair = (attachment.transit_gateway_id.as_deref(), attachment.vpc_id.as_deref());
        if let ((Some(gateway), Some(vpc)), Some(other)) = (pair, pairs.insert(pair, id)) {
            let message = format!(
                "VPC {} is attached to {} by {} already",
                all.name(vpc),
                all.name(gateway),
                all.name(other)
            );
            let help = "a VPC has one attachment to a transit gateway: add the subnets to it";
            all.refuse(
                (id, &["VpcId"]),
                "DuplicateTransitGatewayAttachment",
                message,
                help,
                problems,
            );
        }
        for (field, value) in [("TransitGatewayId", pair.0), ("VpcId", pair.1)] {
            if value.is_none() {
                let message = format!("transit gateway VPC attachment {} is missing {field}", all.name(id));
                all.refuse(
                    (id, &[]),
                    "MissingParameter",
                    message,
                    "say what is attached to what",
                    problems,
                );
            }
        }
        if attachment.subnet_ids.is_empty() {
            let message = format!("transit gateway VPC attachment {} is missing SubnetIds", all.name(id));
            let help = "name a subnet in each zone that is to use the transit gateway";
            all.refuse((id, &[]), "MissingParameter", message, help, problems);
        }
        one_of_each_zone(all, (id, "SubnetIds"), pair.1, &attachment.subnet_ids, problems);
    }
    tables(all, problems);
    peerings(all, problems);
    quotas(all, problems);
    quotas_of_tables(all, problems);
}

fn quotas(all: &Context<'_>, problems: &mut Problems) {
    let gateways = all
        .all
        .transit_gateways
        .iter()
        .filter(|gateway| is_there(gateway.state.as_deref()));
    let owned = gateways.map(|gateway| (gateway.owner_id.as_deref(), &*gateway.transit_gateway_id));
    all.count(Quota::TransitGateways, owned, problems);
    let of_vpcs = there(all).filter_map(|one| Some((one.vpc_id.as_deref()?, &*one.transit_gateway_attachment_id)));
    all.count(Quota::TransitGatewaysOfVpc, of_vpcs, problems);
    let attached = there(all).map(|one| (one.transit_gateway_id.as_deref(), &*one.transit_gateway_attachment_id));
    all.count(Quota::TransitGatewayAttachments, attached, problems);
    let peerings = all
        .all
        .transit_gateway_peering_attachments
        .iter()
        .filter(|one| is_there(one.state.as_deref()));
    let peerings = peerings.map(|one| {
        (
            one.requester_tgw_info.transit_gateway_id.as_deref(),
            &*one.transit_gateway_attachment_id,
        )
    });
    all.count(Quota::TransitGatewayPeerings, peerings, problems);
}

fn there<'a>(all: &Context<'a>) -> impl Iterator<Item = &'a Attachment> {
    all.all
        .transit_gateway_vpc_attachments
        .iter()
        .filter(|attachment| is_there(attachment.state.as_deref()))
}

fn quotas_of_tables(all: &Context<'_>, problems: &mut Problems) {
    let tables = all.all.transit_gateway_route_tables.iter();
    let tables = tables.filter(|table| is_there(table.state.as_deref()));
    let key = |table: &'_ TransitGatewayRouteTable| table.transit_gateway_id.clone();
    let of_gateways = tables
        .clone()
        .map(|table| (key(table), &*table.transit_gateway_route_table_id));
    all.count(Quota::TransitGatewayRouteTables, of_gateways, problems);
    let routes = tables.flat_map(|table| {
        let id = &*table.transit_gateway_route_table_id;
        table.routes.iter().map(move |_| (key(table), id))
    });
    all.count(Quota::TransitGatewayRoutes, routes, problems);
}

/// An attachment is associated with one table of each transit gateway that it joins, and a table has one static route
/// to a block.
fn tables(all: &Context<'_>, problems: &mut Problems) {
    let mut owners: HashMap<(&str, Option<&str>), &str> = HashMap::new();
    for table in &all.all.transit_gateway_route_tables {
        let id = &*table.transit_gateway_route_table_id;
        for (index, association) in associations(table).enumerate() {
            let end = (association, table.transit_gateway_id.as_deref());
            if let Some(other) = owners.insert(end, id) {
                let message = format!(
                    "attachment {} is associated with route table {} already",
                    all.name(association),
                    all.name(other)
                );
                let field: &[&str] = &["Associations", &index.to_string()];
                let help = "an attachment has one table: remove it from one of the two";
                all.refuse((id, field), "Resource.AlreadyAssociated", message, help, problems);
            }
        }
        let mut seen = HashSet::new();
        for (index, route) in table.routes.iter().enumerate() {
            let Some(block) = route
                .destination_cidr_block
                .filter(|_| !says(route.route_type.as_deref(), "propagated"))
            else {
                continue;
            };
            if !seen.insert(block.trunc()) {
                let message = format!("the table has a static route to {block} already");
                let field: &[&str] = &["Routes", &index.to_string(), "DestinationCidrBlock"];
                all.refuse(
                    (id, field),
                    "RouteAlreadyExists",
                    message,
                    "remove one of the two",
                    problems,
                );
            }
        }
    }
}

fn associations(table: &TransitGatewayRouteTable) -> impl Iterator<Item = &str> {
    let there = table
        .associations
        .iter()
        .filter(|one| !says(one.state.as_deref(), "disassociated"));
    there.filter_map(|one| one.transit_gateway_attachment_id.as_deref())
}

/// Two transit gateways are joined once.
fn peerings(all: &Context<'_>, problems: &mut Problems) {
    let mut pairs = HashMap::new();
    for peering in all
        .all
        .transit_gateway_peering_attachments
        .iter()
        .filter(|one| is_there(one.state.as_deref()))
    {
        let ends =
            [&peering.requester_tgw_info, &peering.accepter_tgw_info].map(|end| end.transit_gateway_id.as_deref());
        let [Some(a), Some(b)] = ends else { continue };
        let id = &*peering.transit_gateway_attachment_id;
        if let Some(other) = pairs.insert((a.min(b), a.max(b)), id) {
            let message = format!(
                "attachment {} joins these two transit gateways already",
                all.name(other)
            );
            all.refuse(
                (id, &[]),
                "DuplicateTransitGatewayAttachment",
                message,
                "remove one of the two",
                problems,
            );
        }
    }
}

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    for attachment in there(all) {
        let vpc = attachment.vpc_id.as_deref().and_then(|id| all.vpc(id));
        let Some(vpc) = vpc else { continue };
        unserved_zones(all, attachment, vpc, problems);
        unconnected(all, attachment, vpc, problems);
        inspecting(all, attachment, problems);
        overlapping(all, attachment, vpc, problems);
    }
}

fn leads_to<'a>(all: &'a Context<'_>, subnet: &Subnet, gateway: &'a str) -> bool {
    let is_it = |target: &RouteTarget| matches!(target, RouteTarget::TransitGateway(id) if id == gateway);
    all.table_of(subnet)
        .is_some_and(|table| table.routes.targets().iter().any(is_it))
}

/// A subnet leads to the transit gateway from a zone without an attachment (M52).
fn unserved_zones(all: &Context<'_>, attachment: &Attachment, vpc: &Vpc, problems: &mut Problems) {
    let Some(gateway) = attachment.transit_gateway_id.as_deref() else {
        return;
    };
    let subnets = attachment.subnet_ids.iter().filter_map(|id| all.subnet(id));
    let zones: BTreeSet<_> = subnets.map(|subnet| &*subnet.availability_zone).collect();
    let mut told = BTreeSet::new();
    for subnet in all
        .subnets_of(&vpc.vpc_id)
        .filter(|subnet| leads_to(all, subnet, gateway))
    {
        let zone = &*subnet.availability_zone;
        if !zones.contains(zone) && all.guests_of(&subnet.subnet_id).next().is_some() && told.insert(zone) {
            let message = format!(
                "subnet {} leads to the transit gateway, which has no subnet of the VPC in {zone}",
                all.name(&subnet.subnet_id)
            );
            let help = "add a subnet of that zone to the attachment";
            let what = Usual("M52", Some("TGW_ROUTE_AZ_RESTRICTION"));
            all.warn(
                (&attachment.transit_gateway_attachment_id, &["SubnetIds"]),
                what,
                message,
                help,
                problems,
            );
        }
    }
}

/// Something of what it takes is missing (M53).
fn unconnected(all: &Context<'_>, attachment: &Attachment, vpc: &Vpc, problems: &mut Problems) {
    let id = &*attachment.transit_gateway_attachment_id;
    let Some(gateway) = attachment.transit_gateway_id.as_deref() else {
        return;
    };
    let tables = all.all.transit_gateway_route_tables.iter();
    let tables = || {
        tables
            .clone()
            .filter(|table| table.transit_gateway_id.as_deref() == Some(gateway))
    };
    let associated = tables().any(|table| associations(table).any(|other| other == id));
    // Nobody's packets are routed by a table without associations.
    let reached = tables().any(|table| associations(table).next().is_some() && reaches(table, id));
    let known = tables().next().is_some();
    let (code, message, help) = if known && !associated {
        let message = "no route table of the transit gateway is associated with the attachment, so what comes from the VPC is dropped";
        let help = "add it to the Associations of a table";
        ("TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION", message, help)
    } else if known && !reached {
        let message = "no route table of the transit gateway leads to the attachment";
        let help = "let it propagate into a table, or add a static route";
        ("TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT", message, help)
    } else if !all.subnets_of(&vpc.vpc_id).any(|subnet| leads_to(all, subnet, gateway)) {
        let message = "no subnet of the VPC has a route to the transit gateway";
        (
            "NO_ROUTE_TO_DESTINATION",
            message,
            "add one to the tables of its subnets",
        )
    } else {
        return;
    };
    all.warn((id, &[]), Usual("M53", Some(code)), message, help, problems);
}

/// Whether a transit gateway's table leads to an attachment.
fn reaches(table: &TransitGatewayRouteTable, attachment: &str) -> bool {
    let is_it = |id: &Option<String>| id.as_deref() == Some(attachment);
    let mut propagations = table.propagations.iter();
    let mut targets = table.routes.iter().flat_map(|route| &route.transit_gateway_attachments);
    propagations.any(|one| is_it(&one.transit_gateway_attachment_id))
        || targets.any(|target| is_it(&target.transit_gateway_attachment_id))
}

/// An inspecting VPC whose answers may pass another appliance, or none (M54, M55).
fn inspecting(all: &Context<'_>, attachment: &Attachment, problems: &mut Problems) {
    let id = &*attachment.transit_gateway_attachment_id;
    let is_middlebox =
        |target: &RouteTarget| matches!(target, RouteTarget::VpcEndpoint(_) | RouteTarget::NetworkInterface(_));
    let inspected = |subnet: &&Subnet| {
        let table = all.table_of(subnet);
        let mut routes = table.into_iter().flat_map(|table| table.routes.iter());
        routes.any(|route| is_default(route) && is_middlebox(&route.target))
    };
    let subnets: Vec<_> = attachment.subnet_ids.iter().filter_map(|id| all.subnet(id)).collect();
    let led = subnets.iter().copied().filter(|subnet| inspected(subnet)).count();
    if led == 0 {
        return;
    }
    if let Some(other) = subnets.iter().copied().find(|subnet| !inspected(subnet)) {
        let message = format!(
            "what arrives in subnet {} passes by the middlebox that the other zones lead to",
            all.name(&other.subnet_id)
        );
        let help = "lead the tables of all the attachment's subnets to it";
        all.warn((id, &["SubnetIds"]), Usual("M55", None), message, help, problems);
    }
    if subnets.len() > 1 && !says(attachment.options.appliance_mode_support.as_deref(), "enable") {
        let message = "without appliance mode, answers from another zone reach another appliance, which drops them";
        let help = "write ApplianceModeSupport: enable in Options";
        all.warn((id, &["Options"]), Usual("M54", None), message, help, problems);
    }
}

/// The second of two VPCs with the same addresses doesn't propagate (M56).
fn overlapping(all: &Context<'_>, attachment: &Attachment, vpc: &Vpc, problems: &mut Problems) {
    let age = |one: &'_ Attachment| (one.creation_time.clone(), one.transit_gateway_attachment_id.clone());
    let own = age(attachment);
    let earlier = there(all).filter(|other| age(other) < own);
    let same = earlier.filter(|other| other.transit_gateway_id == attachment.transit_gateway_id);
    let overlaps = |other: &&Vpc| {
        other.vpc_id != vpc.vpc_id && vpc.blocks().any(|block| other.blocks().any(|its| overlap(block, its)))
    };
    let mut others = same.filter_map(|other| all.vpc(other.vpc_id.as_deref()?));
    if let Some(other) = others.find(overlaps) {
        let message = format!(
            "VPC {} has addresses of VPC {}, so it doesn't propagate",
            all.name(&vpc.vpc_id),
            all.name(&other.vpc_id)
        );
        let help = "choose other blocks, or use a private NAT gateway";
        let what = Usual("M56", Some("TGW_RTB_CANNOT_ROUTE"));
        all.warn(
            (&attachment.transit_gateway_attachment_id, &["VpcId"]),
            what,
            message,
            help,
            problems,
        );
    }
}

/// Whether two VPCs are on one transit gateway.
pub(super) fn is_common(all: &Context<'_>, a: &str, b: &str) -> bool {
    common(all, a, b).is_some()
}

fn common<'a>(all: &Context<'a>, a: &str, b: &str) -> Option<[&'a Attachment; 2]> {
    let of = |vpc: &str| {
        there(all)
            .filter(move |one| one.vpc_id.as_deref() == Some(vpc))
            .collect::<Vec<_>>()
    };
    let others = of(b);
    let pairs = of(a).into_iter().filter_map(|one| {
        Some([
            one,
            *others
                .iter()
                .find(|other| other.transit_gateway_id == one.transit_gateway_id)?,
        ])
    });
    pairs.into_iter().next()
}

/// Why a rule can't name a group of a VPC on the same transit gateway (M14, M15); nothing if they are on none.
pub(super) fn reference_fault(
    all: &Context<'_>,
    a: &str,
    b: &str,
    is_egress: bool,
) -> Option<Result<(), (&'static str, String)>> {
    let attachments = common(all, a, b)?;
    if is_egress {
        let why = "over a transit gateway, only rules of ingress may name a group of another VPC".to_owned();
        return Some(Err(("M14", why)));
    }
    let mut gateways = all.all.transit_gateways.iter();
    let gateway = gateways.find(|one| Some(&one.transit_gateway_id) == attachments[0].transit_gateway_id.as_ref());
    let on_gateway =
        gateway.is_none_or(|one| says(one.options.security_group_referencing_support.as_deref(), "enable"));
    // Attachments have it on unless they say otherwise; transit gateways have it off (semantics 1.2).
    let off = |one: &&Attachment| says(one.options.security_group_referencing_support.as_deref(), "disable");
    if on_gateway && !attachments.iter().any(off) {
        return Some(Ok(()));
    }
    let why = "SecurityGroupReferencingSupport must be on at the transit gateway and at both attachments".to_owned();
    Some(Err(("M15", why)))
}

fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}
