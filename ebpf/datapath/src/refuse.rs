//! Telling a sender that its packet was dropped: ICMP errors (semantics 23, 10.2), and the reset by which a NAT gateway
//! or a load balancer ends a connection that it has forgotten (semantics 10.5, 13.6).
//!
//! An answer is written over the packet it is about, which goes back to its sender.

use crate::checksum::{add, fold, halves, sum};
use crate::family::Family;
use crate::packet::{packet_flag, tcp_flag};
use crate::rewrite::readdress;
use crate::scratch::Scratch;
use crate::security_group::ask;
use crate::stages::Stages;
use crate::verdict::{Verdict, rewrite};
use crate::{Frame, eni};
use groundplane_abi::flow::gate_flag;
use groundplane_abi::nacl::direction;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, GroupSetId, Ip4, Ip6, Mac, Port};

const ETHERNET_LEN: u32 = 14;

/// Whether a sender is told of a reason. No component is, and whoever is outside only by a load balancer that has
/// forgotten its connection.
#[inline(always)]
pub(crate) fn is_told(reason: DropReason, sender: Device) -> bool {
    if sender == Device::INTERNET || sender.is_component() {
        return sender == Device::INTERNET && reason == DropReason::BALANCER_RESET;
    }
    matches!(
        reason,
        DropReason::PATH_MTU_EXCEEDED | DropReason::HOP_LIMIT | DropReason::NAT_IDLE_RESET | DropReason::BALANCER_RESET
    )
}

/// How the sender is told: one of [`rewrite`], which is none if it isn't.
pub fn refuse<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> u8 {
    let reason = DropReason(scratch.refused as u16);
    let packet = &scratch.there.packet;
    let is_later_fragment = packet.has(packet_flag::FRAGMENT) && scratch.first_fragment == 0;
    // Errors about errors and about fragments without a header nobody sends (RFC 1122 section 3.2.2); and behind
    // options the quote isn't where it is looked for.
    if is_later_fragment || packet.has(packet_flag::ICMP_ERROR | packet_flag::OPTIONS) {
        return rewrite::NONE;
    }
    let is_reset = packet.tcp_flags & tcp_flag::RST != 0 || packet.has(packet_flag::FRAGMENT);
    if scratch.there.near_device == Device::INTERNET {
        return if is_reset { rewrite::NONE } else { rewrite::RESET };
    }
    scratch
        .back
        .begin(scratch.there.near_device, scratch.there.generation, scratch.there.now);
    if eni::load_near(stages, &mut scratch.back).is_err() {
        return rewrite::NONE;
    }
    let (what, how) = match reason {
        DropReason::NAT_IDLE_RESET | DropReason::BALANCER_RESET => {
            return if is_reset { rewrite::NONE } else { rewrite::RESET };
        }
        DropReason::HOP_LIMIT => (I::HOP_LIMIT, rewrite::HOP_LIMIT),
        _ => (I::TOO_BIG, rewrite::TOO_BIG),
    };
    scratch.refuser = if reason == DropReason::HOP_LIMIT {
        scratch.there.refuser
    } else {
        I::router(&scratch.back.place)
    };
    if scratch.refuser == I::default() {
        return rewrite::NONE;
    }
    if admits(stages, scratch, what) {
        how
    } else {
        rewrite::NONE
    }
}

/// Whether the sender's ENI lets the error in: its NACL, and its groups unless the connection that it speaks of isn't
/// tracked there or automatically so (semantics 7.6).
#[inline(always)]
fn admits<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>, what: [u8; 2]) -> bool {
    // What passes a NAT gateway is automatically tracked; anything else has an entry.
    let is_automatic = DropReason(scratch.refused as u16) == DropReason::HOP_LIMIT;
    let gate = scratch.entry.near;
    let back = &mut scratch.back;
    back.packet.src = scratch.refuser;
    back.packet.dst = scratch.entry.key.src();
    back.packet.protocol = I::ICMP;
    back.packet.src_port = Port(what);
    back.direction = direction::INGRESS;
    if !stages.judge_by_nacl(back).is_none() {
        return false;
    }
    if is_automatic || !gate.is_tracked() || gate.flags & gate_flag::AUTOMATIC != 0 {
        return true;
    }
    ask(
        &mut back.question,
        &back.packet,
        back.near.group_set,
        direction::INGRESS,
    );
    back.question.member_of = GroupSetId::NONE;
    stages.classify(back).is_none() && back.question.rule != 0
}

