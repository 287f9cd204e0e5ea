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
pub use verdict::{Answer, Outcome, Verdict};

use crate::packet::{Packet, packet_flag};
use groundplane_abi::control::Generation;
use groundplane_abi::{Device, DropReason};

/// Decides about a frame that came in by a device. Changes nothing that another packet could notice.
#[inline(always)]
pub fn process<S: Stages>(stages: &S, frame: &mut S::Frame, device: Device) -> Outcome<S::FlowRef> {
    // One load: whatever is applied meanwhile, this packet sees one configuration.
    let generation = stages.generation();
    let now = stages.now();
    let mut outcome = Outcome {
        verdict: Verdict::drop(DropReason::NONE),
        flow: None,
        slow: false,
        now,
        len: frame.len(),
    };
    let mut packet = Packet::default();
    let malformed = parse::parse(frame, &mut packet);
    if !malformed.is_none() {
        outcome.verdict.reason = malformed;
    } else if packet.has(packet_flag::ARP) {
        match stages.arp(frame, device, generation) {
            Ok(Answer { mac, kind }) => {
                outcome.verdict.kind = kind;
                outcome.verdict.rewrite = verdict::rewrite::ANSWER;
                outcome.verdict.out = device;
                outcome.verdict.mac = mac;
            }
            Err(reason) => outcome.verdict.reason = reason,
        }
    } else if !flow::hit(stages, &packet, device, generation, &mut outcome) {
        outcome.verdict.reason = stages.judge(frame, device, generation, now);
        if outcome.verdict.reason.is_none() {
            let judged = stages.with_scratch(|scratch| Verdict::of(&scratch.entry.action));
            outcome.verdict = judged.unwrap_or(Verdict::drop(DropReason::NO_SCRATCH));
            outcome.slow = true;
        }
    }
    outcome
}

/// The slow path of a frame. It parses the frame again: handing the packet over would keep all of it on the stack of the
/// fast path.
pub fn judge<S: Stages>(
    stages: &S,
    frame: &mut S::Frame,
    device: Device,
    generation: Generation,
    now: u64,
) -> Result<(), DropReason> {
    let judged = stages.with_scratch(|scratch| {
        let walk = &mut scratch.there;
        walk.begin(device, generation, now);
        parse::parse(frame, &mut walk.packet).check()?;
        if walk.packet.has(packet_flag::OPTIONS) {
            stages.options(frame, walk.packet.header_len).check()?;
        }
        stages.slow(scratch).check()
    });
    judged.unwrap_or(Err(DropReason::NO_SCRATCH))
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
