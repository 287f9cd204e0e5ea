//! The agent, which looks after the health of targets, speaks as a node does (semantics 13.5).

use super::{answer, become_of_mapping, begins, go_to_target, move_to, node_behind, step};
use crate::family::Family;
use crate::nat;
use crate::packet::{has_ports, packet_flag};
use crate::stages::Stages;
use crate::walk::Walk;
use groundplane_abi::eni::eni_flag;
use groundplane_abi::{Device, DropReason, Mac};

/// Of what the agent asks targets.
const PROBE_IDLE: u16 = 120;

/// From the agent, which looks after a target's health: out of a node, as what the node sends to the target (semantics 13.5).
#[inline(always)]
pub(crate) fn launch<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    stages.probe(walk).check()?;
    if walk.passage.step == step::ANSWER {
        return stages.answer_client(walk).check();
    }
    go_to_target(stages, walk)
}

/// What the agent answers a client, to whose target it speaks in the client's place (semantics 13.7): out of the node, by the
/// door that the client has spoken to.
pub fn answer_client<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let door = walk.mapping.becomes.device();
    move_to(stages, walk, door)?;
    if walk.far.flags & eni_flag::ENDPOINT != 0 {
        let node = node_behind(stages, walk);
        move_to(stages, walk, node)?;
    }
    answer(stages, walk)
}

/// Finds the node and the target that an alias stands for.
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
    walk.passage.listener.idle = PROBE_IDLE;
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
pub(super) fn answer_probe<I: Family>(walk: &mut Walk<I>) -> Result<(), DropReason> {
    if walk.packet.has(packet_flag::QUOTES) {
        return Err(DropReason::BALANCER_PROTOCOL);
    }
    become_of_mapping(walk);
    walk.component = PROBE_IDLE;
    walk.is_elsewhere = 1;
    walk.arrival = Device::SERVICE;
    Ok(())
}
