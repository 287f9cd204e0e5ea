//! ICMP errors between the families (RFC 7915 sections 4.2, 4.3, 5.2, 5.3). What comes out quotes an IP header and
//! eight bytes, however much went in.

use super::{ETHERNET_LEN, HEADER4, HEADER6, Header, LARGER, echo4, echo6, embedded, pseudo_header};
use crate::Frame;
use crate::checksum::{add, fold, halves, sum};
use groundplane_abi::Ip6;
use groundplane_abi::wire::protocol;

const ICMP_LEN: u32 = 8;
const BEGINNING: u32 = 8;
const MINIMUM_MTU6: u16 = 1280;

#[inline(always)]
pub(super) fn to_ip4(frame: &mut impl Frame, header: Header, [src, dst]: [u32; 2]) -> Option<()> {
    const ICMP: u32 = ETHERNET_LEN + HEADER6;
    const QUOTE: u32 = ICMP + ICMP_LEN;
    const LEN: u32 = ICMP_LEN + HEADER4 + BEGINNING;
    let [what, detail] = frame.words::<2>(ICMP)?;
    let [first, second, _, _, _, quoted_src, _, _, _, quoted_dst] = frame.words::<10>(QUOTE)?;
    let [begins, continues] = frame.words::<2>(QUOTE + HEADER6)?;
    let [icmp_type, code, ..] = what.to_le_bytes();
    let (icmp_type, code) = what4(icmp_type, code)?;
    let mtu = (detail >> 16) as u16;
    let detail = if icmp_type == 3 && code == 4 {
        halves(0, mtu.swap_bytes().saturating_sub(LARGER))
    } else {
        0
    };
    let quoted = Header::of6(first, second);
    let quote = quoted.words4(quoted_src, quoted_dst);
    let begins = beginning(begins, quoted.protocol, echo4(begins as u8))?;
    let what = u32::from(icmp_type) | u32::from(code) << 8;
    let checksum = !fold(add(sum([what, detail, begins, continues]), sum(quote)));
    frame.resize(ICMP + LEN)?;
    frame.change_version(4)?;
    let message = [what | u32::from(checksum) << 16, detail];
    write(frame, ETHERNET_LEN + HEADER4, message, quote, [begins, continues])?;
    let payload_len = LEN as u16;
    let header = Header { payload_len, ..header };
    frame.store_words(ETHERNET_LEN, header.words4(src, dst))
}

#[inline(always)]
pub(super) fn to_ip6(frame: &mut impl Frame, header: Header, [src, dst]: [Ip6; 2]) -> Option<()> {
    const ICMP: u32 = ETHERNET_LEN + HEADER4;
    const QUOTE: u32 = ICMP + ICMP_LEN;
    const LEN: u32 = ICMP_LEN + HEADER6 + BEGINNING;
    let [what, detail] = frame.words::<2>(ICMP)?;
    let [first, second, third, quoted_src, quoted_dst] = frame.words::<5>(QUOTE)?;
    let [begins, continues] = frame.words::<2>(QUOTE + HEADER4)?;
    let [icmp_type, code, ..] = what.to_le_bytes();
    let mtu = ((detail >> 16) as u16).swap_bytes();
    let (icmp_type, code) = what6(icmp_type, code)?;
    let detail = match icmp_type {
        2 => halves(0, larger(mtu)),
        // The pointer to what is wrong: the next header.
        4 => halves(0, 6),
        _ => 0,
    };
    // The quoted packet may be a fragment, or have options: then its beginning isn't where it is looked for.
    let quoted = Header::of4(first, second, third)?;
    let quote = quoted.words6(embedded(quoted_src), embedded(quoted_dst));
    let begins = beginning(begins, quoted.protocol, echo6(begins as u8))?;
    let what = u32::from(icmp_type) | u32::from(code) << 8;
    let pseudo = add(add(sum(src.0), sum(dst.0)), pseudo_header(LEN as u16));
    let checksum = !fold(add(add(sum([what, detail, begins, continues]), sum(quote)), pseudo));
    frame.resize(ICMP + LEN)?;
    frame.change_version(6)?;
    let message = [what | u32::from(checksum) << 16, detail];
    write(frame, ETHERNET_LEN + HEADER6, message, quote, [begins, continues])?;
    let payload_len = LEN as u16;
    let header = Header { payload_len, ..header };
    frame.store_words(ETHERNET_LEN, header.words6(src, dst))
}

/// Writes the error behind its IP header: its own, the one that it quotes, and what that begins with.
#[inline(always)]
fn write<const N: usize>(
    frame: &mut impl Frame,
    icmp: u32,
    message: [u32; 2],
    quote: [u32; N],
    beginning: [u32; 2],
) -> Option<()> {
    frame.store_words(icmp, message)?;
    frame.store_words(icmp + ICMP_LEN, quote)?;
    frame.store_words(icmp + ICMP_LEN + N as u32 * 4, beginning)
}

/// The first word of a quoted packet: of an echo the type is another one. Other ICMP isn't quoted by anybody.
#[inline(always)]
const fn beginning(word: u32, quoted: u8, echo: Option<u8>) -> Option<u32> {
    match (quoted, echo) {
        (protocol::ICMP | protocol::ICMPV6, Some(icmp_type)) => Some(word & !0xff | icmp_type as u32),
        (protocol::ICMP | protocol::ICMPV6, None) => None,
        _ => Some(word),
    }
}

/// An MTU of 0 is that of a router which knows no better (RFC 1191 section 5).
#[inline(always)]
const fn larger(mtu: u16) -> u16 {
    let mtu = mtu.saturating_add(LARGER);
    if mtu < MINIMUM_MTU6 { MINIMUM_MTU6 } else { mtu }
}

/// What an error of ICMPv6 is in ICMP (RFC 7915 section 5.2).
#[inline(always)]
const fn what4(icmp_type: u8, code: u8) -> Option<(u8, u8)> {
    match (icmp_type, code) {
        (1, 0 | 2 | 3) => Some((3, 1)),
        (1, 1) => Some((3, 10)),
        (1, 4) => Some((3, 3)),
        (2, _) => Some((3, 4)),
        (3, code) => Some((11, code)),
        (4, 1) => Some((3, 2)),
        _ => None,
    }
}

/// The other way round (section 4.2).
#[inline(always)]
const fn what6(icmp_type: u8, code: u8) -> Option<(u8, u8)> {
    match (icmp_type, code) {
        (3, 0 | 1 | 5 | 6 | 7 | 8 | 11 | 12) => Some((1, 0)),
        (3, 2) => Some((4, 1)),
        (3, 3) => Some((1, 4)),
        (3, 4) => Some((2, 0)),
        (3, 9 | 10 | 13 | 15) => Some((1, 1)),
        (11, code) => Some((3, code)),
        _ => None,
    }
}
