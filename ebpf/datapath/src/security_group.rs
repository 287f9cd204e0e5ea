//! Security groups: the gates at both ends of a connection (semantics 6, 7.1).
//!
//! The sender's egress and the receiver's ingress are two questions; an accept in one never answers the other. A gate
//! that has state of the connection isn't asked again.

use crate::family::Family;
use crate::packet::{Packet, has_ports, packet_flag, selector};
use crate::stages::Stages;
use crate::walk::Walk;
use crate::{Tables, TablesOf, conntrack, eni};
use groundplane_abi::eni::{EniEntry, EniKey, eni_flag};
use groundplane_abi::flow::{FlowKey, Gate, gate_flag};
use groundplane_abi::nacl::direction;
use groundplane_abi::security_group::{
    GroupSetKey, PeerKey, RULE_WORDS, ReferenceKey, Selector, SelectorKey, group_flag, side,
};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, GroupSetId};

/// What the groups of an ENI are asked, and what they say.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct Question<I> {
    pub group_set: GroupSetId,
    /// One of [`direction`].
    pub direction: u32,
    /// The address of the far end.
    pub remote: I,
    /// The groups that the far end is known to be a member of.
    pub member_of: GroupSetId,
    pub selector: Selector,
    /// The answer: the rule that admits it, counted from 1; 0 if none does.
    pub rule: u32,
    /// That rule is for everybody, and the other direction is open to everybody: such a flow isn't tracked.
    pub untracked: u32,
    /// Some rule of the list refers to a group.
    pub has_references: u32,
}

/// The gate of the ENI a packet leaves from.
pub fn egress<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    if walk.near_gate.is_tracked() {
        return Ok(());
    }
    if walk.is_new == 0 {
        walk.own_key = walk.packet.key(walk.near_device);
        if let Some(gate) = known(stages, walk) {
            walk.near_gate = gate;
            return Ok(());
        }
    }
    ask(&mut walk.question, &walk.packet, walk.near.group_set, direction::EGRESS);
    stages.classify(walk).check()?;
    if walk.question.rule == 0 && walk.question.has_references != 0 {
        // The members are told by the destination: an ENI of the VPC that has the address.
        walk.question.member_of = if walk.owner == Device::NONE {
            GroupSetId::NONE
        } else {
            walk.far.group_set
        };
        stages.classify(walk).check()?;
    }
    if walk.question.rule != 0 {
        walk.near_gate = conntrack::new_gate::<I>(&walk.near, walk.packet.protocol, &walk.question);
        return Ok(());
    }
    walk.own_key = walk.quoted.reversed(walk.near_device);
    pass_error(stages, walk, direction::EGRESS).ok_or(DropReason::GROUP_EGRESS)
}

/// The gate of the ENI a packet arrives at.
pub fn ingress<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    if walk.origin_gate.is_tracked() && walk.origin == walk.far_device {
        walk.far_gate = walk.origin_gate;
        return Ok(());
    }
    walk.own_key = walk.packet.key(walk.near_device).reversed(walk.far_device);
    if let Some(gate) = known(stages, walk) {
        walk.far_gate = gate;
        return Ok(());
    }
    ask(&mut walk.question, &walk.packet, walk.far.group_set, direction::INGRESS);
    walk.question.member_of = walk.identity;
    stages.classify(walk).check()?;
    if walk.question.rule != 0 {
        walk.far_gate = conntrack::new_gate::<I>(&walk.far, walk.packet.protocol, &walk.question);
        return Ok(());
    }
    let has_references = walk.question.has_references != 0;
    walk.own_key = walk.quoted.at(walk.far_device);
    if pass_error(stages, walk, direction::INGRESS).is_some() {
        return Ok(());
    }
    if has_references && is_reference_lost(stages, walk)? {
        return Err(DropReason::GROUP_REFERENCE_LOST);
    }
    Err(DropReason::GROUP_INGRESS)
}

/// Whether the groups of a component that the packet arrives at admit it. Of one without groups everything does.
#[inline(always)]
pub(crate) fn admit<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    if walk.far.group_set == GroupSetId::NONE {
        return Ok(());
    }
    ask(&mut walk.question, &walk.packet, walk.far.group_set, direction::INGRESS);
    walk.question.member_of = walk.identity;
    stages.classify(walk).check()?;
    if walk.question.rule != 0 {
        return Ok(());
    }
    if walk.question.has_references != 0 && is_reference_lost(stages, walk)? {
        return Err(DropReason::GROUP_REFERENCE_LOST);
    }
    Err(DropReason::GROUP_INGRESS)
}

