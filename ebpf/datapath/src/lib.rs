//! What VPC semantics do to a packet.
//!
//! A packet comes in by the host side of an ENI. Its frame is parsed into the few fields that matter ([`parse`]). If
//! the main flow table has an entry for it, that entry says where it goes and what it looks like there, and that is all
//! ([`flow`]). If not, the packet walks ([`walk`]): it leaves its ENI ([`eni`]), the groups of the sender are asked
//! ([`security_group`]), it is switched inside its subnet or passes the NACL ([`nacl`]), the route table and the next
//! subnet's NACL, and arrives at an ENI whose groups are asked. Then the answer walks back. The two walks give the two
//! entries of a connection; what ENIs remember of it stands in them ([`conntrack`]), and expired ones are taken out
//! as new ones come ([`reclaim`]).
//!
//! [`process`] gives verdict and effect and changes nothing; [`commit`] writes the effect down; [`rewrite`] carries the
//! verdict out on the frame. Everything is generic over [`Frame`], [`Tables`] and [`Stages`], and runs in the kernel and on the
//! host.
#![no_std]
#![forbid(unsafe_code)]

pub mod arp;
pub mod conntrack;
pub mod eni;
pub mod flow;
pub mod frame;
pub mod nacl;
pub mod options;
pub mod packet;
pub mod parse;
pub mod reclaim;
pub mod rewrite;
pub mod security_group;
pub mod stages;
pub mod tables;
pub mod verdict;
pub mod walk;

pub use frame::Frame;
pub use stages::Stages;
pub use tables::{FlowTable, Tables};
pub use verdict::{Answer, Delivery, Effect, Outcome, Verdict};

use crate::packet::{Packet, packet_flag};
use crate::parse::Parsed;
use groundplane_abi::control::Generation;
use groundplane_abi::{Device, DropReason};

/// Decides about a frame that came in by a device. Changes nothing that another packet could notice.
#[inline(always)]
pub fn process<S: Stages>(stages: &S, frame: &mut S::Frame, device: Device) -> Outcome<S::FlowRef> {
    // One load: whatever is applied meanwhile, this packet sees one configuration.
    let generation = stages.generation();
    let now = stages.now();
    let len = frame.len();
    let (verdict, effect) = match parse::parse(frame) {
        Parsed::Ipv4(packet) => ipv4(stages, frame, &packet, device, generation, now),
        Parsed::Arp => match stages.arp(frame, device, generation) {
            Ok(answer) => (Verdict::Answer(answer), Effect::None),
            Err(reason) => (Verdict::Drop(reason), Effect::None),
        },
        Parsed::Not(reason) => (Verdict::Drop(reason), Effect::None),
    };
    Outcome { verdict, effect, now, len }
}

#[inline(always)]
fn ipv4<S: Stages>(
    stages: &S,
    frame: &mut S::Frame,
    packet: &Packet,
    device: Device,
    generation: Generation,
    now: u64,
) -> (Verdict, Effect<S::FlowRef>) {
    if !packet.has(packet_flag::UNCACHED)
        && let Some((verdict, flow)) = flow::hit(stages, packet, device, generation, now)
    {
        // A denial keeps nothing alive.
        let effect = if let Verdict::Drop(_) = verdict { Effect::None } else { Effect::Touch(flow) };
        return (verdict, effect);
    }
    if packet.has(packet_flag::OPTIONS) {
        let reason = stages.options(frame, packet.header_len);
        if !reason.is_none() {
            return (Verdict::Drop(reason), Effect::None);
        }
    }
    let verdict = stages.with_scratch(|scratch| {
        scratch.there.begin(packet, device, generation, now);
        match stages.slow(scratch).check() {
            Ok(()) => Verdict::of(&scratch.entry.action),
            Err(reason) => Verdict::Drop(reason),
        }
    });
    match verdict {
        Some(Verdict::Drop(reason)) => (Verdict::Drop(reason), Effect::None),
        Some(verdict) => (verdict, Effect::Scratch),
        None => (Verdict::Drop(DropReason::NO_SCRATCH), Effect::None),
    }
}

/// Writes down what the tables must learn of a packet, and gives the verdict as it stands then: a connection that must
/// be tracked and finds no room is dropped after all.
#[inline(always)]
pub fn commit<S: Stages>(stages: &S, outcome: &Outcome<S::FlowRef>, device: Device) -> Verdict {
    let mut verdict = outcome.verdict;
    match outcome.effect {
        Effect::None => {}
        Effect::Touch(flow) => stages.touch(flow, outcome.now, outcome.len),
        Effect::Scratch => {
            let full = stages.with_scratch(|scratch| stages.commit(scratch)).unwrap_or(DropReason::NO_SCRATCH);
            if !full.is_none() {
                verdict = Verdict::Drop(full);
            }
        }
    }
    if let Verdict::Drop(reason) = verdict {
        stages.count_drop(device, reason, outcome.len);
    }
    verdict
}
