//! Flow entries: a connection is two of them.
//!
//! The parts are aligned to 8 although 4 would do: the verifier wants stack accesses aligned, and the compiler, which may
//! use misaligned ones on packets, copies them eight bytes at a time.

use crate::control::Validity;
use crate::wire::protocol;
use crate::{Device, DropReason, Ip4, Mac, Port};
use bytemuck::{Pod, Zeroable};
use core::fmt;

/// What a packet is recognised by: the device it came in by and its five-tuple as seen there.
///
/// Exactly 16 bytes: behind the kernel's 48 bytes of element header this puts the entry on a cache line.
/// In the place of ports ICMP has type and code, then the identifier; protocols without ports have zeros.
///
/// Two whole words, from the lowest byte up: protocol, device, source; destination and ports as they stand in the packet.
/// As fields the compiler writes it in small pieces, and a lookup that reads it in words then waits for the stores; or it
/// takes it apart on the stack, misaligned, which the verifier refuses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct FlowKey([u64; 2]);

impl FlowKey {
    /// The key of a packet whose source is the four bytes of `source`, and whose destination, source port and destination
    /// port are the bytes of `rest`, as they stand in the packet.
    #[must_use]
    #[inline(always)]
    pub const fn from_wire(device: Device, protocol: u8, source: [u8; 4], rest: [u8; 8]) -> Self {
        let device_protocol = (device.0 << 8 | protocol as u32) as u64;
        Self([
            device_protocol | (u32::from_le_bytes(source) as u64) << 32,
            u64::from_le_bytes(rest),
        ])
    }

    #[must_use]
    #[inline(always)]
    pub const fn new(device: Device, protocol: u8, src: Ip4, dst: Ip4, src_port: Port, dst_port: Port) -> Self {
        let rest = u32::from_le_bytes(dst.0) as u64
            | (u16::from_le_bytes(src_port.0) as u64) << 32
            | (u16::from_le_bytes(dst_port.0) as u64) << 48;
        Self::from_wire(device, protocol, src.0, rest.to_le_bytes())
    }

    #[must_use]
    #[inline(always)]
    pub const fn device(&self) -> Device {
        Device(self.0[0] as u32 >> 8)
    }

    #[must_use]
    #[inline(always)]
    pub const fn protocol(&self) -> u8 {
        self.0[0] as u8
    }

    #[must_use]
    #[inline(always)]
    pub const fn src(&self) -> Ip4 {
        Ip4(((self.0[0] >> 32) as u32).to_le_bytes())
    }

    #[must_use]
    #[inline(always)]
    pub const fn dst(&self) -> Ip4 {
        Ip4((self.0[1] as u32).to_le_bytes())
    }

    #[must_use]
    #[inline(always)]
    pub const fn src_port(&self) -> Port {
        Port(((self.0[1] >> 32) as u16).to_le_bytes())
    }

    #[must_use]
    #[inline(always)]
    pub const fn dst_port(&self) -> Port {
        Port(((self.0[1] >> 48) as u16).to_le_bytes())
    }

    /// The same packet's answer, as it would come in by another device.
    #[must_use]
    #[inline(always)]
    pub const fn reversed(&self, device: Device) -> Self {
        let protocol = self.protocol();
        let (src_port, dst_port) = if protocol == protocol::ICMP {
            (answer(self.src_port()), self.dst_port())
        } else {
            (self.dst_port(), self.src_port())
        };
        Self::new(device, protocol, self.dst(), self.src(), src_port, dst_port)
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (device, protocol) = (self.device().0, self.protocol());
        write!(
            f,
            "{device}: {protocol} {}:{} > {}:{}",
            self.src(),
            self.src_port(),
            self.dst(),
            self.dst_port()
        )
    }
}

/// Type and code of the ICMP message that answers this one, and the other way round (RFC 792, RFC 950).
/// A type without an answer answers itself.
#[inline(always)]
const fn answer(type_code: Port) -> Port {
    let [icmp_type, code] = type_code.0;
    let answer = match icmp_type {
        0 => 8,
        8 => 0,
        13 => 14,
        14 => 13,
        15 => 16,
        16 => 15,
        17 => 18,
        18 => 17,
        other => other,
    };
    Port([answer, code])
}

