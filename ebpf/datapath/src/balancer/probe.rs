//! The agent, which looks after the health of targets, speaks as a node does (semantics 13.5).

use super::{become_of_mapping, begins, go_to_target, move_to, step};
use crate::family::Family;
use crate::nat;
use crate::packet::{has_ports, packet_flag};
use crate::stages::Stages;
use crate::walk::Walk;
use groundplane_abi::{Device, DropReason, Mac};

/// Of what the agent asks targets.
const PROBE_IDLE: u16 = 120;

/// From the agent, which looks after a target's health: out of a node, as what the node sends to the target (semantics 13.5).
#[inline(always)]
pub(crate) fn launch<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    stages.probe(walk).check()?;
    go_to_target(stages, walk)
}

/// Finds the node and the target that an alias stands for.
pub fn probe<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    walk.near.mac = Mac::SERVICE;
    walk.near.flags = 0;
    walk.source = Device::NONE;
    if !has_ports(walk.packet.protocol) || walk.packet.has(packet_flag::LATER_FRAGMENT) {
        return Err(DropReason::BALANCER_PROTOCOL);
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
