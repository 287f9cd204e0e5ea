//! What the platform answers itself (semantics 3.1): "every request for an address in the subnet is answered by the
//! platform, never by the peer", and the router answers echo requests.

use super::ROUTER_MAC;
use super::address::is_router;
use super::bytes::checksum;
use super::header::{Header, Selector};
use super::reason::Reason;
use super::world::{Eni, World};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The answer to an ARP frame that an ENI's guest has sent.
pub(super) fn arp(world: &World, eni: Eni, frame: &[u8]) -> Result<Vec<u8>, Reason> {
    if frame.len() < 42 {
        return Err(Reason::EndsEarly);
    }
    let interface = world.interface(eni);
    let own_mac = interface.mac_address.0;
    if frame[6..12] != own_mac {
        return Err(Reason::SourceMacIsNotTheEnis);
    }
    let arp = &frame[14..42];
    if arp[..8] != [0, 1, 8, 0, 6, 4, 0, 1] {
        return Err(Reason::ArpIsNoRequest);
    }
    let sender = Ipv4Addr::new(arp[14], arp[15], arp[16], arp[17]);
    let wanted = Ipv4Addr::new(arp[24], arp[25], arp[26], arp[27]);
    if arp[8..14] != own_mac || !(sender.is_unspecified() || interface.has(sender.into())) {
        return Err(Reason::ArpSenderIsNotTheEni);
    }
    let mac = mac_of(world, eni, wanted.into()).ok_or(Reason::ArpForNobody)?;
    let mut reply = Vec::new();
    reply.extend(own_mac);
    reply.extend(mac);
    reply.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
    reply.extend(mac);
    reply.extend(wanted.octets());
    reply.extend(own_mac);
    reply.extend(sender.octets());
    // Whatever padding followed the request follows the answer.
    reply.extend(&frame[42..]);
    Ok(reply)
}

/// "For a same-subnet ENI the answer is that ENI's real MAC; for the router (+1) it is the router MAC." Nobody asks
/// for his own address but to find out whether somebody else has it.
fn mac_of(world: &World, asker: Eni, wanted: IpAddr) -> Option<[u8; 6]> {
    if is_router(world, asker, wanted) {
        return Some(ROUTER_MAC);
    }
    let owner = world.owner(world.vpc_of(asker), wanted)?;
    let answers = owner != asker && world.share_subnet(owner, asker);
    answers.then(|| world.interface(owner).mac_address.0)
}

/// The answer to an IP packet, if it is one that the platform answers.
pub(super) fn answer(world: &World, eni: Eni, header: &Header, frame: &[u8]) -> Option<Result<Vec<u8>, Reason>> {
    let Selector::Icmp { icmp_type, code, .. } = header.selector else {
        return None;
    };
    match (header.dst, icmp_type) {
        (IpAddr::V6(_), 133..=137) => Some(discover(world, eni, header, frame)),
        (IpAddr::V4(_), 8) | (IpAddr::V6(_), 128) if code == 0 => echo(world, eni, header, frame).map(Ok),
        _ => None,
    }
}

/// Neighbour discovery: "Neighbour Solicitation is answered the same way".
fn discover(world: &World, eni: Eni, header: &Header, frame: &[u8]) -> Result<Vec<u8>, Reason> {
    let (Selector::Icmp { icmp_type, code, .. }, IpAddr::V6(src)) = (header.selector, header.src) else {
        return Err(Reason::NeighborMessageIsWrong);
    };
    if header.source_mac != world.interface(eni).mac_address.0 {
        return Err(Reason::SourceMacIsNotTheEnis);
    }
    if world.subnet(world.subnet_of(eni)).ipv6_cidr_block.is_none() {
        return Err(Reason::NoIpv6);
    }
    // RFC 4861 section 7.1.1: a hop limit that no router has made smaller.
    if header.ttl != 255 || code != 0 || !header.is_plain {
        return Err(Reason::NeighborMessageIsWrong);
    }
    match icmp_type {
        133 => Ok(router_advertisement(header, frame, src)),
        135 => solicited(world, eni, header, frame, src),
        _ => Err(Reason::NeighborMessageIsWrong),
    }
}

