//! VPC peering (semantics 11).
//!
//! A packet goes over only to an address of the peer, and there straight to the ENI that has it: no table of the peer
//! is asked, so peering isn't transitive and leads to no gateway.

use crate::TablesOf;
use crate::eni;
use crate::family::Family;
use crate::walk::Walk;
use groundplane_abi::eni::EniKey;
use groundplane_abi::{Device, DropReason, GroupSetId};

/// Between Regions (semantics 11.4).
const FAR_MTU: u16 = 8500;

/// Crosses into the walk's peer.
pub fn cross<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let vpc = walk.peer;
    let row = eni::held(tables, walk, vpc, walk.packet.dst).ok_or(DropReason::PEERING_ADDRESS)?;
    if eni::held(tables, walk, vpc, walk.packet.src).is_some() {
        return Err(DropReason::SPOOFED_SOURCE);
    }
    if row.device == Device::NONE {
        return Err(DropReason::NO_OWNER);
    }
    walk.vpc = vpc;
    walk.is_elsewhere = 1;
    walk.owner = row.device;
    let (bank, device) = (walk.generation.bank(), row.device);
    walk.far = tables.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    if walk.is_far_peer != 0 {
        walk.narrow(FAR_MTU);
        // Groups are known in their own Region (semantics 6.3).
        walk.identity = GroupSetId::NONE;
    }
    walk.arrival = device;
    Ok(())
}