/// What happens to the packets of an entry. Never changes after the entry is inserted: a new action is a new entry.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C, align(8))]
pub struct Action {
    /// The source MAC a frame must have to be of this flow.
    pub near_mac: Mac,
    /// The MAC of the ENI it is delivered to.
    pub far_mac: Mac,
    /// The device of the ENI it is delivered to.
    pub out: Device,
    /// One of [`kind`].
    pub kind: u8,
    /// [`action_flag`] bits.
    pub flags: u8,
    /// Why, if the kind is [`kind::DROP`].
    pub reason: DropReason,
    /// The five-tuple as it leaves. Nothing translates yet, so it is the key's; the twin's key is made from it.
    pub src: Ip4,
    pub dst: Ip4,
    pub src_port: Port,
    pub dst_port: Port,
}

/// What is done with a packet. Zero drops, so that a row of zeros does.
pub mod kind {
    pub const DROP: u8 = 0;
    /// `bpf_redirect_peer`: into the guest's end of a veth pair.
    pub const PEER: u8 = 1;
    /// `bpf_redirect` with the mark: out of a tap.
    pub const TAP: u8 = 2;
}

pub mod action_flag {
    /// The frame was addressed to the router; its MACs are rewritten. Otherwise it was switched and stays as it is.
    pub const ROUTED: u8 = 1;
    /// The direction of the replies; the other entry is that of the connection's first packet.
    pub const REPLY: u8 = 2;
}

/// An action in whole words, as the fast path reads it: by its fields the compiler loads it piece by piece.
#[derive(Clone, Copy, Debug)]
pub struct ActionWords([u64; 4]);

impl ActionWords {
    /// [`Mac::to_le_bits`] of `near_mac`.
    #[must_use]
    #[inline(always)]
    pub const fn near_mac(&self) -> u64 {
        self.0[0] & 0xffff_ffff_ffff
    }

    /// [`Mac::to_le_bits`] of `far_mac`.
    #[must_use]
    #[inline(always)]
    pub const fn far_mac(&self) -> u64 {
        self.0[0] >> 48 | (self.0[1] & 0xffff_ffff) << 16
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
        self.0[2] & (action_flag::ROUTED as u64) << 8 != 0
    }
}

impl Action {
    #[must_use]
    #[inline(always)]
    pub fn to_words(&self) -> ActionWords {
        ActionWords(bytemuck::cast(*self))
    }

