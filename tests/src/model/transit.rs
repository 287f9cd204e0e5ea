//! Transit gateways (semantics 18).

mod route;

use super::fault::Fault;
use super::header::Selector;
use super::reason::Reason;
use super::tracking::Direction;
use super::walk::{Moment, Walk, ask_nacl};
use super::world::{SubnetAt, VpcAttachment, World, zone};
use super::{Gateway, address::as_words};
use groundplane::resources::TransitGatewayRouteTable;
use route::{Led, select};

/// 18.6: "MTU 8500".
const MTU: usize = 8500;

/// Which attachment's table routes a packet, in which transit gateway.
struct Stage<'a> {
    gateway: &'a str,
    /// The ids by which the attachment is known on either side.
    attachment: Vec<&'a str>,
}

/// Carries a packet from one VPC to the attachment subnet of another, which it is then in.
pub(super) fn cross<'a>(
    moment: Moment<'a>,
    walk: &mut Walk,
    gateway: &'a str,
    from: VpcAttachment<'a>,
) -> Result<(), Fault> {
    let world = moment.world();
    let place = walk.place.expect("a packet crosses from a subnet");
    let from_zone = zone(world.subnet(place));
    // 18.3: "the packet is accepted only if the attachment has a subnet in the source ENI's AZ".
    let entry = in_zone(world, from, from_zone).ok_or_else(|| walk.told(Reason::TransitHasNoSubnetInTheZone))?;
    // 18.5: "instance subnet: outbound; TGW subnet: inbound (src) only", and both if they are the same.
    ask_nacl(world, entry, walk.last, Direction::Ingress, &walk.header)?;
    walk.narrow(MTU);
    walk.clamps = true;
    walk.gateways.push(Gateway::Transit);
    let mut stage = Stage {
        gateway,
        attachment: vec![&from.said.transit_gateway_attachment_id],
    };
    let mut joins = 0;
    let to = loop {
        walk.hop()?;
        let table = associated(world, &stage).ok_or_else(|| walk.told(Reason::TransitHasNoAssociation))?;
        match select(world, stage.gateway, table, walk.header.dst) {
            None => return Err(walk.told(Reason::TransitHasNoRoute)),
            Some(Led::Nowhere) => return Err(walk.told(Reason::TransitRouteIsBlackhole)),
            Some(Led::Vpc(to)) => break to,
            Some(Led::Over { gateway, attachment }) => {
                joins += 1;
                walk.gateways.push(Gateway::TransitPeering);
                stage = Stage { gateway, attachment };
            }
        }
    };
    if joins > 0 || !keeps_identity(world, gateway, from, to) {
        walk.identity = None;
    }
    // 4.5: "All gateways reject packets whose source is inside the VPC's own CIDRs".
    if world.is_inside(to.vpc, walk.header.src) {
        return Err(walk.told(Reason::SourceIsSpoofed));
    }
    walk.place = Some(
        arrival(world, walk, stage.gateway, to, from_zone).ok_or_else(|| walk.told(Reason::TransitRouteIsBlackhole))?,
    );
    Ok(())
}

/// "each attachment is associated with at most one table; that table routes packets coming from the attachment".
fn associated<'a>(world: &'a World, stage: &Stage<'a>) -> Option<&'a TransitGatewayRouteTable> {
    world.transit_tables(stage.gateway).find(|table| {
        table.associations.iter().any(|association| {
            let id = association.transit_gateway_attachment_id.as_deref();
            let is_its = id.is_some_and(|id| stage.attachment.contains(&id));
            is_its && matches!(association.state.as_deref(), None | Some("associated"))
        })
    })
}

/// 6.3: "VPCs on the same TGW, SG referencing enabled on the TGW and on both attachments".
fn keeps_identity(world: &World, gateway: &str, from: VpcAttachment<'_>, to: VpcAttachment<'_>) -> bool {
    let mut gateways = world.resources().transit_gateways.iter();
    let gateway = gateways.find(|it| it.transit_gateway_id == gateway);
    let options = gateway.map(|gateway| &gateway.options);
    let on_gateway = options.and_then(|options| options.security_group_referencing_support.as_deref());
    let on_attachment = |attachment: VpcAttachment<'_>| {
        let support = attachment.said.options.security_group_referencing_support.as_deref();
        support.is_none_or(|support| support == "enable")
    };
    on_gateway == Some("enable") && on_attachment(from) && on_attachment(to)
}

/// An attachment's subnets, in order of zone.
fn subnets(world: &World, attachment: VpcAttachment<'_>) -> Vec<SubnetAt> {
    let ids = attachment.said.subnet_ids.iter();
    let mut subnets: Vec<_> = ids.filter_map(|id| world.subnet_with_id(id)).collect();
    subnets.sort_by_key(|subnet| zone(world.subnet(*subnet)));
    subnets
}

fn in_zone(world: &World, attachment: VpcAttachment<'_>, wanted: &str) -> Option<SubnetAt> {
    let mut subnets = subnets(world, attachment).into_iter();
    subnets.find(|subnet| zone(world.subnet(*subnet)) == wanted)
}

/// 18.3: "prefer the attachment ENI in the AZ the traffic came from; another AZ only if none", and appliance mode.
fn arrival(world: &World, walk: &Walk, gateway: &str, to: VpcAttachment<'_>, from_zone: &str) -> Option<SubnetAt> {
    let subnets = subnets(world, to);
    if to.said.options.appliance_mode_support.as_deref() != Some("enable") {
        let same = in_zone(world, to, from_zone);
        return same.or(subnets.first().copied());
    }
    // "same-AZ pair: that AZ; otherwise an AZ is chosen by flow hash, used for both directions".
    let is_pair = zone_beyond(world, walk, gateway, to).is_some_and(|zone| zone == from_zone);
    if is_pair && let Some(subnet) = in_zone(world, to, from_zone) {
        return Some(subnet);
    }
    let count = u32::try_from(subnets.len()).ok()?;
    // "an AZ is chosen by flow hash": the hash, of 16 bits, as a part of the whole. How is this project's choice.
    subnets.get(((hash(walk) * count) >> 16) as usize).copied()
}

/// The zone of a packet's destination, behind an appliance that it has yet to pass.
fn zone_beyond<'a>(world: &'a World, walk: &Walk, gateway: &'a str, appliance: VpcAttachment<'a>) -> Option<&'a str> {
    let stage = Stage {
        gateway,
        attachment: vec![&appliance.said.transit_gateway_attachment_id],
    };
    let table = associated(world, &stage)?;
    let Some(Led::Vpc(beyond)) = select(world, gateway, table, walk.header.dst) else {
        return None;
    };
    let owner = world.owner(beyond.vpc, walk.header.dst)?;
    Some(zone(world.subnet(world.subnet_of(owner))))
}

/// The same for both directions of a flow.
fn hash(walk: &Walk) -> u32 {
    let header = &walk.header;
    let words = as_words(header.src).into_iter().chain(as_words(header.dst));
    let sum = words.fold(u32::from(header.protocol), u32::wrapping_add);
    let (a, b) = match header.selector {
        Selector::Ports { src, dst } => (src, dst),
        _ => (0, 0),
    };
    let sum = sum.wrapping_add(a.into()).wrapping_add(b.into());
    sum.wrapping_mul(0x9e37_79b1) >> 16
}
