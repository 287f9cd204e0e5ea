//! VPC peering (semantics 11; M6 to M9, M11).

use super::context::{Context, Usual, is_there, says, warn_at};
use super::route::is_default;
use crate::document::diagnostic::Problems;
use crate::document::quotas::Quota;
use crate::resources::{Destination, Peer, PeeringVpcInfo, Route, RouteTable, RouteTarget, Vpc, VpcPeeringConnection};
use ipnet::IpNet;
use std::collections::HashMap;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    let mut pairs = HashMap::new();
    for peering in there(all) {
        let id = &*peering.vpc_peering_connection_id;
        let Some((requester, accepter)) = sides(peering) else {
            let message = format!(
                "peering connection {} doesn't say which two VPCs it joins",
                all.name(id)
            );
            let help = "write VpcId in RequesterVpcInfo and in AccepterVpcInfo";
            all.refuse((id, &[]), "MissingParameter", message, help, problems);
            continue;
        };
        if requester == accepter {
            let message = format!("both sides are VPC {}", all.name(requester));
            let field: &[&str] = &["AccepterVpcInfo", "VpcId"];
            all.refuse(
                (id, field),
                "InvalidParameterValue",
                message,
                "name another VPC",
                problems,
            );
        } else if let Some(other) = pairs.insert((requester.min(accepter), requester.max(accepter)), id) {
            let message = format!("peering connection {} joins these two VPCs already", all.name(other));
            all.refuse(
                (id, &[]),
                "VpcPeeringConnectionAlreadyExists",
                message,
                "remove one of the two",
                problems,
            );
        }
        for (name, info) in infos(peering) {
            side(all, id, name, info, problems);
        }
    }
    quotas(all, problems);
}

fn quotas(all: &Context<'_>, problems: &mut Problems) {
    let ends = |peering: &'_ VpcPeeringConnection| {
        let (a, b) = sides(peering)?;
        Some([a.to_owned(), b.to_owned()])
    };
    let active = there(all).filter(|peering| is_active(peering));
    let active = active.flat_map(|peering| {
        ends(peering)
            .into_iter()
            .flatten()
            .map(|vpc| (vpc, &*peering.vpc_peering_connection_id))
    });
    let known = active.filter(|(vpc, _)| all.vpc(vpc).is_some());
    all.count(Quota::ActivePeerings, known, problems);
    let pending = there(all).filter(|peering| says(peering.status.code.as_deref(), "pending-acceptance"));
    let pending = pending.filter_map(|peering| Some((sides(peering)?.0, &*peering.vpc_peering_connection_id)));
    all.count(Quota::OutstandingPeerings, pending, problems);
}

/// A VPC of this configuration, or one of somebody else's.
fn side(all: &Context<'_>, id: &str, name: &str, info: &PeeringVpcInfo, problems: &mut Problems) {
    let Some(vpc) = info.vpc_id.as_deref() else { return };
    let Some(vpc) = all.vpc(vpc) else {
        let elsewhere = |vpc: &Vpc| {
            let other = |given: &Option<String>, own: &str| given.as_deref().is_some_and(|given| given != own);
            other(&info.owner_id, &vpc.details.owner_id) || other(&info.region, &vpc.region)
        };
        if !all.has(vpc) && !all.all.vpcs.iter().all(elsewhere) {
            let help = "name a VPC of this configuration, or say by OwnerId or Region whose it is";
            let message = format!("there is no VPC {vpc}");
            all.refuse((id, &[name, "VpcId"]), "InvalidVpcID.NotFound", message, help, problems);
        }
        return;
    };
    let dns = info.peering_options.allow_dns_resolution_from_remote_vpc == Some(true);
    if dns && !(vpc.enable_dns_hostnames && vpc.enable_dns_support) {
        let message = format!("VPC {} has no DNS hostnames, which this needs", all.name(&vpc.vpc_id));
        let field: &[&str] = &[name, "PeeringOptions", "AllowDnsResolutionFromRemoteVpc"];
        let code = "InvalidVpcPeeringConnectionState.DnsHostnamesDisabled";
        let help = "set EnableDnsSupport and EnableDnsHostnames in the VPC";
        all.refuse((id, field), code, message, help, problems);
    }
}

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    for peering in &all.all.vpc_peering_connections {
        failed(all, peering, problems);
    }
    for peering in there(all).filter(|peering| is_active(peering)) {
        let known = sides(peering).and_then(|(a, b)| Some((all.vpc(a)?, all.vpc(b)?)));
        let Some((a, b)) = known else { continue };
        one_way(all, peering, (a, b), problems);
        for (from, to) in [(a, b), (b, a)] {
            for (table, route) in routes(all, peering, from) {
                beyond(all, (table, route), from, to, problems);
            }
        }
    }
    references(all, problems);
}