/// Writes the answer in the place of the packet.
pub fn write<I: Family>(frame: &mut impl Frame, scratch: &Scratch<I>) -> Result<(), DropReason> {
    let verdict = &scratch.verdict;
    let written = match verdict.rewrite {
        rewrite::RESET => I::write_reset(frame, verdict),
        rewrite::HOP_LIMIT => I::write_error(frame, I::HOP_LIMIT, scratch.refuser, verdict),
        _ => I::write_error(frame, I::TOO_BIG, scratch.refuser, verdict),
    };
    written.ok_or(DropReason::TRUNCATED)
}

const VERSION_4: u16 = 0x4500;
const TTL: u16 = 64;

/// Writes an IPv4 header without options.
#[inline(always)]
fn write_header4(frame: &mut impl Frame, len: u16, protocol: u8, [src, dst]: [u32; 2]) -> Option<()> {
    let first = halves(VERSION_4, len);
    let third = halves(TTL << 8 | u16::from(protocol), 0);
    let checksum = !fold(sum([first, third, src, dst]));
    frame.store_words(ETHERNET_LEN, [first, 0, third | u32::from(checksum) << 16, src, dst])
}

const HEADER4: u32 = 20;
const HEADER6: u32 = 40;
const ICMP_LEN: u32 = 8;

/// The error quotes the IP header and eight bytes (RFC 792).
#[inline(always)]
pub(crate) fn write_error4(
    frame: &mut impl Frame,
    [icmp_type, code]: [u8; 2],
    source: Ip4,
    verdict: &Verdict,
) -> Option<()> {
    const LEN: u32 = HEADER4 + ICMP_LEN + HEADER4 + 8;
    let quote = frame.words::<7>(ETHERNET_LEN)?;
    frame.resize(ETHERNET_LEN + LEN)?;
    frame.store_words(ETHERNET_LEN + HEADER4 + ICMP_LEN, quote)?;
    let first = u32::from(icmp_type) | u32::from(code) << 8;
    // The MTU of the next hop (RFC 1191).
    let mtu = if icmp_type == Ip4::TOO_BIG[0] {
        halves(0, verdict.mtu)
    } else {
        0
    };
    let checksum = !fold(add(sum(quote), add(first, mtu)));
    frame.store_words(ETHERNET_LEN + HEADER4, [first | u32::from(checksum) << 16, mtu])?;
    let [.., sender, _, _, _] = quote;
    write_header4(
        frame,
        LEN as u16,
        protocol::ICMP,
        [u32::from_le_bytes(source.0), sender],
    )?;
    readdress(frame, verdict.mac, Mac::ROUTER)
}

/// The same (RFC 4443 sections 3.2, 3.3).
#[inline(always)]
pub(crate) fn write_error6(
    frame: &mut impl Frame,
    [icmp_type, code]: [u8; 2],
    source: Ip6,
    verdict: &Verdict,
) -> Option<()> {
    const PAYLOAD_LEN: u32 = ICMP_LEN + HEADER6 + 8;
    const QUOTE: u32 = ETHERNET_LEN + HEADER6 + ICMP_LEN;
    let header = frame.words::<10>(ETHERNET_LEN)?;
    let beginning = frame.words::<2>(ETHERNET_LEN + HEADER6)?;
    frame.resize(ETHERNET_LEN + HEADER6 + PAYLOAD_LEN)?;
    frame.store_words(QUOTE, header)?;
    frame.store_words(QUOTE + HEADER6, beginning)?;
    let [_, _, a, b, c, d, ..] = header;
    let sender = [a, b, c, d];
    let first = u32::from(icmp_type) | u32::from(code) << 8;
    let mtu = if icmp_type == Ip6::TOO_BIG[0] {
        halves(0, verdict.mtu)
    } else {
        0
    };
    let pseudo = add(
        halves(PAYLOAD_LEN as u16, u16::from(protocol::ICMPV6)),
        add(sum(source.0), sum(sender)),
    );
    let quote = add(sum(header), sum(beginning));
    let checksum = !fold(add(add(pseudo, quote), add(first, mtu)));
    frame.store_words(ETHERNET_LEN + HEADER6, [first | u32::from(checksum) << 16, mtu])?;
    write_header6(frame, PAYLOAD_LEN as u16, protocol::ICMPV6, [source.0, sender])?;
    readdress(frame, verdict.mac, Mac::ROUTER)
}

