//! Transit gateways (semantics 18): attachments with their subnets, and the tables that route between them.

use super::Plan;
use super::gateway::{attachment_id, is_in};
use super::lookup::{Lookup, zone};
use super::route::insert;
use crate::resources::{
    Resources, Subnet, TransitGateway, TransitGatewayPeeringAttachment, TransitGatewayRoute, TransitGatewayRouteTable,
    TransitGatewayVpcAttachment, Vpc,
};
use groundplane_abi::route::{RouteEntry, Target};
use groundplane_abi::transit::{Attachment, AttachmentEntry, AttachmentKey, AttachmentSubnet, attachment_flag};
use groundplane_abi::{Bank, Ip4, Ip6, RouteTableId, SubnetId, VpcId};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Compiles a transit gateway.
pub(super) fn compile<'a>(lookup: &Lookup<'a>, all: &'a Resources, gateway: &TransitGateway, plan: &mut Plan) {
    let id = &*gateway.transit_gateway_id;
    let attachments: Vec<_> = attached(lookup, id);
    for attachment in &attachments {
        insert_attachment(lookup, all, gateway, attachment, plan);
    }
    let tables = all.transit_gateway_route_tables.iter();
    for table in tables.filter(|table| table.transit_gateway_id.as_deref() == Some(id)) {
        let Some(number) = lookup.route_tables.get(&table.transit_gateway_route_table_id) else {
            continue;
        };
        for (block, entry) in Candidates::of(lookup, all, table, &attachments).best {
            insert::<Ip4>(plan, RouteTableId(number), block, entry.1);
            insert::<Ip6>(plan, RouteTableId(number), block, entry.1);
        }
    }
    if let Some(&scope) = lookup.scopes.get(id) {
        plan.scopes.insert(id.to_owned(), scope);
    }
}

/// The VPCs' attachments to a transit gateway, in the order in which they were made.
fn attached<'a>(lookup: &Lookup<'a>, id: &str) -> Vec<&'a TransitGatewayVpcAttachment> {
    let all = lookup.gateways.attachments.iter().copied();
    let mut attached: Vec<_> = all.filter(|it| it.transit_gateway_id.as_deref() == Some(id)).collect();
    attached.sort_by_key(|it| {
        let made = it.creation_time.as_deref().unwrap_or_default();
        (made, &*it.transit_gateway_attachment_id)
    });
    attached
}

fn insert_attachment(
    lookup: &Lookup<'_>,
    all: &Resources,
    gateway: &TransitGateway,
    attachment: &TransitGatewayVpcAttachment,
    plan: &mut Plan,
) {
    let id = &*attachment.transit_gateway_attachment_id;
    let vpc = attachment.vpc_id.as_deref().and_then(|vpc| lookup.vpcs.get(vpc));
    let (Some(number), Some(vpc)) = (attachment_id(lookup, id), vpc) else {
        return;
    };
    let mut entry = AttachmentEntry::default();
    let mut subnets: Vec<&Subnet> = all
        .subnets
        .iter()
        .filter(|it| attachment.subnet_ids.contains(&it.subnet_id))
        .collect();
    subnets.sort_by_key(|subnet| zone(subnet));
    let mut len = 0;
    for (place, subnet) in entry.subnets.iter_mut().zip(subnets) {
        *place = AttachmentSubnet {
            subnet: SubnetId(lookup.subnets.get(&subnet.subnet_id).unwrap_or_default()),
            zone: lookup.zones.get(zone(subnet)).copied().unwrap_or_default().into(),
        };
        len += 1;
    }
    entry.attachment = Attachment {
        vpc: VpcId(vpc),
        table: associated(lookup, all, id),
        len,
        flags: flags(gateway, attachment),
        scope: lookup
            .scopes
            .get(&*gateway.transit_gateway_id)
            .copied()
            .unwrap_or_default(),
        reserved: 0,
    };
    let key = AttachmentKey {
        bank: Bank(0),
        attachment: number,
    };
    plan.attachments.insert(key, entry);
}