/// AWS lets such a connection fail without an error (M9).
fn failed(all: &Context<'_>, peering: &VpcPeeringConnection, problems: &mut Problems) {
    if !says(peering.status.code.as_deref(), "failed") {
        return;
    }
    let id = &*peering.vpc_peering_connection_id;
    let known = sides(peering).and_then(|(a, b)| Some((all.vpc(a)?, all.vpc(b)?)));
    let common = known.and_then(|(a, b)| {
        let common = |block| Some((block, b.blocks().find(|other| overlap(block, *other))?));
        a.blocks().find_map(common).map(|blocks| (a, b, blocks))
    });
    let message = match common {
        Some((a, b, (one, other))) => format!(
            "{one} of VPC {} overlaps {other} of VPC {}, so AWS lets this fail",
            all.name(&a.vpc_id),
            all.name(&b.vpc_id)
        ),
        None => format!("peering connection {} has failed, and carries nothing", all.name(id)),
    };
    let help = "choose other blocks, or use an endpoint service or a private NAT gateway";
    all.warn((id, &["Status"]), Usual("M9", None), message, help, problems);
}

/// Routes lead over it from one side alone (M6).
fn one_way(all: &Context<'_>, peering: &VpcPeeringConnection, (a, b): (&Vpc, &Vpc), problems: &mut Problems) {
    let there = routes(all, peering, a);
    let back = routes(all, peering, b);
    let ((table, route), lacking) = match (&*there, &*back) {
        ([first, ..], []) => (*first, b),
        ([], [first, ..]) => (*first, a),
        _ => return,
    };
    let message = format!(
        "no route leads back over {} from VPC {}",
        all.name(&peering.vpc_peering_connection_id),
        all.name(&lacking.vpc_id)
    );
    let help = "add a route to this VPC's blocks to the other side's tables";
    let what = Usual("M6", Some("NO_ROUTE_TO_DESTINATION"));
    warn_at(all.route_place(table, route), what, message, help, problems);
}

/// A route into a peer beyond what is the peer's own (M7, M8, M48).
fn beyond(all: &Context<'_>, (table, route): (&RouteTable, &Route), from: &Vpc, to: &Vpc, problems: &mut Problems) {
    let peer = all.name(&to.vpc_id);
    let block = match &route.destination {
        Destination::Cidr(block) => *block,
        Destination::PrefixList(id) => {
            let list = all.all.prefix_lists.iter().find(|list| list.prefix_list_id == *id);
            if list.is_some_and(|list| list.name.starts_with("com.amazonaws.")) {
                let message = format!("VPC {peer}'s gateway endpoint serves VPC {peer} alone");
                let what = Usual("M48", Some("VPCE_GATEWAY_EGRESS_SOURCE_ADDRESS_RESTRICTION"));
                let help = "make an endpoint in this VPC";
                warn_at(all.route_place(table, route), what, message, help, problems);
            }
            return;
        }
    };
    let gateway = "lead to a gateway of this VPC instead, or use a transit gateway";
    let (number, message, help) = if is_default(route) {
        let message = format!("VPC {peer} passes nothing on to its own gateways for others");
        ("M8", message, gateway)
    } else if to.blocks().any(|own| overlap(own, block)) {
        return;
    } else if let Some(third) = third(all, block, from, to) {
        let message = format!(
            "{block} is VPC {}'s, and VPC {peer} passes nothing on to it",
            all.name(third)
        );
        ("M7", message, "peer with that VPC directly, or use a transit gateway")
    } else {
        let message = format!("{block} isn't VPC {peer}'s, which passes nothing on for others");
        ("M8", message, gateway)
    };
    let what = Usual(number, Some("PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"));
    warn_at(all.route_place(table, route), what, message, help, problems);
}

