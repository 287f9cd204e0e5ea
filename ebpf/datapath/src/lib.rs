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
//! [`fast`] and [`judge()`] give the verdict and change nothing; [`commit()`] writes down what the tables must learn;
//! [`rewrite`] carries the verdict out on the frame. Everything is generic over the address [`Family`], over [`Frame`],
//! the tables ([`TablesOf`]) and [`Stages`], and runs in the kernel and on the host.
#![no_std]
#![forbid(unsafe_code)]

mod allowance;
pub mod arp;
pub mod balancer;
pub mod checksum;
pub mod commit;
pub mod conntrack;
mod echo;
pub mod eni;
pub mod family;
pub mod filter;
pub mod flow;
pub mod frame;
pub mod gateway_balancer;
pub mod gateway_endpoint;
pub mod geneve;
pub mod internet;
mod ip4;
mod ip6;
mod judge;
pub mod nacl;
pub mod nat;
pub mod nat64;
pub mod neighbor;
pub mod options;
pub mod packet;
pub mod parse;
pub mod peering;
pub mod reclaim;
pub mod refuse;
pub mod report;
pub mod rewrite;
pub mod scratch;
pub mod security_group;
pub mod stages;
pub mod tables;
pub mod transit;
pub mod translate;
pub mod uplink;
pub mod verdict;
pub mod walk;

pub use family::Family;
pub use filter::{Doors, filter};
pub use frame::Frame;
pub use judge::judge;
pub use stages::Stages;
pub use tables::{FlowTable, Tables, TablesOf};
pub use verdict::{Answer, Hit, Verdict};

use crate::scratch::effect;
use groundplane_abi::{Device, DropReason};

/// What becomes of a frame, if it is a packet of an established flow.
#[inline(always)]
pub fn fast<I: Family, S: Stages<I>>(stages: &S, frame: &S::Frame, device: Device) -> Option<Hit<I, S::FlowRef>> {
    flow::hit(stages, frame, &I::glance(frame, device)?)
}

/// Writes down what the tables must learn of the packet that was judged last, and gives the verdict as it stands then:
/// a connection that must be tracked and finds no room is dropped after all.
#[inline(always)]
pub fn commit<I: Family, S: Stages<I>>(stages: &S) -> Verdict {
    let verdict = stages.with_scratch(|scratch| {
        if scratch.effect != effect::NONE && !scratch.verdict.is_drop() {
            let reason = stages.commit(scratch);
            if !reason.is_none() {
                scratch.verdict = Verdict::drop(reason);
            }
        }
        if scratch.verdict.is_drop() || scratch.verdict.is_refusal() {
            report::drop(stages, scratch);
            // Nothing that is refused for want of a port makes room by itself.
            if scratch.verdict.reason == DropReason::NAT_PORTS_EXHAUSTED {
                stages.reclaim(&mut scratch.there);
            }
        } else if scratch.first_fragment != 0 {
            commit::note_fragment(stages, scratch);
        }
        scratch.verdict
    });
    verdict.unwrap_or(Verdict::drop(DropReason::NO_SCRATCH))
}
