//! The IPv4 header.

use super::{Fragment, Network, Reason, check_fragment, word};
use std::net::Ipv4Addr;

pub(super) fn read(ip: &[u8]) -> Result<Network<'_>, Reason> {
    if ip.len() < 20 {
        return Err(Reason::EndsEarly);
    }
    let header_len = usize::from(ip[0] % 16) * 4;
    let total_len = usize::from(word(ip, 2));
    if ip[0] / 16 != 4 || header_len < 20 || total_len < header_len || ip.len() < total_len {
        return Err(Reason::IpHeaderIsWrong);
    }
    let (protocol, body) = (ip[9], &ip[header_len..total_len]);
    let offset = usize::from(word(ip, 6) % 0x2000) * 8;
    let is_fragment = offset > 0 || word(ip, 6) & 0x2000 != 0;
    if is_fragment {
        check_fragment(protocol, 1, header_len, offset, body.len())?;
    }
    Ok(Network {
        src: Ipv4Addr::new(ip[12], ip[13], ip[14], ip[15]).into(),
        dst: Ipv4Addr::new(ip[16], ip[17], ip[18], ip[19]).into(),
        ttl: ip[8],
        header_len,
        is_plain: header_len == 20 && !is_fragment,
        options: &ip[20..header_len],
        protocol,
        dont_fragment: word(ip, 6) & 0x4000 != 0,
        fragment: is_fragment.then_some(Fragment {
            id: word(ip, 4).into(),
            first: offset == 0,
        }),
        body,
    })
}

/// RFC 791 and 7126: options that add up, and none that chooses the packet's way.
pub(in super::super) fn check_options(options: &[u8]) -> Result<(), Reason> {
    let mut rest = options;
    while let Some((&kind, after)) = rest.split_first() {
        match kind {
            0 => return Ok(()),
            1 => rest = after,
            131 | 137 => return Err(Reason::ChoosesItsOwnWay),
            _ => {
                let len = after.first().map_or(0, |len| usize::from(*len));
                if len < 2 || len > rest.len() {
                    return Err(Reason::OptionsDontAddUp);
                }
                rest = &rest[len..];
            }
        }
    }
    Ok(())
}
