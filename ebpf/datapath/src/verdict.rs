//! What becomes of a packet, and what the tables must learn of it. The two are apart: a trace takes the verdict and
//! leaves the effect.
//!
//! Plain structs, every field of which always has a value. An enum's payload has none in the other variants; in a BPF
//! program that is a register nobody has written, and the verifier refuses to have it saved.

use groundplane_abi::eni::{EniEntry, eni_flag};
use groundplane_abi::flow::{Delivery, DeliveryWords, FlowKey, action_flag, kind};
use groundplane_abi::{Device, DropReason, Ip, Mac};

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Verdict {
    /// One of [`kind`].
    pub kind: u8,
    /// One of [`rewrite`].
    pub rewrite: u8,
    /// Why, if it is dropped, or refused by an answer.
    pub reason: DropReason,
    /// The device it is delivered to.
    pub out: Device,
    /// The MAC that the rewriting needs.
    pub mac: Mac,
    /// What the path takes, if the packet is larger: it leaves in fragments, or its sender is told.
    pub mtu: u16,
    /// How many hops it takes.
    pub hops: u8,
    pub reserved: u8,
}

/// What is done to a frame before it leaves.
pub mod rewrite {
    /// Nothing: it was switched.
    pub const NONE: u8 = 0;
    /// It goes from the router to [`super::Verdict::mac`].
    pub const ROUTED: u8 = 1;
    /// Its addresses or ports change; the MACs as well, unless it leaves by an uplink.
    pub const TRANSLATED: u8 = 2;
    /// An ARP request goes back to the guest that asked, as the answer that the address is at [`super::Verdict::mac`].
    pub const ARP: u8 = 3;
    /// A neighbour solicitation likewise.
    pub const NEIGHBOR: u8 = 4;
    /// A router solicitation goes back as the answer that it is the router.
    pub const ROUTER: u8 = 5;
    /// An echo request to the router goes back to the guest at [`super::Verdict::mac`] as its answer.
    pub const ECHO: u8 = 6;
    /// What is dropped goes back as the ICMP error that it is too big.
    pub const TOO_BIG: u8 = 7;
    /// What is dropped goes back as the ICMP error that its TTL has run out.
    pub const HOP_LIMIT: u8 = 8;
    /// What is dropped goes back as a TCP reset.
    pub const RESET: u8 = 9;

    /// Whether the frame goes back to who sent it.
    #[must_use]
    pub const fn is_answer(rewrite: u8) -> bool {
        rewrite >= ARP
    }

    /// Whether that means that the packet itself is dropped.
    #[must_use]
    pub const fn is_refusal(rewrite: u8) -> bool {
        rewrite >= TOO_BIG
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
            mtu: 0,
            hops: 0,
            reserved: 0,
        }
    }

    /// It isn't for us.
    #[inline(always)]
    pub const fn pass() -> Self {
        Self {
            kind: kind::PASS,
            ..Self::drop(DropReason::NONE)
        }
    }

    #[inline(always)]
    pub const fn of(delivery: &Delivery) -> Self {
        if delivery.kind == kind::DROP {
            return Self::drop(delivery.reason());
        }
        Self {
            kind: delivery.kind,
            rewrite: rewrite_of(delivery.kind, delivery.flags),
            reason: DropReason::NONE,
            out: delivery.out,
            mac: delivery.far_mac,
            mtu: 0,
            hops: hops(delivery.flags),
            reserved: 0,
        }
    }

    /// The same of one that delivers.
    #[inline(always)]
    pub const fn of_words(action: &DeliveryWords) -> Self {
        Self {
            kind: action.kind(),
            rewrite: rewrite_of(action.kind(), action.flags()),
            reason: DropReason::NONE,
            out: action.out(),
            mac: Mac::from_le_bits(action.far_mac()),
            mtu: 0,
            hops: hops(action.flags()),
            reserved: 0,
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
            mtu: 0,
            hops: 0,
            reserved: 0,
        }
    }

    #[inline(always)]
    pub const fn is_drop(&self) -> bool {
        self.kind == kind::DROP
    }

    /// Whether the packet is dropped and its sender told.
    #[inline(always)]
    pub const fn is_refusal(&self) -> bool {
        rewrite::is_refusal(self.rewrite)
    }
}

/// What is done to a frame of a flow. Out of an uplink MACs are the link's business.
#[inline(always)]
const fn rewrite_of(kind: u8, flags: u8) -> u8 {
    if flags & action_flag::TRANSLATED != 0 {
        rewrite::TRANSLATED
    } else if flags & action_flag::ROUTED != 0 && kind != kind::UPLINK {
        rewrite::ROUTED
    } else {
        rewrite::NONE
    }
}

#[inline(always)]
const fn hops(flags: u8) -> u8 {
    flags >> action_flag::HOPS_SHIFT & action_flag::MOST_HOPS
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
pub struct Hit<I: Ip, FlowRef> {
    pub verdict: Verdict,
    pub key: FlowKey<I>,
    pub flow: FlowRef,
    pub now: u64,
}
