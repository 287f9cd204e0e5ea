//! A transit gateway's route tables (semantics 18.2).

use super::super::world::{VpcAttachment, World};
use groundplane::resources::{
    TransitGatewayPeeringAttachment, TransitGatewayRouteAttachment, TransitGatewayRouteTable,
};
use ipnet::IpNet;
use std::cmp::Reverse;
use std::net::IpAddr;

/// Where a route leads.
pub(super) enum Led<'a> {
    Vpc(VpcAttachment<'a>),
    /// Into another transit gateway, which knows the attachment by one of these ids.
    Over {
        gateway: &'a str,
        attachment: Vec<&'a str>,
    },
    /// A blackhole, or an attachment that is gone.
    Nowhere,
}

/// "Longest prefix; then: static, prefix-list reference, VPC propagated". Of two prefix lists that with the lowest id.
type Rank<'a> = (u8, u8, Reverse<&'a str>);

struct Candidate<'a> {
    rank: Rank<'a>,
    /// The attachment's id; `None` is a blackhole.
    attachment: Option<&'a str>,
}

/// Where the table leads a destination, if it has a route for it.
pub(super) fn select<'a>(
    world: &'a World,
    gateway: &'a str,
    table: &'a TransitGatewayRouteTable,
    destination: IpAddr,
) -> Option<Led<'a>> {
    let mut candidates = said(world, table);
    candidates.extend(propagated(world, gateway, table));
    let mut best: Option<Candidate<'a>> = None;
    for (block, candidate) in candidates {
        let is_better = |best: &Candidate<'_>| candidate.rank > best.rank;
        if block.contains(&destination) && best.as_ref().is_none_or(is_better) {
            best = Some(candidate);
        }
    }
    let attachment = best?.attachment;
    Some(attachment.map_or(Led::Nowhere, |id| lead(world, gateway, id)))
}

fn lead<'a>(world: &'a World, gateway: &'a str, id: &'a str) -> Led<'a> {
    let mut vpcs = world.vpc_attachments(gateway);
    if let Some(to) = vpcs.find(|attachment| attachment.said.transit_gateway_attachment_id == id) {
        return Led::Vpc(to);
    }
    let mut joins = world.peering_attachments();
    let join = joins.find(|join| ids(join).contains(&id));
    join.and_then(|join| beyond(join, gateway)).unwrap_or(Led::Nowhere)
}

fn ids(join: &TransitGatewayPeeringAttachment) -> Vec<&str> {
    let accepter = join.accepter_transit_gateway_attachment_id.as_deref();
    std::iter::once(join.transit_gateway_attachment_id.as_str())
        .chain(accepter)
        .collect()
}

/// 18.6: "static routes only, one per TGW pair".
fn beyond<'a>(join: &'a TransitGatewayPeeringAttachment, gateway: &str) -> Option<Led<'a>> {
    let requester = join.requester_tgw_info.transit_gateway_id.as_deref()?;
    let accepter = join.accepter_tgw_info.transit_gateway_id.as_deref()?;
    let other = match gateway {
        it if it == requester => accepter,
        it if it == accepter => requester,
        _ => return None,
    };
    Some(Led::Over {
        gateway: other,
        attachment: ids(join),
    })
}

/// Static routes, and references to prefix lists; and the propagated ones that are listed, if the table doesn't say who
/// propagates.
fn said<'a>(world: &'a World, table: &'a TransitGatewayRouteTable) -> Vec<(IpNet, Candidate<'a>)> {
    let mut candidates = Vec::new();
    for route in &table.routes {
        let is_propagated = route.route_type.as_deref() == Some("propagated");
        if is_propagated && !table.propagations.is_empty() {
            continue;
        }
        let is_blackhole = route.state.as_deref() == Some("blackhole");
        let attachment = first(route.transit_gateway_attachments.first(), is_blackhole);
        if let Some(block) = route.destination_cidr_block {
            let kind = if is_propagated { 0 } else { 2 };
            candidates.push(candidate(block, kind, "", attachment));
        } else if let Some(list) = &route.prefix_list_id {
            candidates.extend(entries(world, list, attachment));
        }
    }
    for reference in &table.prefix_list_references {
        let is_blackhole = reference.blackhole == Some(true);
        let attachment = first(reference.transit_gateway_attachment.as_ref(), is_blackhole);
        let list = reference.prefix_list_id.as_deref().unwrap_or_default();
        candidates.extend(entries(world, list, attachment));
    }
    candidates
}

fn first(attachment: Option<&TransitGatewayRouteAttachment>, is_blackhole: bool) -> Option<&str> {
    let attachment = attachment.filter(|_| !is_blackhole)?;
    attachment.transit_gateway_attachment_id.as_deref()
}

fn candidate<'a>(block: IpNet, kind: u8, list: &'a str, attachment: Option<&'a str>) -> (IpNet, Candidate<'a>) {
    let rank = (block.prefix_len(), kind, Reverse(list));
    (block, Candidate { rank, attachment })
}

fn entries<'a>(world: &'a World, list: &'a str, attachment: Option<&'a str>) -> Vec<(IpNet, Candidate<'a>)> {
    let list = world.prefix_list(list);
    let entries = list.into_iter().flat_map(|list| {
        let entries = list.entries.iter();
        entries.map(|block| candidate(*block, 1, &list.prefix_list_id, attachment))
    });
    entries.collect()
}

/// "propagation: VPC: its CIDRs". "A VPC whose CIDR equals or overlaps an already attached one does not propagate."
fn propagated<'a>(
    world: &'a World,
    gateway: &'a str,
    table: &'a TransitGatewayRouteTable,
) -> Vec<(IpNet, Candidate<'a>)> {
    let propagates = |attachment: &VpcAttachment<'a>| {
        let id = attachment.said.transit_gateway_attachment_id.as_str();
        table.propagations.iter().any(|propagation| {
            let is_its = propagation.transit_gateway_attachment_id.as_deref() == Some(id);
            is_its && matches!(propagation.state.as_deref(), None | Some("enabled"))
        })
    };
    let mine = world.vpc_attachments(gateway).filter(propagates);
    let mine = mine.filter(|attachment| !overlaps_an_earlier(world, gateway, *attachment));
    mine.flat_map(|attachment| {
        let id = attachment.said.transit_gateway_attachment_id.as_str();
        let with_ipv6 = attachment.said.options.ipv6_support.as_deref() == Some("enable");
        let blocks = world.vpc(attachment.vpc).blocks();
        let blocks = blocks.filter(move |block| with_ipv6 || block.addr().is_ipv4());
        blocks.map(move |block| candidate(block, 0, "", Some(id)))
    })
    .collect()
}

fn overlaps_an_earlier(world: &World, gateway: &str, late: VpcAttachment<'_>) -> bool {
    let age = |attachment: VpcAttachment<'_>| {
        let created = attachment.said.creation_time.clone().unwrap_or_default();
        (created, attachment.said.transit_gateway_attachment_id.clone())
    };
    let overlap = |one: IpNet, other: IpNet| one.contains(&other) || other.contains(&one);
    let mut earlier = world.vpc_attachments(gateway).filter(|early| age(*early) < age(late));
    earlier.any(|early| {
        let mut blocks = world.vpc(early.vpc).blocks();
        blocks.any(|block| world.vpc(late.vpc).blocks().any(|other| overlap(block, other)))
    })
}
