//! The agent speaks as a node does when it looks after the health of targets (semantics 13.5), and as the ENI of a VPC
//! link when it is the service (semantics 17.2).

use super::{answer, become_of_mapping, begins, go_to_target, move_to, node_behind, step};
use crate::family::Family;
use crate::nat;
use crate::packet::{has_ports, packet_flag};
use crate::stages::Stages;
use crate::walk::Walk;
use groundplane_abi::balancer::ListenerEntry;
use groundplane_abi::eni::eni_flag;
use groundplane_abi::{Device, DropReason, Mac};

/// Of what the agent asks targets.
const PROBE_IDLE: u16 = 120;
/// Of what goes by a VPC link: as other translations of addresses have it (semantics 10.5).
const LINK_IDLE: u16 = 350;

/// From the agent: out of a component, as what the component sends (semantics 13.5, 17.2).
#[inline(always)]
pub(crate) fn launch<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    stages.probe(walk).check()?;
    if walk.passage.step == step::ANSWER {
        return stages.answer_client(walk).check();
    }
    go_to_target(stages, walk)
}

/// What the agent answers a client, to whose target it speaks in the client's place (semantics 13.7): out of the node,
/// by the door that the client has spoken to.
pub fn answer_client<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let door = walk.mapping.becomes.device();
    move_to(stages, walk, door)?;
    if walk.far.flags & eni_flag::ENDPOINT != 0 {
        let node = node_behind(stages, walk);
        move_to(stages, walk, node)?;
    }
    answer(stages, walk)
}

/// Finds the component and the address that an alias stands for.
pub fn probe<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    walk.near.mac = Mac::SERVICE;
    walk.near.flags = 0;
    walk.source = Device::NONE;
    if !has_ports(walk.packet.protocol) || walk.packet.has(packet_flag::LATER_FRAGMENT) {
        return Err(DropReason::BALANCER_PROTOCOL);
    }
    let key = walk.packet.key(Device::SERVICE);
    if I::VERSION == 4 && nat::is_known(stages, walk, &key) {
        walk.passage.step = step::ANSWER;
        return Ok(());
    }
    let alias = stages.alias(walk.packet.dst).ok_or(DropReason::NO_OWNER)?;
    move_to(stages, walk, alias.from)?;
    walk.own_key = walk.packet.key(Device::SERVICE.of_mapping());
    // Nobody listens here: what the packet before has left is no listener of this one's.
    walk.passage.listener = ListenerEntry {
        idle: idle(walk.far.flags),
        ..ListenerEntry::default()
    };
    walk.passage.door = Device::SERVICE;
    walk.passage.returns = Device::NONE;
    walk.passage.step = step::GO_ON;
    let key = walk.own_key;
    if nat::is_mapped(stages, walk, &key) && !nat::is_succeeded(walk) {
        return Ok(());
    }
    walk.passage.step = step::CONNECT;
    walk.packet.dst = alias.address;
    if !begins(walk) {
        return Err(DropReason::BALANCER_RESET);
    }
    Ok(())
}

/// A target's answer to the agent.
#[inline(always)]
pub(crate) fn answer_probe<I: Family>(walk: &mut Walk<I>) -> Result<(), DropReason> {
    if walk.packet.has(packet_flag::QUOTES) {
        return Err(DropReason::BALANCER_PROTOCOL);
    }
    become_of_mapping(walk);
    let idle = idle(walk.far.flags);
    if walk.component == 0 || idle < walk.component {
        walk.component = idle;
    }
    walk.is_elsewhere = 1;
    walk.arrival = Device::SERVICE;
    Ok(())
}

/// How long an idle connection of the agent's is known.
#[inline(always)]
const fn idle(flags: u16) -> u16 {
    if flags & eni_flag::LINK == 0 {
        PROBE_IDLE
    } else {
        LINK_IDLE
    }
}
