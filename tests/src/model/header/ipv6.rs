//! The IPv6 header and its extension headers (RFC 8200).

use super::{Fragment, Network, Reason, check_fragment, word};
use std::net::Ipv6Addr;

const HEADER: usize = 40;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;
/// How many extension headers are followed, and to what length of all headers together: this project's choice.
const MOST: usize = 4;
const MOST_LEN: usize = 160;

/// Where the transport begins, and what is known by then.
struct Followed {
    protocol: u8,
    header_len: usize,
    fragment: Option<Fragment>,
}

pub(super) fn read(ip: &[u8]) -> Result<Network<'_>, Reason> {
    if ip.len() < HEADER {
        return Err(Reason::EndsEarly);
    }
    let total_len = HEADER + usize::from(word(ip, 4));
    if ip[0] / 16 != 6 || ip.len() < total_len {
        return Err(Reason::IpHeaderIsWrong);
    }
    let address = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&ip[at..at + 16]).expect("sixteen bytes"));
    let followed = follow(ip, total_len)?;
    Ok(Network {
        src: address(8).into(),
        dst: address(24).into(),
        ttl: ip[7],
        header_len: followed.header_len,
        is_plain: followed.header_len == HEADER,
        options: &[],
        protocol: followed.protocol,
        // RFC 8200: "not by routers along a packet's delivery path".
        dont_fragment: true,
        fragment: followed.fragment,
        body: &ip[followed.header_len..total_len],
    })
}

/// Goes from header to header up to the transport's, or to the payload of a later fragment.
fn follow(ip: &[u8], total_len: usize) -> Result<Followed, Reason> {
    let mut at = Followed {
        protocol: ip[6],
        header_len: HEADER,
        fragment: None,
    };
    for place in 0..MOST {
        let rest = ip.get(at.header_len..).unwrap_or_default();
        match at.protocol {
            // RFC 8200 section 4.1: "restricted to appear immediately after an IPv6 header only".
            HOP_BY_HOP if place > 0 => return Err(Reason::ExtensionHeaders),
            HOP_BY_HOP | DESTINATION => {
                let [following, eights, ..] = rest else {
                    return Err(Reason::EndsEarly);
                };
                at.protocol = *following;
                at.header_len += (usize::from(*eights) + 1) * 8;
            }
            // RFC 5095, and whatever else would choose its own way.
            ROUTING => return Err(Reason::ChoosesItsOwnWay),
            FRAGMENT => read_fragment(&mut at, rest, total_len)?,
            _ => break,
        }
        if at.is_later_fragment() {
            break;
        }
        if at.header_len > MOST_LEN {
            return Err(Reason::ExtensionHeaders);
        }
        if at.header_len > total_len {
            return Err(Reason::OptionsDontAddUp);
        }
    }
    let goes_on = matches!(at.protocol, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION);
    if goes_on && !at.is_later_fragment() {
        return Err(Reason::ExtensionHeaders);
    }
    Ok(at)
}

fn read_fragment(at: &mut Followed, rest: &[u8], total_len: usize) -> Result<(), Reason> {
    let [following, _, o0, o1, i0, i1, i2, i3, ..] = *rest else {
        return Err(Reason::EndsEarly);
    };
    // The rest of the packet's headers went with the first fragment alone.
    if matches!(following, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION) {
        return Err(Reason::ExtensionHeaders);
    }
    at.protocol = following;
    at.header_len += 8;
    let offset = usize::from(u16::from_be_bytes([o0, o1]) & 0xfff8);
    let body = total_len.checked_sub(at.header_len).ok_or(Reason::OptionsDontAddUp)?;
    check_fragment(following, 58, at.header_len, offset, body)?;
    at.fragment = Some(Fragment {
        id: u32::from_be_bytes([i0, i1, i2, i3]),
        first: offset == 0,
    });
    Ok(())
}

impl Followed {
    fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| !fragment.first)
    }
}