/// What a reset says of the segment that it answers.
struct Reset {
    ports: u32,
    sequence: u32,
    acknowledgement: u32,
    flags: u32,
}

impl Reset {
    const LEN: u32 = 20;

    /// RFC 9293 section 3.5.2: a segment with an acknowledgement is reset where it is acknowledged, another one is
    /// acknowledged itself. Of the segment's first words, and of its length.
    #[inline(always)]
    const fn to([ports, sequence, acknowledgement, flags]: [u32; 4], len: u32) -> Self {
        const SMALLEST_HEADER: u16 = 5 << 12;
        let tcp_flags = (flags >> 8) as u8;
        let data_len = len.wrapping_sub((flags >> 4 & 0xf) * 4);
        let counted = (tcp_flags & (tcp_flag::SYN | tcp_flag::FIN) != 0) as u32;
        let end = sequence.swap_bytes().wrapping_add(data_len).wrapping_add(counted);
        let (sequence, acknowledgement, answer) = if tcp_flags & tcp_flag::ACK != 0 {
            (acknowledgement, 0, tcp_flag::RST)
        } else {
            (0, end.swap_bytes(), tcp_flag::RST | tcp_flag::ACK)
        };
        Self {
            ports: ports.rotate_left(16),
            sequence,
            acknowledgement,
            flags: halves(SMALLEST_HEADER | answer as u16, 0),
        }
    }

    /// Writes the segment, given the sum of the addresses.
    #[inline(always)]
    fn write(&self, frame: &mut impl Frame, offset: u32, addresses: u32) -> Option<()> {
        let words = [self.ports, self.sequence, self.acknowledgement, self.flags];
        let pseudo = add(halves(u16::from(protocol::TCP), Self::LEN as u16), addresses);
        let checksum = !fold(add(pseudo, sum(words)));
        let [ports, sequence, acknowledgement, flags] = words;
        frame.store_words(offset, [ports, sequence, acknowledgement, flags, u32::from(checksum)])
    }
}

#[inline(always)]
pub(crate) fn write_reset4(frame: &mut impl Frame, verdict: &Verdict) -> Option<()> {
    const LEN: u32 = HEADER4 + Reset::LEN;
    let [first, _, _, src, dst, ports, sequence, acknowledgement, flags] = frame.words::<9>(ETHERNET_LEN)?;
    let total_len = u32::from(((first >> 16) as u16).swap_bytes());
    let segment = [ports, sequence, acknowledgement, flags];
    let reset = Reset::to(segment, total_len.wrapping_sub(HEADER4));
    frame.resize(ETHERNET_LEN + LEN)?;
    reset.write(frame, ETHERNET_LEN + HEADER4, add(src, dst))?;
    write_header4(frame, LEN as u16, protocol::TCP, [dst, src])?;
    readdress(frame, verdict.mac, Mac::ROUTER)
}

#[inline(always)]
pub(crate) fn write_reset6(frame: &mut impl Frame, verdict: &Verdict) -> Option<()> {
    let [_, second, s0, s1, s2, s3, d0, d1, d2, d3] = frame.words::<10>(ETHERNET_LEN)?;
    let segment = frame.words::<4>(ETHERNET_LEN + HEADER6)?;
    let reset = Reset::to(segment, u32::from((second as u16).swap_bytes()));
    let (src, dst) = ([d0, d1, d2, d3], [s0, s1, s2, s3]);
    frame.resize(ETHERNET_LEN + HEADER6 + Reset::LEN)?;
    reset.write(frame, ETHERNET_LEN + HEADER6, add(sum(src), sum(dst)))?;
    write_header6(frame, Reset::LEN as u16, protocol::TCP, [src, dst])?;
    readdress(frame, verdict.mac, Mac::ROUTER)
}

/// Writes an IPv6 header.
#[inline(always)]
fn write_header6(frame: &mut impl Frame, payload_len: u16, protocol: u8, [src, dst]: [[u32; 4]; 2]) -> Option<()> {
    let lengths = halves(payload_len, u16::from(protocol) << 8 | TTL);
    frame.store_words(ETHERNET_LEN, [0x60, lengths])?;
    frame.store_words(ETHERNET_LEN + 8, src)?;
    frame.store_words(ETHERNET_LEN + 24, dst)
}