/// Whether the groups that a component sends with admit what it sends to the walk's owner.
#[inline(always)]
pub(crate) fn let_out<I: Family, S: Stages<I>>(
    stages: &S,
    walk: &mut Walk<I>,
    group_set: GroupSetId,
) -> Result<(), DropReason> {
    if group_set == GroupSetId::NONE {
        return Ok(());
    }
    ask(&mut walk.question, &walk.packet, group_set, direction::EGRESS);
    if walk.owner != Device::NONE {
        walk.question.member_of = walk.far.group_set;
    }
    stages.classify(walk).check()?;
    if walk.question.rule == 0 {
        return Err(DropReason::GROUP_EGRESS);
    }
    Ok(())
}

/// Whether a rule would admit the packet, had it kept its sender's identity on the way (semantics 6.3).
fn is_reference_lost<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<bool, DropReason> {
    if walk.identity != GroupSetId::NONE {
        return Ok(false);
    }
    ask(&mut walk.question, &walk.packet, walk.far.group_set, direction::INGRESS);
    walk.question.member_of = groups_of_owner(stages, walk, walk.packet.src);
    stages.classify(walk).check()?;
    Ok(walk.question.rule != 0)
}

/// The groups of the ENI of the VPC that has an address.
fn groups_of_owner<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>, address: I) -> GroupSetId {
    let bank = walk.generation.bank();
    eni::owner(tables, walk, address)
        .and_then(|device| tables.eni(&EniKey { bank, device }))
        .map_or(GroupSetId::NONE, |eni| eni.group_set)
}

/// The gate of an ENI that has state of the packet's connection.
#[inline(always)]
fn known<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>) -> Option<Gate> {
    if walk.is_uncached() {
        return None;
    }
    conntrack::gate_with_state(tables, walk)
}

#[inline(always)]
pub(crate) fn ask<I: Family>(question: &mut Question<I>, packet: &Packet<I>, group_set: GroupSetId, direction: u32) {
    question.group_set = group_set;
    question.direction = direction;
    question.remote = if direction == direction::EGRESS {
        packet.dst
    } else {
        packet.src
    };
    question.member_of = GroupSetId::NONE;
    question.selector = packet.selector();
}

/// Whether an ICMP error that no rule admits passes an ENI all the same: if the connection it speaks of is
/// automatically tracked there, or not tracked at all (semantics 7.6).
///
/// The walk's own key is that of a packet of that connection as it leaves the ENI. What isn't tracked is told by the
/// rules, not by an entry: an entry of an untracked flow is a cache, which may be gone.
fn pass_error<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, direction: u32) -> Option<()> {
    let leaves = direction == direction::EGRESS;
    // Nobody quotes a connection of the ENI but to it or from it; anything else is made up, or another's.
    let own = if leaves { walk.packet.src } else { walk.packet.dst };
    if !walk.packet.has(packet_flag::QUOTES) || walk.own_key.src() != own {
        return None;
    }
    if let Some(gate) = conntrack::gate_with_state(stages, walk) {
        return (gate.flags & gate_flag::AUTOMATIC != 0).then_some(());
    }
    let eni = if leaves { &walk.near } else { &walk.far };
    if eni.flags & eni_flag::AUTOMATICALLY_TRACKED != 0 {
        return None;
    }
    walk.question.group_set = eni.group_set;
    walk.question.member_of = GroupSetId::NONE;
    walk.question.remote = walk.own_key.dst();
    let (left, arrived) = (
        selector_of(&walk.own_key),
        selector_of(&walk.own_key.reversed(walk.own_key.device())),
    );
    let untracked =
        is_untracked(stages, walk, direction::EGRESS, left) || is_untracked(stages, walk, direction::INGRESS, arrived);
    untracked.then_some(())
}

#[inline(always)]
fn selector_of<I: Family>(key: &FlowKey<I>) -> Selector {
    selector::<I>(key.protocol(), key.src_port(), key.dst_port())
}

/// Whether the groups that are being asked admit a packet without tracking it.
#[inline(always)]
fn is_untracked<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, direction: u32, selector: Selector) -> bool {
    walk.question.direction = direction;
    walk.question.selector = selector;
    stages.classify(walk).is_none() && walk.question.rule != 0 && walk.question.untracked != 0
}

