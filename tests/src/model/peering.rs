//! Peering connections (semantics 11.3).

use super::Gateway;
use super::fault::Fault;
use super::reason::Reason;
use super::walk::{End, Moment, Walk, arrive_at};
use super::world::VpcAt;

/// 11.4: "9001 same Region; inter-Region 8500".
const MTU_BETWEEN_REGIONS: usize = 8500;

/// "Crossing from VPC A into VPC B is allowed only if the destination is inside a CIDR of B. After crossing there is no
/// route lookup in B".
pub(super) fn cross(moment: Moment<'_>, walk: &mut Walk, peer: VpcAt) -> Result<Option<End>, Fault> {
    let world = moment.world();
    let place = walk.place.take().expect("a packet crosses from a subnet");
    if world.share_region(world.vpc_around(place), peer) {
        walk.gateways.push(Gateway::Peering);
    } else {
        // 6.3: references between "peered VPCs, different Regions: no".
        walk.identity = None;
        walk.narrow(MTU_BETWEEN_REGIONS);
        walk.gateways.push(Gateway::PeeringBetweenRegions);
    }
    if !world.is_inside(peer, walk.header.dst) {
        return Err(walk.told(Reason::AddressIsNotThePeers));
    }
    if world.is_inside(peer, walk.header.src) {
        return Err(walk.told(Reason::SourceIsSpoofed));
    }
    let owner = world.owner(peer, walk.header.dst);
    let owner = owner.ok_or_else(|| walk.told(Reason::NobodyHasTheAddress))?;
    arrive_at(moment, walk, owner)
}
