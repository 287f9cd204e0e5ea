//! Network address translation on the bytes: addresses, ports and identifiers, TTL, and every checksum that depends on
//! them; of an ICMP error also the packet that it quotes (semantics 9.2, 10.2, 10.3).

use crate::Frame;
use crate::checksum::{add, adjusted, difference, sum};
use crate::family::Family;
use crate::packet::{Packet, packet_flag, tcp_flag};
use crate::scratch::Scratch;
use groundplane_abi::flow::{Action, FlowKey};
use groundplane_abi::wire::protocol;
use groundplane_abi::{DropReason, Ip, Ip4, Ip6, Port};

const ETHERNET_LEN: u32 = 14;
const HEADER_LEN: u32 = 20;
const TCP_CHECKSUM: u32 = 16;
const UDP_CHECKSUM: u32 = 6;
const ICMP_CHECKSUM: u32 = 2;
const ICMP_IDENTIFIER: u32 = 4;
const ICMP_QUOTE: u32 = 8;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Translation<I: Ip> {
    /// As it came, and as it leaves, on no matter which device.
    pub from: FlowKey<I>,
    pub to: FlowKey<I>,
    /// What is taken off the TTL.
    pub hops: u8,
    pub header_len: u8,
    /// One of [`part`].
    pub part: u8,
}

/// What of the packet is there beside the IP header.
pub mod part {
    /// The whole transport header.
    pub const TRANSPORT: u8 = 0;
    /// None: a later fragment.
    pub const NOTHING: u8 = 1;
    /// An ICMP error, which has no identifier.
    pub const ERROR: u8 = 2;
}

impl<I: Family> Translation<I> {
    /// Of an established packet, which has no options.
    #[inline(always)]
    pub(crate) fn of(from: &FlowKey<I>, (src, dst, src_port, dst_port): (I, I, Port, Port), hops: u8) -> Self {
        Self {
            from: *from,
            to: FlowKey::new(from.device(), from.protocol(), src, dst, src_port, dst_port),
            hops,
            header_len: I::HEADER_LEN as u8,
            part: part::TRANSPORT,
        }
    }
}

/// The key of a packet as it leaves by an action.
#[inline(always)]
fn leaving<I: Ip>(from: &FlowKey<I>, action: &Action<I>) -> FlowKey<I> {
    FlowKey::new(
        from.device(),
        from.protocol(),
        action.src,
        action.dst,
        action.delivery.src_port,
        action.delivery.dst_port,
    )
}

/// Carries out on the frame what the slow path has found.
pub fn translate<I: Family>(frame: &mut impl Frame, scratch: &Scratch<I>) -> Result<(), DropReason> {
    let packet = &scratch.there.packet;
    let part = if packet.has(packet_flag::ICMP_ERROR) {
        part::ERROR
    } else if packet.has(packet_flag::FRAGMENT) && scratch.first_fragment == 0 {
        part::NOTHING
    } else {
        part::TRANSPORT
    };
    let translation = Translation {
        from: scratch.entry.key,
        to: leaving(&scratch.entry.key, &scratch.entry.action),
        hops: scratch.verdict.hops,
        header_len: packet.header_len,
        part,
    };
    if part == part::ERROR && packet.has(packet_flag::QUOTES) {
        translate_quote(frame, scratch)?;
    }
    I::translate(frame, &translation).ok_or(DropReason::TRUNCATED)
}

fn translate_quote<I: Family>(frame: &mut impl Frame, scratch: &Scratch<I>) -> Result<(), DropReason> {
    let header_len = u32::from(scratch.there.packet.header_len);
    I::translate_quote(frame, ETHERNET_LEN + header_len, &scratch.there.quoted).ok_or(DropReason::TRUNCATED)
}

/// Gives an IPv4 header other addresses and a lower TTL.
#[inline(always)]
fn readdress(frame: &mut impl Frame, offset: u32, [src, dst]: [Ip4; 2], hops: u8) -> Option<()> {
    // TTL, protocol and checksum; the addresses.
    let [first, old_src, old_dst] = frame.words::<3>(offset + 8)?;
    let (src, dst) = (word(src), word(dst));
    let ttl = (first & 0xff).wrapping_sub(u32::from(hops)) & 0xff;
    let lowered = first & 0xff00 | ttl;
    let changed = add(difference(old_src, src), difference(old_dst, dst));
    let checksum = adjusted((first >> 16) as u16, add(changed, difference(first & 0xffff, lowered)));
    frame.store_words(offset + 8, [lowered | u32::from(checksum) << 16, src, dst])
}

/// An address as it stands in a little-endian word of a frame.
#[inline(always)]
const fn word(address: Ip4) -> u32 {
    u32::from_le_bytes(address.0)
}

#[inline(always)]
const fn ports(key: &FlowKey<Ip4>) -> u32 {
    (key.0[1] >> 32) as u32
}

