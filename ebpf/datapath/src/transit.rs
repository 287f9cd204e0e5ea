//! Transit gateways (semantics 18).
//!
//! A packet comes from an attachment, is routed by the table that is associated with it, perhaps on to another transit
//! gateway, and goes on from the other attachment's subnet by that subnet's table.

use crate::eni;
use crate::family::Family;
use crate::packet::has_ports;
use crate::stages::Stages;
use crate::walk::{MAX_HOPS, Walk, route};
use crate::{Tables, TablesOf};
use groundplane_abi::eni::{EniKey, SubnetKey};
use groundplane_abi::nacl::direction;
use groundplane_abi::route::Target;
use groundplane_abi::transit::{Attachment, AttachmentKey, ZONES, attachment_flag};
use groundplane_abi::{AttachmentId, Device, DropReason, GroupSetId, RouteTableId, SubnetId};

/// Semantics 23.
const MTU: u16 = 8500;

/// Knuth's multiplier, which brings what differs in a sum's low bits to its upper half.
const SPREAD: u32 = 0x9e37_79b1;

/// Goes by the walk's attachment to wherever the transit gateway leads.
pub fn transit<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let zone = u32::from(walk.place.zone);
    let (near, attachment) = attached(stages, walk, walk.attachment)?;
    let entry = in_zone(stages, near, zone).ok_or(DropReason::TRANSIT_ZONE)?;
    // What it enters there is judged, also if it is the subnet that the packet is in (semantics 18.5).
    walk.direction = direction::INGRESS;
    eni::enter(stages, walk, entry)?;
    stages.judge_by_nacl(walk).check()?;
    walk.direction = direction::EGRESS;
    cross(walk, &attachment);
    let far_id = lead(stages, walk, attachment.table)?;
    let (far, attachment) = attached(stages, walk, far_id)?;
    cross(walk, &attachment);
    let subnet = if attachment.flags & attachment_flag::APPLIANCE_MODE == 0 {
        in_zone(stages, far, zone).or_else(|| at(stages, far, 0))
    } else {
        by_flow(stages, walk, (far, &attachment), zone)
    };
    walk.vpc = attachment.vpc;
    walk.is_elsewhere = 1;
    walk.is_clamped = 1;
    walk.narrow(MTU);
    eni::enter(stages, walk, subnet.ok_or(DropReason::TRANSIT_ZONE)?)?;
    eni::find_owner(stages, walk)
}

#[inline(always)]
fn attached<I: Family, T: Tables>(
    tables: &T,
    walk: &Walk<I>,
    attachment: AttachmentId,
) -> Result<(T::AttachmentRef, Attachment), DropReason> {
    let bank = walk.generation.bank();
    tables
        .attachment(&AttachmentKey { bank, attachment })
        .ok_or(DropReason::UNUSABLE_TARGET)
}

/// Passes an attachment: groups are known beyond it if it says so (semantics 6.3).
#[inline(always)]
fn cross<I: Family>(walk: &mut Walk<I>, attachment: &Attachment) {
    walk.depends_on(attachment.scope);
    if attachment.flags & attachment_flag::REFERENCES == 0 {
        walk.identity = GroupSetId::NONE;
    }
}

/// The attachment that a table leads to, perhaps by tables of other transit gateways.
#[inline(always)]
fn lead<I: Family, T: TablesOf<I>>(
    tables: &T,
    walk: &mut Walk<I>,
    first: RouteTableId,
) -> Result<AttachmentId, DropReason> {
    let mut table = first;
    for _ in 0..MAX_HOPS {
        if table.0 == 0 {
            return Err(DropReason::TRANSIT_NO_ASSOCIATION);
        }
        let entry = route(tables, walk, table, walk.packet.dst).ok_or(DropReason::TRANSIT_NO_ROUTE)?;
        match entry.target() {
            Ok(Target::Attachment(attachment)) => return Ok(attachment),
            Ok(Target::TransitTable(next)) => {
                table = next;
                walk.identity = GroupSetId::NONE;
            }
            Err(DropReason::BLACKHOLE_ROUTE) => return Err(DropReason::TRANSIT_BLACKHOLE),
            _ => return Err(DropReason::UNUSABLE_TARGET),
        }
    }
    Err(DropReason::TOO_MANY_HOPS)
}

/// An attachment's subnet in a zone.
#[inline(always)]
fn in_zone<T: Tables>(tables: &T, attachment: T::AttachmentRef, zone: u32) -> Option<SubnetId> {
    let mut found = SubnetId(0);
    for index in 0..ZONES {
        if let Some(row) = tables.attachment_subnet(attachment, index)
            && row.subnet.0 != 0
            && row.zone == zone
        {
            found = row.subnet;
        }
    }
    (found.0 != 0).then_some(found)
}

#[inline(always)]
fn at<T: Tables>(tables: &T, attachment: T::AttachmentRef, index: u32) -> Option<SubnetId> {
    let row = tables.attachment_subnet(attachment, index)?;
    (row.subnet.0 != 0).then_some(row.subnet)
}

/// Appliance mode: the zone that both ends are in, or else one that both directions of the flow agree about
/// (semantics 18.3).
#[inline(always)]
fn by_flow<I: Family, S: Stages<I>>(
    stages: &S,
    walk: &mut Walk<I>,
    (far, attachment): (S::AttachmentRef, &Attachment),
    zone: u32,
) -> Option<SubnetId> {
    if zone_of_destination(stages, walk, attachment) == zone
        && let Some(subnet) = in_zone(stages, far, zone)
    {
        return Some(subnet);
    }
    let packet = &walk.packet;
    let ports = if has_ports(packet.protocol) {
        u32::from(packet.src_port.get()).wrapping_add(u32::from(packet.dst_port.get()))
    } else {
        0
    };
    let addresses = I::sum(packet.src).wrapping_add(I::sum(packet.dst));
    let sum = addresses.wrapping_add(ports).wrapping_add(u32::from(packet.protocol));
    let spread = sum.wrapping_mul(SPREAD) >> 16;
    // By multiplication and not as a remainder, from which the verifier learns nothing.
    let index = (u64::from(spread) * u64::from(attachment.len)) >> 16;
    at(stages, far, index as u32)
}

/// The zone of the ENI that the packet is for in the end, if the appliance sends it on unchanged; 0 if nobody can tell.
#[inline(always)]
fn zone_of_destination<I: Family, S: Stages<I>>(stages: &S, walk: &Walk<I>, attachment: &Attachment) -> u32 {
    let Some(entry) = route(stages, walk, attachment.table, walk.packet.dst) else {
        return 0;
    };
    let Ok(Target::Attachment(beyond)) = entry.target() else {
        return 0;
    };
    let Ok((_, beyond)) = attached(stages, walk, beyond) else {
        return 0;
    };
    let bank = walk.generation.bank();
    let row = eni::held(stages, walk, beyond.vpc, walk.packet.dst);
    let device = row.map_or(Device::NONE, |row| row.device);
    let Some(eni) = stages.eni(&EniKey { bank, device }) else {
        return 0;
    };
    let subnet = eni.subnet;
    stages
        .subnet(&SubnetKey { bank, subnet })
        .map_or(0, |subnet| u32::from(subnet.zone))
}
