//! Deciding about a frame that the fast path has no answer for.

use crate::family::Family;
use crate::packet::{Packet, fragment_key, packet_flag};
use crate::scratch::{Scratch, effect};
use crate::stages::Stages;
use crate::verdict::{Answer, Verdict, delivery_kind, rewrite};
use crate::walk::Walk;
use crate::{Frame as _, flow, internet, refuse};
use groundplane_abi::eni::SubnetEntry;
use groundplane_abi::flow::kind;
use groundplane_abi::internet::public_flag;
use groundplane_abi::{Device, DropReason, Ip4, Mac};

/// How many seconds a note of a first fragment is good for (semantics 7.7).
const FRAGMENT_SECONDS: u32 = 30;

/// Decides about a frame that came in by a device, and leaves verdict and effect in the scratch. Changes nothing that
/// another packet could notice.
#[inline(always)]
pub fn judge<I: Family, S: Stages<I>>(stages: &S, frame: &mut S::Frame, device: Device) -> Verdict {
    // One load: whatever is applied meanwhile, this packet sees one configuration.
    let generation = stages.generation();
    let now = stages.clock().now;
    let verdict = stages.with_scratch(|scratch| {
        scratch.there.begin(device, generation, now);
        if device.is_component() {
            let [appliance, cookie] = frame.returned();
            scratch.there.returned_by = Ip4(appliance.to_le_bytes());
            scratch.there.cookie = cookie;
        }
        scratch.effect = effect::NONE;
        scratch.first_fragment = 0;
        scratch.verdict = match decide(stages, frame, scratch) {
            Ok(verdict) => verdict,
            Err(reason) => refuse(stages, scratch, reason),
        };
        scratch.verdict
    });
    verdict.unwrap_or(Verdict::drop(DropReason::NO_SCRATCH))
}

#[inline(always)]
fn decide<I: Family, S: Stages<I>>(
    stages: &S,
    frame: &mut S::Frame,
    scratch: &mut Scratch<I>,
) -> Result<Verdict, DropReason> {
    let walk = &mut scratch.there;
    let parsed = stages.parse(frame, &mut walk.packet);
    let mut flags = 0;
    if walk.is_from_outside() {
        // What isn't for us is the host's, whatever it is.
        if parsed.is_none() && walk.packet.has(packet_flag::NEIGHBOR) {
            let answer = stages.neighbor(frame, walk);
            return Ok(answer.map_or(Verdict::pass(), |answer| Verdict::answer(Device::INTERNET, answer)));
        }
        flags = internet::flags_of(stages, walk, walk.packet.dst);
        if !parsed.is_none() || flags == 0 {
            return Ok(Verdict::pass());
        }
        walk.packet.src_mac = Mac([0; 6]);
        walk.packet.dst_mac = Mac::ROUTER;
    }
    parsed.check()?;
    if walk.packet.has(packet_flag::NEIGHBOR) {
        return Ok(Verdict::answer(walk.near_device, stages.neighbor(frame, walk)?));
    }
    let is_later = walk.packet.has(packet_flag::LATER_FRAGMENT);
    if is_later {
        recall_ports(stages, walk);
    }
    if walk.is_from_outside() && !is_ours(stages, walk, flags) {
        return Ok(Verdict::pass());
    }
    scratch.first_fragment = u32::from(!is_later && walk.packet.has(packet_flag::FRAGMENT));
    if walk.packet.has(packet_flag::OPTIONS) {
        stages.options(frame, walk.packet.header_len).check()?;
    }
    if walk.packet.has(packet_flag::ICMP_ERROR) && !is_later {
        stages.quote(frame, walk);
    }
    match flow::slow(stages, scratch) {
        Ok(()) => Ok(deliver(scratch)),
        Err(DropReason::LINK_LOCAL_SERVICE) => serve(&scratch.there),
        Err(reason) => Err(reason),
    }
}

/// Whether a packet from outside is for an address of ours, or for a client of a gateway endpoint.
#[inline(always)]
fn is_ours<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, flags: u32) -> bool {
    if flags & public_flag::CLIENTS != 0 && stages.answers_client(walk) {
        walk.is_by_endpoint = 1;
        return true;
    }
    flags & public_flag::PUBLIC != 0
}

/// What becomes of a packet that arrives. One that is larger than an uplink takes leaves in fragments.
#[inline(always)]
fn deliver<I: Family>(scratch: &Scratch<I>) -> Verdict {
    let delivery = &scratch.entry.action.delivery;
    let mut verdict = Verdict::of(delivery);
    if delivery.kind == kind::UPLINK && scratch.there.packet.size > delivery.detail {
        verdict.mtu = delivery.detail;
    }
    verdict
}

/// Drops a packet, and tells its sender if that is due.
#[inline(always)]
fn refuse<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>, reason: DropReason) -> Verdict {
    let mut verdict = Verdict::drop(reason);
    let sender = scratch.there.near_device;
    if !refuse::is_told(reason, sender) {
        return verdict;
    }
    scratch.effect = effect::NONE;
    scratch.refused = u32::from(reason.0);
    verdict.rewrite = stages.refuse(scratch) as u8;
    if verdict.rewrite != rewrite::NONE && sender == Device::INTERNET {
        (verdict.kind, verdict.out) = (kind::UPLINK, sender);
    } else if verdict.rewrite != rewrite::NONE {
        verdict.kind = delivery_kind(&scratch.back.near);
        verdict.out = scratch.there.near_device;
        verdict.mac = scratch.back.near.mac;
        verdict.mtu = scratch.entry.action.delivery.detail;
    }
    verdict
}

/// Gives a later fragment the ports that the first one of its packet had.
#[inline(always)]
fn recall_ports<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) {
    let key = fragment_key(&walk.packet.key(walk.near_device), walk.packet.identification);
    let Some(note) = stages.fragment_note(&key) else {
        return;
    };
    let age = (walk.now as u32).wrapping_sub(note.at);
    if age <= FRAGMENT_SECONDS * stages.ticks_per_second() {
        walk.packet.src_port = note.src_port;
        walk.packet.dst_port = note.dst_port;
        walk.packet.flags &= !packet_flag::LATER_FRAGMENT;
        let [icmp_type, _] = note.src_port.0;
        // It is a part of the error, and no more a part of a flow than the error is.
        if walk.packet.protocol == I::ICMP && I::is_icmp_error(icmp_type) {
            walk.packet.flags |= packet_flag::ICMP_ERROR;
        }
    }
}

/// What the platform itself answers: so far the router, when it is pinged.
fn serve<I: Family>(walk: &Walk<I>) -> Result<Verdict, DropReason> {
    if !is_echo_request_to_router(&walk.packet, &walk.place) {
        return Err(DropReason::LINK_LOCAL_SERVICE);
    }
    Ok(Verdict::answer(
        walk.near_device,
        Answer {
            mac: walk.near.mac,
            kind: delivery_kind(&walk.near),
            rewrite: rewrite::ECHO,
        },
    ))
}

/// Whole and without options, so that the answer is as long as the request and its fields are where they usually are.
fn is_echo_request_to_router<I: Family>(packet: &Packet<I>, place: &SubnetEntry) -> bool {
    let [icmp_type, code] = packet.src_port.0;
    packet.protocol == I::ICMP
        && icmp_type == I::ECHO_REQUEST
        && code == 0
        && !packet.has(packet_flag::FRAGMENT | packet_flag::OPTIONS)
        && I::is_router(packet.dst, place)
}