/// What the sum of the addresses changes by.
#[inline(always)]
fn of_addresses(from: &FlowKey<Ip4>, to: &FlowKey<Ip4>) -> u32 {
    add(
        difference(word(from.src()), word(to.src())),
        difference(word(from.dst()), word(to.dst())),
    )
}

#[inline(always)]
pub(crate) fn translate4(frame: &mut impl Frame, translation: &Translation<Ip4>) -> Option<()> {
    let Translation { from, to, .. } = translation;
    let transport = ETHERNET_LEN + u32::from(translation.header_len);
    // Checksums first: where the frame ends before one, nothing has been changed.
    match (translation.part, from.protocol()) {
        (part::TRANSPORT, protocol::TCP) => {
            translate_ports(frame, translation, [transport, transport + TCP_CHECKSUM], false)?;
        }
        (part::TRANSPORT, protocol::UDP) => {
            translate_ports(frame, translation, [transport, transport + UDP_CHECKSUM], true)?;
        }
        (part::TRANSPORT, protocol::ICMP) => translate_identifier(frame, transport, from.dst_port(), to.dst_port())?,
        _ => {}
    }
    readdress(frame, ETHERNET_LEN, [to.src(), to.dst()], translation.hops)
}

#[inline(always)]
fn translate_ports(
    frame: &mut impl Frame,
    Translation { from, to, .. }: &Translation<Ip4>,
    [transport, checksum]: [u32; 2],
    is_optional: bool,
) -> Option<()> {
    frame.adjust_checksum(checksum, of_addresses(from, to), true, is_optional)?;
    if ports(from) == ports(to) {
        return Some(());
    }
    frame.adjust_checksum(checksum, difference(ports(from), ports(to)), false, is_optional)?;
    frame.store_words(transport, [ports(to)])
}

#[inline(always)]
fn translate_identifier(frame: &mut impl Frame, transport: u32, from: Port, to: Port) -> Option<()> {
    if from == to {
        return Some(());
    }
    let [from_bits, to_bits] = [from, to].map(|port| u32::from(u16::from_le_bytes(port.0)));
    frame.adjust_checksum(transport + ICMP_CHECKSUM, difference(from_bits, to_bits), false, false)?;
    frame.store(transport + ICMP_IDENTIFIER, to.0)
}

/// Gives the packet that an ICMP error quotes other addresses and ports.
///
/// What changes in its IP header leaves the sum of that as it is, since the header's checksum is a part of it; so the
/// ICMP checksum depends on the ports alone. The quote's own transport checksum stays: of most it isn't there.
#[inline(always)]
pub(crate) fn translate_quote4(frame: &mut impl Frame, icmp: u32, quoted: &FlowKey<Ip4>) -> Option<()> {
    let quote = icmp + ICMP_QUOTE;
    let [version_len, _] = frame.load::<2>(quote)?;
    let transport = quote + u32::from(version_len & 0x0f) * 4;
    let has_ports = matches!(quoted.protocol(), protocol::TCP | protocol::UDP);
    if has_ports {
        let [old] = frame.words::<1>(transport)?;
        if old != ports(quoted) {
            frame.adjust_checksum(icmp + ICMP_CHECKSUM, difference(old, ports(quoted)), false, false)?;
            frame.store_words(transport, [ports(quoted)])?;
        }
    } else if quoted.protocol() == protocol::ICMP {
        let old = frame.load::<2>(transport + ICMP_IDENTIFIER)?;
        let [from, to] = [old, quoted.dst_port().0].map(|port| u32::from(u16::from_le_bytes(port)));
        if from != to && Ip4::has_icmp_identifier(quoted.src_port().0[0]) {
            frame.adjust_checksum(icmp + ICMP_CHECKSUM, difference(from, to), false, false)?;
            frame.store(transport + ICMP_IDENTIFIER, quoted.dst_port().0)?;
        }
    }
    readdress(frame, quote, [quoted.src(), quoted.dst()], 0)
}

const HEADER6_LEN: u32 = 40;

