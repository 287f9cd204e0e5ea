//! What targets answer, and how it finds the client.

use super::{answer_probe, become_error, become_of_mapping, check_carried, go_on, listener, move_to, narrow, remember};
use crate::family::Family;
use crate::nat;
use crate::packet::packet_flag;
use crate::stages::Stages;
use crate::walk::Walk;
use groundplane_abi::eni::EniKey;
use groundplane_abi::vpc::VpcKey;
use groundplane_abi::{Device, DropReason, GroupSetId};

/// An answer, or an error about what was sent to the target, goes back to the client, by the door that it has spoken
/// to.
#[inline(always)]
pub(super) fn answer<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let (node, door) = (walk.far_device, walk.mapping.becomes.device());
    let is_error = walk.packet.has(packet_flag::QUOTES);
    if door == Device::SERVICE {
        return answer_probe(walk);
    }
    if !is_error {
        let port = walk.mapping.becomes.src_port();
        let listener = listener(stages, walk, node, port).ok_or(DropReason::NO_LISTENER)?;
        remember(walk, &listener);
    }
    if door != node {
        come_out(stages, walk, door)?;
    }
    if is_error {
        become_error(walk)?;
    } else {
        become_of_mapping(walk);
    }
    let identity = if door == node {
        walk.far.group_set
    } else {
        GroupSetId::NONE
    };
    go_on(stages, walk, identity)
}

/// Out of an endpoint, to its VPC.
#[inline(always)]
fn come_out<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, door: Device) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    let key = EniKey { bank, device: door };
    let endpoint = stages.endpoint(&key).ok_or(DropReason::ENDPOINT_NOT_AVAILABLE)?;
    check_carried(walk, &endpoint)?;
    narrow(walk);
    move_to(stages, walk, door)
}

/// Whether a guest's packet answers what a load balancer has sent it with the client's address: then it goes to the
/// node, whoever has that address. Says so by where the packet is about to arrive.
pub fn returns<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> bool {
    let (bank, vpc) = (walk.generation.bank(), walk.vpc);
    let returns = stages
        .vpc(&VpcKey { bank, vpc })
        .map_or(Device::NONE, |vpc| vpc.returns);
    let key = nat::answer_key(walk, returns);
    if returns == Device::NONE || !nat::is_known(stages, walk, &key) {
        return false;
    }
    walk.returned = returns;
    walk.arrival = walk.mapping.becomes.device();
    true
}

/// Leaves the target's subnet for the node that the packet is about to arrive at.
#[inline(always)]
pub(crate) fn leave_target<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let (bank, device) = (walk.generation.bank(), walk.arrival);
    let node = stages.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    if node.subnet == walk.place_id {
        return Ok(());
    }
    stages.judge_by_nacl(walk).check()
}