    #[must_use]
    pub const fn is_reply(&self) -> bool {
        self.flags & action_flag::REPLY != 0
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
    /// How long an established connection may be idle at this ENI, in seconds.
    pub limit: u32,
    /// The rule that admitted the first packet.
    pub rule: u16,
    /// [`gate_flag`] bits.
    pub flags: u8,
    pub reserved: u8,
}

pub mod gate_flag {
    /// The ENI has state of the connection; without, every change of the configuration asks the rules anew.
    pub const TRACKED: u8 = 1;
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
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct FlowEntry {
    pub key: FlowKey,
    /// Different for any two insertions on this host since boot.
    pub stamp: u64,
    pub validity: Validity,
    pub action: Action,
    pub last_seen: u64,
    pub packets: u64,
    pub bytes: u64,
    /// One of [`state`].
    pub state: u32,
    /// [`tcp_seen`] bits. Anything but zero leaves the fast path.
    pub tcp: u32,
    /// The gate of the ENI this direction leaves from.
    pub near: Gate,
    /// The gate of the ENI this direction arrives at.
    pub far: Gate,
    /// The ENI this direction's packets answer to or are answered by: where the other entry's packets come in. It is
    /// `action.out` unless the way back takes another route than the way there.
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
pub mod tcp_seen {
    pub const FIN_SENT: u32 = 1;
    pub const FIN_RECEIVED: u32 = 2;
    pub const RESET: u32 = 4;

    /// The connection is over but for stragglers.
    #[must_use]
    pub const fn is_closing(bits: u32) -> bool {
        bits & RESET != 0 || bits & (FIN_SENT | FIN_RECEIVED) == FIN_SENT | FIN_RECEIVED
    }
}

impl FlowEntry {
    /// The key of the connection's other entry.
    #[must_use]
    #[inline(always)]
    pub const fn twin_key(&self) -> FlowKey {
        let left = FlowKey::new(
            self.twin_device,
            self.key.protocol(),
            self.action.src,
            self.action.dst,
            self.action.src_port,
            self.action.dst_port,
        );
        left.reversed(self.twin_device)
    }
}

/// A slot of the reclaim ring: a queue of connections, oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct RingSlot {
    /// The key of the connection's first packet.
    pub key: FlowKey,
    /// The low half of that entry's stamp: a slot whose entry has another one is stale.
    pub stamp: u32,
    /// The low half of the position the slot was filled for, plus one. Written last: until then the slot is not there.
    pub turn: u32,
}

plain!(FlowKey = 16, Action = 32, Gate = 8, FlowEntry = 128, RingSlot = 24);

const _: () = assert!(
    core::mem::offset_of!(FlowEntry, last_seen) == 64,
    "the action ends the first cache line"
);
const _: () = assert!(core::mem::offset_of!(FlowEntry, stamp_end) == 120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_from_the_wire_is_the_key_of_its_fields() {
        let key = FlowKey::from_wire(Device(0x01_0203), 17, [10, 0, 1, 4], [10, 0, 2, 5, 0x12, 0x34, 0, 53]);
        let (src, dst) = (Ip4([10, 0, 1, 4]), Ip4([10, 0, 2, 5]));
        assert_eq!(
            key,
            FlowKey::new(Device(0x01_0203), 17, src, dst, Port::new(0x1234), Port::new(53))
        );
        assert_ne!(
            key,
            FlowKey::new(Device(0x01_0203), 17, src, dst, Port::new(0x1234), Port::new(54))
        );
    }

    #[test]
    fn an_action_in_words_says_what_its_fields_say() {
        let action = Action {
            near_mac: Mac([1, 2, 3, 4, 5, 6]),
            far_mac: Mac([7, 8, 9, 10, 11, 12]),
            out: Device(0x0a_bcde),
            kind: kind::TAP,
            flags: action_flag::ROUTED,
            reason: DropReason(7),
            ..Action::default()
        };
        let words = action.to_words();
        assert_eq!(
            (words.near_mac(), words.far_mac()),
            (action.near_mac.to_le_bits(), action.far_mac.to_le_bits())
        );
        assert_eq!(
            (words.out(), words.kind(), words.is_routed()),
            (action.out, action.kind, true)
        );
        let reply = Action {
            flags: action_flag::REPLY,
            ..action
        };
        assert!(!reply.to_words().is_routed());
    }

    #[test]
    fn the_answer_to_an_answer_is_the_question() {
        for protocol in [protocol::ICMP, protocol::TCP, 47] {
            for icmp_type in 0..=255 {
                let key = FlowKey::new(
                    Device(7),
                    protocol,
                    Ip4([1; 4]),
                    Ip4([2; 4]),
                    Port([icmp_type, 3]),
                    Port::new(9),
                );
                assert_eq!(key.reversed(Device(8)).reversed(Device(7)), key);
            }
        }
    }

    #[test]
    fn echo_answers_echo() {
        let ping = FlowKey::new(
            Device(7),
            protocol::ICMP,
            Ip4([1; 4]),
            Ip4([2; 4]),
            Port([8, 0]),
            Port::new(9),
        );
        let pong = FlowKey::new(
            Device(8),
            protocol::ICMP,
            Ip4([2; 4]),
            Ip4([1; 4]),
            Port([0, 0]),
            Port::new(9),
        );
        assert_eq!(ping.reversed(Device(8)), pong);
    }

    #[test]
    fn device_and_protocol_share_a_word_without_touching() {
        let key = FlowKey::new(
            Device::MAX,
            255,
            Ip4::UNSPECIFIED,
            Ip4::UNSPECIFIED,
            Port::NONE,
            Port::NONE,
        );
        assert_eq!((key.device(), key.protocol()), (Device::MAX, 255));
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
