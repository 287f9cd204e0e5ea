//! ARP (semantics 3.1): "every request for an address in the subnet is answered by the platform, never by the peer".

use super::reason::Reason;
use super::{Model, ROUTER_MAC};
use groundplane::resources::NetworkInterface;
use std::net::Ipv4Addr;

/// The answer to an ARP frame that an ENI's guest has sent.
pub(super) fn answer(model: &Model, eni: &NetworkInterface, frame: &[u8]) -> Result<Vec<u8>, Reason> {
    if frame.len() < 42 {
        return Err(Reason::EndsEarly);
    }
    let own_mac = eni.mac_address.0;
    if frame[6..12] != own_mac {
        return Err(Reason::SourceMacIsNotTheEnis);
    }
    let arp = &frame[14..42];
    if arp[..8] != [0, 1, 8, 0, 6, 4, 0, 1] {
        return Err(Reason::ArpIsNoRequest);
    }
    let sender = Ipv4Addr::new(arp[14], arp[15], arp[16], arp[17]);
    let wanted = Ipv4Addr::new(arp[24], arp[25], arp[26], arp[27]);
    let is_own = |address| eni.private_ip_addresses.contains(&address);
    if arp[8..14] != own_mac || !(is_own(sender) || sender.is_unspecified()) {
        return Err(Reason::ArpSenderIsNotTheEni);
    }
    let mac = mac_of(model, eni, wanted).ok_or(Reason::ArpForNobody)?;
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
fn mac_of(model: &Model, asker: &NetworkInterface, wanted: Ipv4Addr) -> Option<[u8; 6]> {
    let subnet = model.subnet_of(asker);
    if wanted == router_of(subnet.cidr_block.network()) {
        return Some(ROUTER_MAC);
    }
    let owner = model.owner(&asker.vpc_id, wanted)?;
    let answers = owner.subnet_id == asker.subnet_id && owner.network_interface_id != asker.network_interface_id;
    answers.then_some(owner.mac_address.0)
}

/// 2.2: "+1 implicit router".
pub(super) fn router_of(network: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(network) + 1)
}
