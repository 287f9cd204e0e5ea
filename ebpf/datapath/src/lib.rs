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
//! [`process`] gives verdict and effect and changes nothing; [`commit()`] writes the effect down; [`rewrite`] carries the
//! verdict out on the frame. Everything is generic over [`Frame`], [`Tables`] and [`Stages`], and runs in the kernel and on the
//! host.
#![no_std]
#![forbid(unsafe_code)]

pub mod arp;
pub mod commit;
pub mod conntrack;
pub mod eni;
pub mod flow;
pub mod frame;
mod glance;
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
pub use verdict::{Answer, Outcome, Verdict};

use crate::flow::Scratch;
use crate::packet::packet_flag;
use groundplane_abi::{Device, DropReason};

/// Decides about a frame that came in by a device. Changes nothing that another packet could notice.
pub fn process<S: Stages>(stages: &S, frame: &mut S::Frame, device: Device) -> Outcome<S::FlowRef> {
    let mut outcome = Outcome::undecided();
    if !fast(stages, frame, device, &mut outcome) {
        slow(stages, frame, device, &mut outcome);
    }
    outcome
}

/// Decides about a packet of an established flow; false if it isn't one.
///
/// In the kernel this and [`slow`] are functions of their own, called one after the other, so that the one's stack is
/// free again before the other's many calls.
#[inline(always)]
pub fn fast<S: Stages>(stages: &S, frame: &mut S::Frame, device: Device, outcome: &mut Outcome<S::FlowRef>) -> bool {
    outcome.len = frame.len();
    match glance::glance(frame, device) {
        Some(glance) => flow::hit(stages, &glance, outcome),
        None => false,
    }
}

/// Decides about any other frame.
#[inline(always)]
pub fn slow<S: Stages>(stages: &S, frame: &mut S::Frame, device: Device, outcome: &mut Outcome<S::FlowRef>) {
    // One load: whatever is applied meanwhile, this packet sees one configuration.
    let generation = stages.generation();
    outcome.now = stages.clock().now;
    outcome.len = frame.len();
    let now = outcome.now;
    let judged = stages.with_scratch(|scratch| {
        scratch.there.begin(device, generation, now);
        match judge(stages, frame, scratch) {
            Ok(verdict) => verdict,
            Err(reason) => Verdict::drop(reason),
        }
    });
    outcome.verdict = judged.unwrap_or(Verdict::drop(DropReason::NO_SCRATCH));
    outcome.slow = !outcome.verdict.is_drop() && outcome.verdict.rewrite != verdict::rewrite::ANSWER;
}

#[inline(always)]
fn judge<S: Stages>(stages: &S, frame: &mut S::Frame, scratch: &mut Scratch) -> Result<Verdict, DropReason> {
    let walk = &mut scratch.there;
    parse::parse(frame, &mut walk.packet).check()?;
    if walk.packet.has(packet_flag::ARP) {
        let Answer { mac, kind } = stages.arp(frame, walk.near_device, walk.generation)?;
        return Ok(Verdict::answer(walk.near_device, kind, mac));
    }
    if walk.packet.has(packet_flag::OPTIONS) {
        stages.options(frame, walk.packet.header_len).check()?;
    }
    flow::slow(stages, scratch)?;
    Ok(Verdict::of(&scratch.entry.action))
}

/// Writes down what the tables must learn of a packet, and gives the verdict as it stands then: a connection that must
/// be tracked and finds no room is dropped after all.
#[inline(always)]
pub fn commit<S: Stages>(stages: &S, outcome: &Outcome<S::FlowRef>, device: Device) -> Verdict {
    let mut verdict = outcome.verdict;
    if let Some(flow) = outcome.flow {
        stages.touch(flow, outcome.now, outcome.len);
    }
    if outcome.slow {
        let full = stages
            .with_scratch(|scratch| stages.commit(scratch))
            .unwrap_or(DropReason::NO_SCRATCH);
        if !full.is_none() {
            verdict = Verdict::drop(full);
        }
    }
    if verdict.is_drop() {
        stages.count_drop(device, verdict.reason, outcome.len);
    }
    verdict
}
