//! What becomes of a packet, and what the tables must learn of it. The two are apart: a trace takes the verdict and
//! leaves the effect.
//!
//! Plain structs, every field of which always has a value. An enum's payload has none in the other variants; in a BPF
//! program that is a register nobody has written, and the verifier refuses to have it saved.

use groundplane_abi::eni::{EniEntry, eni_flag};
use groundplane_abi::flow::{Delivery, DeliveryWords, action_flag, kind};
use groundplane_abi::{Device, DropReason, Mac};

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Verdict {
    /// One of [`kind`].
    pub kind: u8,
    /// One of [`rewrite`].
    pub rewrite: u8,
    /// Why, if it is dropped.
    pub reason: DropReason,
    /// The device it is delivered to.
    pub out: Device,
    /// The MAC that the rewriting needs.
    pub mac: Mac,
}

/// What is done to a frame before it leaves.
pub mod rewrite {
    /// Nothing: it was switched.
    pub const NONE: u8 = 0;
    /// It goes from the router to [`super::Verdict::mac`].
    pub const ROUTED: u8 = 1;
    /// An ARP request goes back to the guest that asked, as the answer that the address is at [`super::Verdict::mac`].
    pub const ARP: u8 = 2;
    /// A neighbour solicitation likewise.
    pub const NEIGHBOR: u8 = 3;
    /// A router solicitation goes back as the answer that it is the router.
    pub const ROUTER: u8 = 4;
    /// An echo request to the router goes back to the guest at [`super::Verdict::mac`] as its answer.
    pub const ECHO: u8 = 5;

    /// Whether the frame goes back to who sent it.
    #[must_use]
    pub const fn is_answer(rewrite: u8) -> bool {
        rewrite >= ARP
    }
}

impl Verdict {
    #[inline(always)]
    pub const fn drop(reason: DropReason) -> Self {
        Self {
            kind: kind::DROP,
            rewrite: rewrite::NONE,
            reason,
            out: Device::NONE,
            mac: Mac([0; 6]),
        }
    }

    #[inline(always)]
    pub const fn of(delivery: &Delivery) -> Self {
        if delivery.kind == kind::DROP {
            return Self::drop(delivery.reason);
        }
        let routed = delivery.flags & action_flag::ROUTED != 0;
        Self {
            kind: delivery.kind,
            rewrite: if routed { rewrite::ROUTED } else { rewrite::NONE },
            reason: DropReason::NONE,
            out: delivery.out,
            mac: delivery.far_mac,
        }
    }

    /// The same of one that delivers.
    #[inline(always)]
    pub const fn of_words(action: &DeliveryWords) -> Self {
        Self {
            kind: action.kind(),
            rewrite: if action.is_routed() {
                rewrite::ROUTED
            } else {
                rewrite::NONE
            },
            reason: DropReason::NONE,
            out: action.out(),
            mac: Mac::from_le_bits(action.far_mac()),
        }
    }

    /// The frame goes back to the guest on `device`.
    #[inline(always)]
    pub const fn answer(device: Device, Answer { mac, kind, rewrite }: Answer) -> Self {
        Self {
            kind,
            rewrite,
            reason: DropReason::NONE,
            out: device,
            mac,
        }
    }

    #[inline(always)]
    pub const fn is_drop(&self) -> bool {
        self.kind == kind::DROP
    }
}

/// The answer to a packet for the platform.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The MAC that was asked for, or the asker's.
    pub mac: Mac,
    /// How the asker's own device is delivered to: one of [`kind`].
    pub kind: u8,
    /// One of [`rewrite`].
    pub rewrite: u8,
}

/// How an ENI is delivered to.
#[inline(always)]
pub(crate) const fn delivery_kind(eni: &EniEntry) -> u8 {
    if eni.flags & eni_flag::TAP != 0 {
        kind::TAP
    } else {
        kind::PEER
    }
}

/// An established packet: what becomes of it, and its entry, which has to be touched.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Hit<FlowRef> {
    pub verdict: Verdict,
    pub flow: FlowRef,
    pub now: u64,
}
