//! Flow entries: a connection is two of them.
//!
//! The parts are aligned to 8 although 4 would do: the verifier wants stack accesses aligned, and the compiler, which
//! may use misaligned ones on packets, copies them eight bytes at a time.

mod key;

pub use key::FlowKey;

use crate::control::Validity;
use crate::{Device, DropReason, Ip, Ip4, Ip6, Mac, Port};
use bytemuck::{Pod, Zeroable};

/// Where the packets of an entry go. Never changes after the entry is inserted: a new action is a new entry.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C, align(8))]
pub struct Delivery {
    /// The MAC of the ENI it is delivered to; of what is wrapped, the address of the appliance. The two MACs are in a
    /// frame's order, so that both can be compared at once.
    pub far_mac: Mac,
    /// The source MAC a frame must have to be of this flow.
    pub near_mac: Mac,
    /// The device of the ENI it is delivered to.
    pub out: Device,
    /// One of [`kind`].
    pub kind: u8,
    /// [`action_flag`] bits.
    pub flags: u8,
    /// Why, if the kind is [`kind::DROP`]; otherwise the largest packet the path takes.
    pub detail: u16,
    /// The ports as they leave.
    pub src_port: Port,
    pub dst_port: Port,
}

/// What happens to the packets of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C, align(8))]
pub struct Action<I> {
    pub delivery: Delivery,
    /// The addresses as they leave. The twin's key is made from them.
    pub src: I,
    pub dst: I,
}

/// What is done with a packet. Zero drops, so that a row of zeros does.
pub mod kind {
    pub const DROP: u8 = 0;
    /// `bpf_redirect_peer`: into the guest's end of a veth pair.
    pub const PEER: u8 = 1;
    /// `bpf_redirect` with the mark: out of a tap.
    pub const TAP: u8 = 2;
    /// Out of the uplink.
    pub const UPLINK: u8 = 3;
    /// Nothing: it isn't for us, and the host gets it as it came.
    pub const PASS: u8 = 4;
    /// Out of the uplink that it came in by.
    pub const BACK: u8 = 5;
    /// To the ENI of a NAT gateway, which sends it on as a packet of the other family.
    pub const NAT64: u8 = 6;
    /// `bpf_redirect_peer` into the agent's namespace.
    pub const SERVICE: u8 = 7;
    /// To an appliance behind a Gateway Load Balancer's endpoint, as the content of a packet of the node's.
    pub const WRAPPED: u8 = 8;
    /// From an appliance to the node of its Gateway Load Balancer: the packet in it goes on from the endpoint.
    pub const RETURNED: u8 = 9;
}

pub mod action_flag {
    /// The frame was addressed to the router; its MACs are rewritten. Otherwise it was switched and stays as it is.
    pub const ROUTED: u8 = 1;
    /// The direction of the replies; the other entry is that of the connection's first packet.
    pub const REPLY: u8 = 2;
    /// Addresses or ports are other ones when it leaves.
    pub const TRANSLATED: u8 = 4;
    /// How many hops it takes, each of which lowers the TTL by one: two bits from here on.
    pub const HOPS_SHIFT: u8 = 3;
    pub const MOST_HOPS: u8 = 3;
    /// The MSS option of a segment that opens a connection is lowered to what fits the path.
    pub const CLAMPED: u8 = 32;
    /// Of a denial: it is dropped leaving the ENI, not arriving at it.
    pub const LEAVING: u8 = 64;
    /// What is larger than the path takes is dropped, whether or not it may be fragmented, and nobody is told.
    pub const SILENT: u8 = 128;
}

const SIX_BYTES: u64 = 0xffff_ffff_ffff;

/// A delivery in whole words, as the fast path reads it: by its fields the compiler loads it piece by piece.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryWords([u64; 3]);

impl DeliveryWords {
    /// [`Mac::to_le_bits`] of `far_mac`.
    #[must_use]
    #[inline(always)]
    pub const fn far_mac(&self) -> u64 {
        self.0[0] & SIX_BYTES
    }

    /// Zero if a frame that begins with these words has the MACs of the flow.
    #[must_use]
    #[inline(always)]
    pub const fn mac_difference(&self, [first, second]: [u64; 2]) -> u64 {
        let expected = if self.is_routed() {
            self.0[0] & !SIX_BYTES | Mac::ROUTER.to_le_bits()
        } else {
            self.0[0]
        };
        (first ^ expected) | (second ^ self.0[1]) & 0xffff_ffff
    }

    #[must_use]
    #[inline(always)]
    pub const fn out(&self) -> Device {
        Device((self.0[1] >> 32) as u32)
    }

    #[must_use]
    #[inline(always)]
    pub const fn kind(&self) -> u8 {
        self.0[2] as u8
    }

    #[must_use]
    #[inline(always)]
    pub const fn is_routed(&self) -> bool {
        self.flags() & action_flag::ROUTED != 0
    }

    /// [`action_flag`] bits.
    #[must_use]
    #[inline(always)]
    pub const fn flags(&self) -> u8 {
        (self.0[2] >> 8) as u8
    }