/// The same for IPv6, whose header has no checksum, and whose ICMP has the addresses in its own.
#[inline(always)]
pub(crate) fn translate6(frame: &mut impl Frame, translation: &Translation<Ip6>) -> Option<()> {
    let Translation { from, to, .. } = translation;
    let transport = ETHERNET_LEN + u32::from(translation.header_len);
    let addresses = add(
        difference(sum(from.src().0), sum(to.src().0)),
        difference(sum(from.dst().0), sum(to.dst().0)),
    );
    match (translation.part, from.protocol()) {
        (part::TRANSPORT, protocol::TCP | protocol::UDP) => {
            let is_udp = from.protocol() == protocol::UDP;
            let checksum = transport + if is_udp { UDP_CHECKSUM } else { TCP_CHECKSUM };
            let [old, new] = [from, to].map(|key| word_of(key.src_port().0, key.dst_port().0));
            frame.adjust_checksum(checksum, addresses, true, is_udp)?;
            frame.adjust_checksum(checksum, difference(old, new), false, is_udp)?;
            frame.store_words(transport, [new])?;
        }
        (part::TRANSPORT, protocol::ICMPV6) => {
            frame.adjust_checksum(transport + ICMP_CHECKSUM, addresses, true, false)?;
            translate_identifier(frame, transport, from.dst_port(), to.dst_port())?;
        }
        (part::ERROR, _) => frame.adjust_checksum(transport + ICMP_CHECKSUM, addresses, true, false)?,
        _ => {}
    }
    let [first, second] = frame.words::<2>(ETHERNET_LEN)?;
    let hop_limit = (second >> 24).wrapping_sub(u32::from(translation.hops)) << 24;
    frame.store_words(ETHERNET_LEN, [first, second & 0xff_ffff | hop_limit])?;
    frame.store_words(ETHERNET_LEN + 8, to.src().0)?;
    frame.store_words(ETHERNET_LEN + 24, to.dst().0)
}

/// A word as it stands in a frame.
#[inline(always)]
const fn word_of([a, b]: [u8; 2], [c, d]: [u8; 2]) -> u32 {
    u32::from_le_bytes([a, b, c, d])
}

/// The same for IPv6: what changes in the quote changes the sum of the error.
#[inline(always)]
pub(crate) fn translate_quote6(frame: &mut impl Frame, icmp: u32, quoted: &FlowKey<Ip6>) -> Option<()> {
    let quote = icmp + ICMP_QUOTE;
    let transport = quote + HEADER6_LEN;
    let [s0, s1, s2, s3, d0, d1, d2, d3] = frame.words::<8>(quote + 8)?;
    let old = sum([s0, s1, s2, s3, d0, d1, d2, d3]);
    let new = add(sum(quoted.src().0), sum(quoted.dst().0));
    frame.adjust_checksum(icmp + ICMP_CHECKSUM, difference(old, new), false, false)?;
    let at = if matches!(quoted.protocol(), protocol::TCP | protocol::UDP) {
        0
    } else {
        ICMP_IDENTIFIER
    };
    let [old] = frame.words::<1>(transport + at)?;
    let new = if at == 0 {
        word_of(quoted.src_port().0, quoted.dst_port().0)
    } else {
        old & 0xffff_0000 | u32::from(u16::from_le_bytes(quoted.dst_port().0))
    };
    frame.adjust_checksum(icmp + ICMP_CHECKSUM, difference(old, new), false, false)?;
    frame.store_words(transport + at, [new])?;
    frame.store_words(quote + 8, quoted.src().0)?;
    frame.store_words(quote + 24, quoted.dst().0)
}

/// Lowers the MSS option of a segment that opens a connection (semantics 23). Never raises it.
pub fn clamp<I: Family>(frame: &mut impl Frame, packet: &Packet<I>) -> Result<(), DropReason> {
    const MOST_OPTIONS: u32 = 10;
    const MSS: u8 = 2;
    const NO_OPERATION: u8 = 1;
    // A later fragment has no flags.
    if packet.protocol != protocol::TCP || packet.tcp_flags & tcp_flag::SYN == 0 {
        return Ok(());
    }
    let transport = ETHERNET_LEN + u32::from(packet.header_len);
    let Some([data_offset, _]) = frame.load::<2>(transport + 12) else {
        return Ok(());
    };
    let end = u32::from(data_offset >> 4) * 4;
    let mut at = HEADER_LEN;
    for _ in 0..MOST_OPTIONS {
        if at + 4 > end {
            break;
        }
        let Some([kind, len, high, low]) = frame.load::<4>(transport + at) else {
            break;
        };
        if kind == MSS && len == 4 {
            return lower(frame, transport, at + 2, [high, low], I::COMPONENT_MSS).ok_or(DropReason::TRUNCATED);
        }
        if kind == NO_OPERATION {
            at += 1;
        } else if kind == 0 || len < 2 {
            break;
        } else {
            at += u32::from(len);
        }
    }
    Ok(())
}

/// Lowers the two bytes at an offset of a TCP header. At an odd place they are halves of two words, which swaps them in
/// the sum.
#[inline(always)]
fn lower(frame: &mut impl Frame, transport: u32, at: u32, old: [u8; 2], most: u16) -> Option<()> {
    if u16::from_be_bytes(old) <= most {
        return Some(());
    }
    let new = most.to_be_bytes();
    let word = |[high, low]: [u8; 2]| {
        let bytes = if at & 1 == 0 { [high, low] } else { [low, high] };
        u32::from(u16::from_le_bytes(bytes))
    };
    frame.adjust_checksum(transport + TCP_CHECKSUM, difference(word(old), word(new)), false, false)?;
    frame.store(transport + at, new)
}
