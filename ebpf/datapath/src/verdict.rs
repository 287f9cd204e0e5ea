//! What becomes of a packet, and what the tables must learn of it. The two are apart: a trace takes the verdict and
//! leaves the effect.

use groundplane_abi::eni::{EniEntry, eni_flag};
use groundplane_abi::flow::{Action, action_flag, kind};
use groundplane_abi::{Device, DropReason, Mac};

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Verdict {
    Drop(DropReason),
    Deliver(Delivery),
    /// An ARP request goes back to the guest that asked, as an answer.
    Answer(Answer),
}

/// Where a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery {
    pub out: Device,
    /// One of [`kind`], never [`kind::DROP`].
    pub kind: u8,
    /// The new destination MAC of a routed frame, whose source becomes the router's. A switched frame stays as it is.
    pub routed_to: Option<Mac>,
}

/// The answer to an ARP request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The MAC that was asked for.
    pub mac: Mac,
    /// How the asker's own device is delivered to: one of [`kind`].
    pub kind: u8,
}

/// How an ENI is delivered to.
#[inline(always)]
pub(crate) const fn delivery_kind(eni: &EniEntry) -> u8 {
    if eni.flags & eni_flag::TAP != 0 { kind::TAP } else { kind::PEER }
}

impl Verdict {
    #[inline(always)]
    pub fn of(action: &Action) -> Self {
        if action.kind == kind::DROP {
            return Self::Drop(action.reason);
        }
        let routed = action.flags & action_flag::ROUTED != 0;
        Self::Deliver(Delivery { out: action.out, kind: action.kind, routed_to: routed.then_some(action.far_mac) })
    }
}

/// What the tables must learn of a packet once its verdict stands.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub enum Effect<FlowRef> {
    /// Nothing but its drop, if it was dropped.
    None,
    /// It belongs to the connection of this entry.
    Touch(FlowRef),
    /// What the slow path left in the scratch.
    Scratch,
}

/// Verdict and effect.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Outcome<FlowRef> {
    pub verdict: Verdict,
    pub effect: Effect<FlowRef>,
    pub now: u64,
    pub len: u32,
}
