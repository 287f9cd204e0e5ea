//! Security groups: the gates at both ends of a connection (semantics 6, 7.1).
//!
//! The sender's egress and the receiver's ingress are two questions; an accept in one never answers the other. A gate
//! that has state of the connection isn't asked again.

use crate::Tables;
use crate::conntrack;
use crate::walk::Walk;
use groundplane_abi::flow::Gate;
use groundplane_abi::nacl::direction;
use groundplane_abi::security_group::{GroupSetKey, group_flag};
use groundplane_abi::wire::protocol;
use groundplane_abi::{DropReason, GroupSetId};

/// The gate of the ENI a packet leaves from.
pub fn egress<T: Tables>(tables: &T, walk: &mut Walk) -> Result<(), DropReason> {
    if walk.near_gate.is_tracked() {
        return Ok(());
    }
    let key = walk.packet.key(walk.near_device);
    walk.near_gate = match conntrack::gate_with_state(tables, walk, &key) {
        Some(gate) => gate,
        None => evaluate(tables, walk, walk.near.group_set, direction::EGRESS).ok_or(DropReason::GROUP_EGRESS)??,
    };
    Ok(())
}

/// The gate of the ENI a packet arrives at.
pub fn ingress<T: Tables>(tables: &T, walk: &mut Walk) -> Result<(), DropReason> {
    if walk.origin_gate.is_tracked() && walk.origin == walk.far_device {
        walk.far_gate = walk.origin_gate;
        return Ok(());
    }
    let key = walk.packet.key(walk.near_device).reversed(walk.far_device);
    walk.far_gate = match conntrack::gate_with_state(tables, walk, &key) {
        Some(gate) => gate,
        None => evaluate(tables, walk, walk.far.group_set, direction::INGRESS).ok_or(DropReason::GROUP_INGRESS)??,
    };
    Ok(())
}

/// The gate that the groups open for a packet, if a rule admits it; inside, the reason if the groups are missing.
fn evaluate<T: Tables>(
    tables: &T,
    walk: &Walk,
    group_set: GroupSetId,
    direction: u32,
) -> Option<Result<Gate, DropReason>> {
    let key = GroupSetKey {
        bank: walk.generation.bank(),
        group_set,
        direction,
    };
    let Some(set) = tables.group_set(&key) else {
        return Some(Err(DropReason::NO_GROUP_SET));
    };
    if set.all_rule == 0 {
        return None;
    }
    let protocol = walk.packet.protocol;
    let has_untracked = protocol == protocol::TCP || protocol == protocol::UDP;
    let tracked = !(has_untracked && set.flags & group_flag::OPPOSITE_OPEN != 0);
    Some(Ok(conntrack::new_gate(protocol, set.all_rule, tracked)))
}