/// The peer of a peer whose a block is.
fn third<'a>(all: &Context<'a>, block: IpNet, from: &Vpc, to: &Vpc) -> Option<&'a str> {
    let is_its = |id: &&str| {
        let vpc = all.vpc(id).filter(|vpc| vpc.vpc_id != from.vpc_id);
        vpc.is_some_and(|vpc| vpc.blocks().any(|own| overlap(own, block)))
    };
    peers_of(all, &to.vpc_id).find(is_its)
}

/// Rules that name a group of another VPC (M11, M14, M15).
fn references(all: &Context<'_>, problems: &mut Problems) {
    for group in &all.all.security_groups {
        for rule in &group.rules {
            let Peer::Group(other) = &rule.peer else { continue };
            let Some(other) = all.group(other).filter(|other| other.vpc_id != group.vpc_id) else {
                continue;
            };
            let (name, vpc) = (all.name(&other.group_id), all.name(&other.vpc_id));
            let same_region =
                all.vpc(&group.vpc_id).map(|vpc| &vpc.region) == all.vpc(&other.vpc_id).map(|vpc| &vpc.region);
            let help = "admit by address";
            let (what, message) = if is_peered(all, &group.vpc_id, &other.vpc_id) && same_region {
                continue;
            } else if let Some(fault) =
                super::transit_gateway::reference_fault(all, &group.vpc_id, &other.vpc_id, rule.is_egress)
            {
                match fault {
                    Ok(()) => continue,
                    Err((number, why)) => (Usual(number, Some("SG_REFERENCING_SUPPORT")), why),
                }
            } else {
                let message = format!(
                    "group {name} of VPC {vpc} matches nothing: no active peering of this Region joins the VPCs"
                );
                (Usual("M11", Some("UNKNOWN_PEERED_SGS")), message)
            };
            warn_at(all.rule_place(group, rule), what, message, help, problems);
        }
    }
}

/// Whether two VPCs are peered.
fn is_peered(all: &Context<'_>, a: &str, b: &str) -> bool {
    let active = there(all).filter(|peering| is_active(peering));
    active
        .filter_map(|peering| sides(peering))
        .any(|sides| sides == (a, b) || sides == (b, a))
}

/// Whether two VPCs are peered or on one transit gateway.
pub(super) fn are_joined(all: &Context<'_>, a: &str, b: &str) -> bool {
    is_peered(all, a, b) || super::transit_gateway::is_common(all, a, b)
}

/// The VPCs that a VPC is peered with.
pub(super) fn peers_of<'a>(all: &Context<'a>, vpc: &str) -> impl Iterator<Item = &'a str> {
    let active = there(all).filter(|peering| is_active(peering));
    active.filter_map(sides).filter_map(move |(a, b)| match () {
        () if a == vpc => Some(b),
        () if b == vpc => Some(a),
        () => None,
    })
}

fn routes<'a>(all: &Context<'a>, peering: &VpcPeeringConnection, from: &Vpc) -> Vec<(&'a RouteTable, &'a Route)> {
    let id = &peering.vpc_peering_connection_id;
    let tables = all.all.route_tables.iter().filter(|table| table.vpc_id == from.vpc_id);
    let all = tables.flat_map(|table| table.routes.iter().map(move |route| (table, route)));
    all.filter(|(_, route)| matches!(&route.target, RouteTarget::VpcPeeringConnection(target) if target == id))
        .collect()
}

fn there<'a>(all: &Context<'a>) -> impl Iterator<Item = &'a VpcPeeringConnection> {
    let all = all.all.vpc_peering_connections.iter();
    all.filter(|peering| is_there(peering.status.code.as_deref()))
}

/// One that doesn't say what it is was written to be used.
fn is_active(peering: &VpcPeeringConnection) -> bool {
    peering
        .status
        .code
        .as_deref()
        .is_none_or(|code| code.eq_ignore_ascii_case("active"))
}

fn sides(peering: &VpcPeeringConnection) -> Option<(&str, &str)> {
    let requester = peering.requester_vpc_info.vpc_id.as_deref()?;
    Some((requester, peering.accepter_vpc_info.vpc_id.as_deref()?))
}

fn infos(peering: &VpcPeeringConnection) -> [(&'static str, &PeeringVpcInfo); 2] {
    [
        ("RequesterVpcInfo", &peering.requester_vpc_info),
        ("AccepterVpcInfo", &peering.accepter_vpc_info),
    ]
}

fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}