    /// The largest packet the path takes.
    #[must_use]
    #[inline(always)]
    pub const fn mtu(&self) -> u16 {
        (self.0[2] >> 16) as u16
    }
}

impl Delivery {
    #[must_use]
    #[inline(always)]
    pub fn to_words(&self) -> DeliveryWords {
        DeliveryWords(bytemuck::cast(*self))
    }

    /// Why it is dropped, if it is.
    #[inline(always)]
    pub const fn reason(&self) -> DropReason {
        if self.kind == kind::DROP {
            DropReason(self.detail)
        } else {
            DropReason::NONE
        }
    }

    /// The destination MAC a frame must have to be of this flow.
    #[must_use]
    #[inline(always)]
    pub const fn expected_destination(&self) -> Mac {
        if self.flags & action_flag::ROUTED != 0 {
            Mac::ROUTER
        } else {
            self.far_mac
        }
    }
}

/// What one of the two ENIs of a connection says of it. AWS tracks per ENI (semantics 7).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C, align(8))]
pub struct Gate {
    /// How many seconds an established TCP connection, a stream of UDP or a connection of another protocol may be idle
    /// at this ENI.
    pub limit: u32,
    /// The rule that admitted the first packet.
    pub rule: u16,
    /// [`gate_flag`] bits.
    pub flags: u8,
    /// How many seconds UDP may be idle that is no stream yet.
    pub single: u8,
}

pub mod gate_flag {
    /// The ENI has state of the connection; without, every change of the configuration asks the rules anew.
    pub const TRACKED: u8 = 1;
    /// Tracked whatever the rules say (semantics 7.3): ICMP errors about it pass (semantics 7.6).
    pub const AUTOMATIC: u8 = 2;
}

impl Gate {
    #[must_use]
    pub const fn is_tracked(&self) -> bool {
        self.flags & gate_flag::TRACKED != 0
    }
}

/// One direction of a connection. The first cache line is all that an established packet's verdict needs.
///
/// The kernel reuses an element at once after its deletion, so a reader on another core can hold a pointer to an entry
/// that turns into another one under its eyes. So the entry starts with a copy of its key and a stamp, and ends with
/// the stamp. A reader notes the stamp, copies the action out, then compares the key and both stamps; anything but
/// equality is a miss. After insertion only the fields behind the action change, and `validity`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct FlowEntry<I: Ip> {
    pub key: FlowKey<I>,
    /// Different for any two insertions on this host since boot.
    pub stamp: u64,
    pub validity: Validity,
    pub action: Action<I>,
    pub last_seen: u64,
    pub packets: u64,
    pub bytes: u64,
    /// One of [`state`].
    pub state: u32,
    /// [`tcp_seen`] bits. Anything but zero leaves the fast path.
    pub tcp: u16,
    /// After so many idle seconds a component on the path, such as a NAT gateway, has forgotten the connection,
    /// whatever the ENIs remember; 0 if there is none.
    pub component: u16,
    /// The gate of the ENI this direction leaves from.
    pub near: Gate,
    /// The gate of the ENI this direction arrives at.
    pub far: Gate,
    /// The ENI this direction's packets answer to or are answered by: where the other entry's packets come in. It is
    /// `action.delivery.out` unless the way back takes another route than the way there.
    pub twin_device: Device,
    /// The low half of the clock at the connection's first packet; both entries say the same.
    pub born: u32,
    pub stamp_end: u64,
}

/// An entry's life. It only moves downwards, and the move to `DEAD` is a compare-and-swap that one core wins.
pub mod state {
    pub const LIVE: u32 = 1;
    /// An embryo whose connection stands in the main table now.
    pub const PROMOTED: u32 = 2;
    /// About to be deleted. A packet that meets a dead entry is judged by itself and installs nothing.
    pub const DEAD: u32 = 3;
}

/// What TCP has said so far. Each entry of the pair holds both directions, so that one is enough to know.
///
/// ENIs and the component on the path remember apart: to a gateway that has forgotten, the next packet opens a
/// connection, of which the ENIs may have heard a FIN long ago. So there is each bit twice.
pub mod tcp_seen {
    pub const FIN_SENT: u16 = 1;
    pub const FIN_RECEIVED: u16 = 2;
    pub const RESET: u16 = 4;
    /// Nothing that TCP says: the entry is of packets of any protocol that become others, which the fast path can't do.
    pub const SLOW: u16 = 64;
    const COMPONENT_SHIFT: u16 = 3;
    const OF_ENIS: u16 = FIN_SENT | FIN_RECEIVED | RESET;

    /// Bits as ENIs and the component have seen them.
    #[must_use]
    pub const fn by_all(bits: u16) -> u16 {
        bits | bits << COMPONENT_SHIFT
    }

    /// What ENIs have seen.
    #[must_use]
    pub const fn by_enis(bits: u16) -> u16 {
        bits & OF_ENIS
    }

    /// What the component on the path has seen.
    #[must_use]
    pub const fn by_component(bits: u16) -> u16 {
        bits >> COMPONENT_SHIFT
    }