/// Answers the walk's question: the rules that speak of the far end, by address or by membership, and of protocol and
/// port. The first of those decides; all of them allow.
pub fn classify<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let (bank, question) = (walk.generation.bank(), &mut walk.question);
    let (group_set, selector) = (question.group_set, question.selector);
    let side = side(question.direction, I::VERSION);
    let list = GroupSetKey { bank, group_set, side };
    let list = tables.group_set(&list).ok_or(DropReason::NO_GROUP_SET)?;
    question.rule = 0;
    question.has_references = list.flags & group_flag::REFERENCES;
    #[rustfmt::skip]
    let selected = SelectorKey { bank, group_set, side, selector };
    let Some(selected) = tables.selected(&selected) else {
        return Ok(());
    };
    let address = question.remote;
    #[rustfmt::skip]
    let peers = tables.peers(&PeerKey { bank, group_set, side, address });
    let member_of = question.member_of;
    #[rustfmt::skip]
    let references = ReferenceKey { bank, group_set, side, member_of };
    let references = if member_of == GroupSetId::NONE {
        None
    } else {
        tables.references(&references)
    };
    question.rule = first_rule(tables, u32::from(list.len), [peers, references], selected);
    let for_everybody = question.rule != 0 && question.rule <= u32::from(list.everybody);
    question.untracked = u32::from(for_everybody && is_answered(selector, list.flags));
    Ok(())
}

/// The first rule that is in one of the first two sets and in the last, counted from 1; 0 if there is none.
#[inline(always)]
fn first_rule<T: Tables>(
    tables: &T,
    len: u32,
    [peers, references]: [Option<T::RulesRef>; 2],
    selected: T::RulesRef,
) -> u32 {
    let (mut word, mut admitting) = (0, 0);
    while word < RULE_WORDS && word * 64 < len {
        admitting = (bits(tables, peers, word) | bits(tables, references, word)) & tables.rules(selected, word);
        if admitting != 0 {
            break;
        }
        word += 1;
    }
    if admitting == 0 {
        0
    } else {
        word * 64 + first_bit(admitting) + 1
    }
}

#[inline(always)]
fn bits<T: Tables>(tables: &T, rules: Option<T::RulesRef>, word: u32) -> u64 {
    match rules {
        Some(rules) => tables.rules(rules, word),
        None => 0,
    }
}

/// The place of the lowest bit that is set: how many bits are below it. Counted in parallel, since BPF has no
/// instruction for it, the compiler's own way is a table in memory, and each branch would double what the verifier
/// looks at.
#[inline(always)]
const fn first_bit(bits: u64) -> u32 {
    let below = (bits & bits.wrapping_neg()).wrapping_sub(1);
    let pairs = below - (below >> 1 & 0x5555_5555_5555_5555);
    let fours = (pairs & 0x3333_3333_3333_3333) + (pairs >> 2 & 0x3333_3333_3333_3333);
    let eights = (fours + (fours >> 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    (eights.wrapping_mul(0x0101_0101_0101_0101) >> 56) as u32
}

/// Whether the other direction lets every answer pass: only TCP and UDP can go untracked.
#[inline(always)]
const fn is_answered(selector: Selector, flags: u32) -> bool {
    match selector.0[1] {
        protocol::TCP => flags & group_flag::TCP_ANSWERED != 0,
        protocol::UDP => flags & group_flag::UDP_ANSWERED != 0,
        _ => false,
    }
}

/// Whether a connection through an ENI's gate is tracked: how, as [`gate_flag`] bits.
#[inline(always)]
pub(crate) fn tracking<I>(eni: &EniEntry, protocol: u8, question: &Question<I>) -> u8 {
    if eni.flags & eni_flag::AUTOMATICALLY_TRACKED != 0 && has_ports(protocol) {
        gate_flag::TRACKED | gate_flag::AUTOMATIC
    } else if question.untracked != 0 {
        0
    } else {
        gate_flag::TRACKED
    }
}

#[cfg(test)]
mod tests {
    use super::first_bit;

    #[test]
    fn the_first_bit_is_found_wherever_it_is() {
        for place in 0..64 {
            assert_eq!(first_bit(1 << place), place);
            assert_eq!(first_bit(u64::MAX << place), place);
        }
    }
}