fn flags(gateway: &TransitGateway, attachment: &TransitGatewayVpcAttachment) -> u16 {
    let is_on = |option: &Option<String>, default: bool| option.as_deref().map_or(default, |word| word == "enable");
    let own = &attachment.options;
    let references = is_on(&gateway.options.security_group_referencing_support, false)
        && is_on(&own.security_group_referencing_support, true);
    let mut flags = 0;
    for (flag, is_set) in [
        (attachment_flag::REFERENCES, references),
        (
            attachment_flag::APPLIANCE_MODE,
            is_on(&own.appliance_mode_support, false),
        ),
    ] {
        flags |= if is_set { flag } else { 0 };
    }
    flags
}

/// Whether groups of one VPC may be named in ingress rules of another: both are attached to a transit gateway that lets
/// them (semantics 6.3).
pub(super) fn is_referable(lookup: &Lookup<'_>, one: &str, other: &str) -> bool {
    let refers = |gateway: &TransitGateway, vpc_id: &str| {
        let attachment = lookup.gateways.attachment(&gateway.transit_gateway_id, vpc_id);
        attachment.is_some_and(|it| flags(gateway, it) & attachment_flag::REFERENCES != 0)
    };
    let mut gateways = lookup.gateways.transit.iter();
    gateways.any(|gateway| refers(gateway, one) && refers(gateway, other))
}

/// The table that routes what comes from an attachment; 0 if none does.
fn associated(lookup: &Lookup<'_>, all: &Resources, attachment: &str) -> RouteTableId {
    let is_associated = |table: &&TransitGatewayRouteTable| {
        table.associations.iter().any(|it| {
            it.transit_gateway_attachment_id.as_deref() == Some(attachment)
                && is_in(it.state.as_deref(), &["associated"])
        })
    };
    let table = all.transit_gateway_route_tables.iter().find(is_associated);
    let number = table.and_then(|table| lookup.route_tables.get(&table.transit_gateway_route_table_id));
    RouteTableId(number.unwrap_or_default())
}

/// Who wins among routes to the same block (semantics 18.2), best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precedence {
    Static,
    PrefixList,
    Propagated,
}

/// The routes of a table, and the best for each block so far.
struct Candidates<'c, 'a> {
    lookup: &'c Lookup<'a>,
    all: &'a Resources,
    table: &'a TransitGatewayRouteTable,
    best: BTreeMap<IpNet, (Precedence, RouteEntry)>,
}

impl<'c, 'a> Candidates<'c, 'a> {
    fn of(
        lookup: &'c Lookup<'a>,
        all: &'a Resources,
        table: &'a TransitGatewayRouteTable,
        attachments: &[&TransitGatewayVpcAttachment],
    ) -> Self {
        let mut candidates = Self {
            lookup,
            all,
            table,
            best: BTreeMap::new(),
        };
        for route in &table.routes {
            candidates.add_listed(route, table);
        }
        for reference in &table.prefix_list_references {
            let attachment = reference.transit_gateway_attachment.as_ref();
            let attachment = attachment.and_then(|it| it.transit_gateway_attachment_id.as_deref());
            let entry = candidates.entry(attachment.filter(|_| reference.blackhole != Some(true)));
            let list = reference.prefix_list_id.as_deref().unwrap_or_default();
            for &block in lookup.prefix_list(list) {
                candidates.add(block, Precedence::PrefixList, entry);
            }
        }
        candidates.propagate(table, attachments);
        candidates
    }

    fn add(&mut self, block: IpNet, precedence: Precedence, entry: RouteEntry) {
        let best = self.best.entry(block.trunc()).or_insert((precedence, entry));
        if precedence < best.0 {
            *best = (precedence, entry);
        }
    }

    /// What AWS lists as propagated is what its propagations make, and is made of them where there are any.
    fn add_listed(&mut self, route: &TransitGatewayRoute, table: &TransitGatewayRouteTable) {
        let is_propagated = route.route_type.as_deref() == Some("propagated");
        if is_propagated && !table.propagations.is_empty() {
            return;
        }
        let precedence = if is_propagated {
            Precedence::Propagated
        } else {
            Precedence::Static
        };
        let attachments = &route.transit_gateway_attachments;
        let attachment = attachments
            .first()
            .and_then(|it| it.transit_gateway_attachment_id.as_deref());
        let is_blackhole = route.state.as_deref() == Some("blackhole");
        let entry = self.entry(attachment.filter(|_| !is_blackhole));
        if let Some(block) = route.destination_cidr_block {
            self.add(block, precedence, entry);
        }
    }

