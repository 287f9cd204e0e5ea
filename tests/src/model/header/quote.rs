//! The packet that an ICMP error quotes the beginning of.

use super::{selector, word};
use crate::model::tracking::Tuple;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What connection it belongs to; nothing if less than eight bytes of the transport are there, or it isn't of the
/// error's family, or a later fragment, or has extension headers.
pub(super) fn read(quote: &[u8], is_ipv4: bool) -> Option<Tuple> {
    let (src, dst, protocol, header_len) = if is_ipv4 { ipv4(quote)? } else { ipv6(quote)? };
    let body = quote.get(header_len..).filter(|body| body.len() >= 8)?;
    let icmp = if is_ipv4 { 1 } else { 58 };
    let mut tuple = Tuple {
        protocol,
        src,
        dst,
        a: 0,
        b: 0,
    };
    match selector(protocol, icmp, body) {
        super::Selector::Ports { src, dst } => (tuple.a, tuple.b) = (src, dst),
        super::Selector::Icmp { identifier, .. } => (tuple.a, tuple.b) = (word(body, 0), identifier),
        super::Selector::Nothing | super::Selector::Absent => {}
    }
    Some(tuple)
}

fn ipv4(quote: &[u8]) -> Option<(IpAddr, IpAddr, u8, usize)> {
    let ip: &[u8; 20] = quote.first_chunk()?;
    let header_len = usize::from(ip[0] % 16) * 4;
    let is_later = word(ip, 6) & 0x1fff != 0;
    if ip[0] / 16 != 4 || header_len < 20 || is_later {
        return None;
    }
    let src = Ipv4Addr::new(ip[12], ip[13], ip[14], ip[15]);
    let dst = Ipv4Addr::new(ip[16], ip[17], ip[18], ip[19]);
    Some((src.into(), dst.into(), ip[9], header_len))
}

fn ipv6(quote: &[u8]) -> Option<(IpAddr, IpAddr, u8, usize)> {
    let ip: &[u8; 40] = quote.first_chunk()?;
    let is_extension = matches!(ip[6], 0 | 43 | 44 | 60);
    if ip[0] / 16 != 6 || is_extension {
        return None;
    }
    let address = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&ip[at..at + 16]).expect("sixteen bytes"));
    Some((address(8).into(), address(24).into(), ip[6], 40))
}