fn solicited(world: &World, eni: Eni, header: &Header, frame: &[u8], src: Ipv6Addr) -> Result<Vec<u8>, Reason> {
    if header.body_len < 24 {
        return Err(Reason::NeighborMessageIsWrong);
    }
    let wanted = Ipv6Addr::from(<[u8; 16]>::try_from(&frame[62..78]).expect("sixteen bytes"));
    // RFC 4862: duplicate address detection has no source.
    let may_ask = src.is_unspecified() || src.is_unicast_link_local() || world.interface(eni).has(src.into());
    if !may_ask {
        return Err(Reason::NeighborSenderIsNotTheEni);
    }
    let mac = mac_of(world, eni, wanted.into()).ok_or(Reason::NeighborIsNobody)?;
    // RFC 4861 sections 4.4 and 7.2.4: router, solicited unless nobody is there to answer to, override.
    let router = if mac == ROUTER_MAC { 0x80 } else { 0 };
    let flags = router | if src.is_unspecified() { 0x20 } else { 0x60 };
    let mut message = vec![136, 0, 0, 0, flags, 0, 0, 0];
    message.extend(wanted.octets());
    message.extend([2, 1]);
    message.extend(mac);
    Ok(reply(header, frame, mac, wanted, src, message))
}

/// RFC 4861 section 4.2: half an hour of router, addresses by DHCPv6, the MTU of a VPC.
fn router_advertisement(header: &Header, frame: &[u8], src: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![134, 0, 0, 0, 64, 0x80, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend([1, 1]);
    message.extend(ROUTER_MAC);
    message.extend([5, 1, 0, 0, 0, 0, 0x23, 0x29]);
    let router = Ipv6Addr::new(0xfe80, 0x0ec2, 0, 0, 0, 0, 0, 1);
    reply(header, frame, ROUTER_MAC, router, src, message)
}

/// A message in an IPv6 header like the asker's; to all nodes, if the asker has no address yet.
fn reply(header: &Header, frame: &[u8], mac: [u8; 6], from: Ipv6Addr, to: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let to = if to.is_unspecified() {
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)
    } else {
        to
    };
    let len = u16::try_from(message.len()).expect("a short message");
    let summed = [&from.octets()[..], &to.octets(), &[0, 58], &len.to_be_bytes(), &message].concat();
    let sum = checksum(&summed);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut reply = Vec::new();
    reply.extend(header.source_mac);
    reply.extend(mac);
    reply.extend(&frame[12..18]);
    reply.extend(len.to_be_bytes());
    reply.extend(&frame[20..22]);
    reply.extend(from.octets());
    reply.extend(to.octets());
    reply.extend(message);
    reply
}

/// "The router answers ICMP echo on the guest's own subnet's +1 address, not on another subnet's."
fn echo(world: &World, eni: Eni, header: &Header, frame: &[u8]) -> Option<Vec<u8>> {
    let is_own = header.source_mac == world.interface(eni).mac_address.0;
    if !is_own || !header.is_plain || !is_router(world, eni, header.dst) {
        return None;
    }
    let mut reply = frame.to_vec();
    reply[..6].copy_from_slice(&header.source_mac);
    reply[6..12].copy_from_slice(&ROUTER_MAC);
    let (addresses, icmp, answer) = match header.dst {
        IpAddr::V4(_) => (26..34, 34, 0_u8),
        IpAddr::V6(_) => (22..54, 54, 129_u8),
    };
    let len = addresses.len() / 2;
    reply[addresses].rotate_left(len);
    // The sum of everything else stays: take the old word out and put the new one in (RFC 1624).
    let old = !u16::from_be_bytes([reply[icmp + 2], reply[icmp + 3]]);
    let mut sum = u32::from(old) + u32::from(!u16::from_be_bytes([reply[icmp], 0])) + u32::from(answer) * 256;
    while sum > 0xffff {
        sum = sum % 0x10000 + sum / 0x10000;
    }
    reply[icmp] = answer;
    reply[icmp + 2..icmp + 4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    Some(reply)
}