    /// The blocks of VPCs whose attachments propagate. One that overlaps what was attached earlier doesn't (semantics
    /// 18.2).
    fn propagate(&mut self, table: &TransitGatewayRouteTable, attachments: &[&TransitGatewayVpcAttachment]) {
        let propagates = |attachment: &TransitGatewayVpcAttachment| {
            table.propagations.iter().any(|it| {
                it.transit_gateway_attachment_id.as_deref() == Some(&attachment.transit_gateway_attachment_id)
                    && is_in(it.state.as_deref(), &["enabled"])
            })
        };
        let mut earlier: Vec<IpNet> = Vec::new();
        for &attachment in attachments {
            let Some(vpc) = attachment
                .vpc_id
                .as_deref()
                .and_then(|id| self.lookup.gateways.vpcs.get(id))
            else {
                continue;
            };
            let overlaps = vpc.blocks().any(|own| earlier.iter().any(|other| overlap(&own, other)));
            earlier.extend(vpc.blocks());
            if overlaps || !propagates(attachment) {
                continue;
            }
            let entry = self.entry(Some(&attachment.transit_gateway_attachment_id));
            for block in propagated(vpc, attachment) {
                self.add(block, Precedence::Propagated, entry);
            }
        }
    }

    /// What a route to an attachment is compiled to; without one, or to one that is gone, it is a black hole.
    fn entry(&self, attachment: Option<&str>) -> RouteEntry {
        let Some(id) = attachment else {
            return RouteEntry::BLACKHOLE;
        };
        let mut attachments = self.lookup.gateways.attachments.iter();
        if attachments.any(|it| it.transit_gateway_attachment_id == id) {
            let number = attachment_id(self.lookup, id);
            return number.map_or(RouteEntry::BLACKHOLE, |number| {
                RouteEntry::new(Target::Attachment(number))
            });
        }
        let mut peerings = self.all.transit_gateway_peering_attachments.iter();
        let peering = peerings.find(|it| {
            it.transit_gateway_attachment_id == id || it.accepter_transit_gateway_attachment_id.as_deref() == Some(id)
        });
        match peering {
            Some(peering) if is_in(peering.state.as_deref(), &["available"]) => self.beyond(peering),
            Some(_) => RouteEntry::BLACKHOLE,
            // Of another kind: a VPN, Direct Connect.
            None => RouteEntry::UNUSABLE,
        }
    }

    /// On in the table of the other transit gateway that is associated with the peering, if one is.
    fn beyond(&self, peering: &TransitGatewayPeeringAttachment) -> RouteEntry {
        let own = self.table.transit_gateway_id.as_deref();
        let ids = [
            Some(&*peering.transit_gateway_attachment_id),
            peering.accepter_transit_gateway_attachment_id.as_deref(),
        ];
        let is_it = |table: &&TransitGatewayRouteTable| {
            let associations = table.associations.iter();
            let mut associations = associations.filter(|it| is_in(it.state.as_deref(), &["associated"]));
            table.transit_gateway_id.as_deref() != own
                && associations.any(|it| ids.contains(&it.transit_gateway_attachment_id.as_deref()))
        };
        let table = self.all.transit_gateway_route_tables.iter().find(is_it);
        let number = table.and_then(|table| self.lookup.route_tables.get(&table.transit_gateway_route_table_id));
        RouteEntry::new(Target::TransitTable(RouteTableId(number.unwrap_or_default())))
    }
}

fn propagated<'v>(vpc: &'v Vpc, attachment: &TransitGatewayVpcAttachment) -> impl Iterator<Item = IpNet> + use<'v> {
    let has_ipv6 = attachment.options.ipv6_support.as_deref() == Some("enable");
    vpc.blocks().filter(move |block| has_ipv6 || block.addr().is_ipv4())
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}