    /// The same bits as the other side's entry has them.
    #[must_use]
    pub const fn by_twin(bits: u16) -> u16 {
        let (sent, received) = (by_all(FIN_SENT), by_all(FIN_RECEIVED));
        (bits & sent) << 1 | (bits & received) >> 1 | bits & by_all(RESET)
    }

    /// The connection is over but for stragglers. Of one's own bits.
    #[must_use]
    pub const fn is_closing(bits: u16) -> bool {
        bits & RESET != 0 || bits & (FIN_SENT | FIN_RECEIVED) == FIN_SENT | FIN_RECEIVED
    }
}

impl<I> Action<I> {
    #[must_use]
    #[inline(always)]
    pub const fn is_reply(&self) -> bool {
        self.delivery.flags & action_flag::REPLY != 0
    }
}

impl<I: Ip> FlowEntry<I> {
    /// The key of the connection's other entry.
    #[must_use]
    #[inline(always)]
    pub fn twin_key(&self) -> FlowKey<I> {
        let left = FlowKey::new(
            self.twin_device,
            self.key.protocol(),
            self.action.src,
            self.action.dst,
            self.action.delivery.src_port,
            self.action.delivery.dst_port,
        );
        left.reversed(self.twin_device)
    }
}

/// The frame that a program which ends connections is run with: which one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct Retirement<I: Ip> {
    /// In the place of an Ethernet header, which the kernel takes off every frame of a test run.
    pub header: [u64; 2],
    /// Of one of its two entries.
    pub key: FlowKey<I>,
    /// That entry's: another connection which has come in its place stays.
    pub stamp: u64,
}

/// Where the key stands; the low half of the stamp follows it.
pub const RETIREMENT_OFFSET: u32 = 16;

const _: () = assert!(core::mem::offset_of!(Retirement<Ip4>, key) == RETIREMENT_OFFSET as usize);

plain!(Delivery = 24, Gate = 8);
plain_of!(
    Retirement<Ip4> = 16 + 16 + 8,
    Retirement<Ip6> = 16 + 40 + 8,
    Action<Ip4> = 24 + 4 + 4,
    Action<Ip6> = 24 + 16 + 16,
    FlowEntry<Ip4> = 16 + 8 + 8 + 32 + 3 * 8 + 2 * 4 + 2 * 8 + 2 * 4 + 8,
    FlowEntry<Ip6> = 40 + 8 + 8 + 56 + 3 * 8 + 2 * 4 + 2 * 8 + 2 * 4 + 8,
);

const _: () = assert!(
    core::mem::offset_of!(FlowEntry<Ip4>, last_seen) == 64,
    "the action ends the first cache line"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_in_words_says_what_its_fields_say() {
        let delivery = Delivery {
            near_mac: Mac([1, 2, 3, 4, 5, 6]),
            far_mac: Mac([7, 8, 9, 10, 11, 12]),
            out: Device(0x0a_bcde),
            kind: kind::TAP,
            flags: action_flag::ROUTED,
            detail: 1500,
            ..Delivery::default()
        };
        let words = delivery.to_words();
        assert_eq!(words.far_mac(), delivery.far_mac.to_le_bits());
        assert_eq!(
            (words.out(), words.kind(), words.is_routed()),
            (delivery.out, delivery.kind, true)
        );
        assert_eq!(words.mtu(), delivery.detail);
        // Ethernet: destination, source, then whatever.
        let head = |destination: Mac, source: Mac| {
            let mut bytes = [0xee; 16];
            bytes[..6].copy_from_slice(&destination.0);
            bytes[6..12].copy_from_slice(&source.0);
            let [first, second] = [0, 8].map(|at| bytes[at..at + 8].try_into().map(u64::from_le_bytes));
            [first.unwrap(), second.unwrap()]
        };
        assert_eq!(words.mac_difference(head(Mac::ROUTER, delivery.near_mac)), 0);
        assert_ne!(words.mac_difference(head(delivery.far_mac, delivery.near_mac)), 0);
        assert_ne!(words.mac_difference(head(Mac::ROUTER, delivery.far_mac)), 0);
        let switched = Delivery { flags: 0, ..delivery }.to_words();
        assert_eq!(switched.mac_difference(head(delivery.far_mac, delivery.near_mac)), 0);
        assert_ne!(switched.mac_difference(head(Mac::ROUTER, delivery.near_mac)), 0);
        assert_ne!(switched.mac_difference(head(delivery.far_mac, Mac::ROUTER)), 0);
        let reply = Delivery {
            flags: action_flag::REPLY,
            ..delivery
        };
        assert!(!reply.to_words().is_routed());
    }

    #[test]
    fn a_connection_closes_by_reset_or_by_two_fins() {
        use tcp_seen::{FIN_RECEIVED, FIN_SENT, RESET, is_closing};
        for (bits, closing) in [
            (0, false),
            (FIN_SENT, false),
            (FIN_RECEIVED, false),
            (FIN_SENT | FIN_RECEIVED, true),
            (RESET, true),
            (RESET | FIN_SENT, true),
        ] {
            assert_eq!(is_closing(bits), closing, "{bits}");
        }
    }
}
