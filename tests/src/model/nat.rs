//! NAT gateways (semantics 10).

mod mapping;
mod over;

pub(super) use mapping::{Chosen, Client, Mappings, Remote};

use super::address::icmp_of;
use super::bytes::{self, Side};
use super::fault::{Answer, Fault};
use super::header::{Header, Read, Selector, read};
use super::held::opens;
use super::nat64::{in_ip4, of_ip4};
use super::reason::Reason;
use super::tracking::{Direction, Tuple};
use super::walk::{Moment, Spot, Walk};
use super::world::{Eni, VpcAt, World};
use super::{Change, Gateway};
use std::net::{IpAddr, Ipv4Addr};

/// 10.7: "MTU 8500".
const MTU: usize = 8500;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY6: u8 = 129;
const ECHO_REQUEST6: u8 = 128;

/// A packet has reached the ENI of a NAT gateway, and goes on from there.
pub(super) fn pass(moment: Moment<'_>, walk: &mut Walk, nat: Eni) -> Result<(), Fault> {
    let world = moment.world();
    let told = |reason| Fault::at(Spot::Eni(nat), Direction::Ingress, reason);
    walk.automatic = true;
    if walk.header.src.is_ipv6() {
        over::go_there(moment, walk, nat)?;
    } else if world.interface(nat).has(walk.header.dst) {
        go_back(moment, walk, nat)?;
    } else {
        go_there(moment, walk, nat).map_err(|refusal| refusal.at(told, world, nat))?;
    }
    walk.last = Spot::Eni(nat);
    walk.place = Some(world.subnet_of(nat));
    // 4.1: "cleared whenever the packet passes ... NAT gateway".
    walk.identity = None;
    walk.narrow(MTU);
    walk.clamps = true;
    Ok(())
}

/// Why it isn't translated, and whether the sender is told.
struct Refusal(Reason, Told);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    HopLimit,
    Reset,
}

impl Refusal {
    fn at(self, told: impl Fn(Reason) -> Fault, world: &World, nat: Eni) -> Fault {
        let fault = told(self.0);
        match (self.1, world.interface(nat).private_ip_addresses.first()) {
            (Told::HopLimit, Some(&nat)) => fault.answered(Answer::HopLimit { nat }),
            (Told::Reset, _) => fault.answered(Answer::Reset),
            _ => fault,
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self(reason, Told::Nothing)
    }
}

/// 10.2: "Source: NAT gateway's private IPv4, source port: free port in 1024 to 65535. Destination never changes."
fn go_there(moment: Moment<'_>, walk: &mut Walk, nat: Eni) -> Result<(), Refusal> {
    if let Some(quoted) = walk.header.quoted.filter(|_| walk.header.is_icmp_error()) {
        let chosen = object(moment, walk, nat, quoted)?;
        bytes::lower_ttl(&mut walk.frame);
        bytes::set_quoted_address(&mut walk.frame, &walk.header, Side::Destination, chosen.address);
        bytes::set_quoted_port(
            &mut walk.frame,
            &walk.header,
            Side::Destination,
            quoted.protocol,
            chosen.port,
        );
        walk.translate(Side::Source, chosen.address, None);
        walk.gateways.push(Gateway::NatError);
        return Ok(());
    }
    let (client, chosen) = speak(moment, &walk.header, nat)?;
    bytes::lower_ttl(&mut walk.frame);
    walk.translate(Side::Source, chosen.address, Some(chosen.port));
    walk.changes.push(Change::Mapping {
        client,
        chosen,
        outward: true,
    });
    walk.gateways.push(Gateway::Nat);
    Ok(())
}

/// What stands for whoever speaks to the outside.
fn speak(moment: Moment<'_>, header: &Header, nat: Eni) -> Result<(Client, Chosen), Refusal> {
    let is_carried = match (header.protocol, header.selector) {
        (ICMP, Selector::Icmp { icmp_type, .. }) => icmp_type == ECHO_REQUEST,
        (ICMPV6, Selector::Icmp { icmp_type, .. }) => icmp_type == ECHO_REQUEST6,
        (protocol, _) => matches!(protocol, TCP | UDP) || protocol == icmp_of(header.src),
    };
    if !is_carried {
        return Err(Reason::NatDoesNotCarryIt.into());
    }
    if is_dropped_fragment(header) || header.selector == Selector::Absent {
        return Err(Reason::NatDropsFragments.into());
    }
    if header.ttl <= 1 {
        return Err(Refusal(Reason::HopLimitIsUsedUp, Told::HopLimit));
    }
    is_simple(header)?;
    let client = client_of(nat, header).ok_or(Refusal::from(Reason::NatDoesNotCarryIt))?;
    let mappings = &moment.model.mappings;
    let known = mappings.of_client(moment.world(), &client, header.tcp_flags, moment.now);
    let chosen = match known {
        Some(guess) if mappings.is_guess(&client) => choose(moment, nat, &client).unwrap_or(guess),
        Some(chosen) => chosen,
        None if header.protocol == TCP && !opens(header.tcp_flags) => {
            return Err(Refusal(Reason::NatKnowsNoConnection, answer_to(header)));
        }
        None => choose(moment, nat, &client).ok_or(Refusal::from(Reason::NatHasNoPortLeft))?,
    };
    Ok((client, chosen))
}

/// 10.3: "ICMP errors for known flows are translated", also those about what has come in. What stands for whoever it is
/// from.
fn object(moment: Moment<'_>, walk: &Walk, nat: Eni, quoted: Tuple) -> Result<Chosen, Refusal> {
    if is_dropped_fragment(&walk.header) {
        return Err(Reason::NatDropsFragments.into());
    }
    if walk.header.ttl <= 1 {
        return Err(Refusal(Reason::HopLimitIsUsedUp, Told::HopLimit));
    }
    is_simple(&walk.header)?;
    let (port, remote_port) = match (quoted.protocol, quoted.a.to_be_bytes()) {
        (TCP | UDP, _) => (quoted.b, quoted.a),
        (ICMP, [ECHO_REPLY, _]) | (ICMPV6, [ECHO_REPLY6, _]) => (quoted.b, 0),
        _ => return Err(Reason::NatHasNoMapping.into()),
    };
    let client = Client {
        nat,
        protocol: of_ip4(quoted.protocol),
        address: quoted.dst,
        port,
        remote: in_ip4(quoted.src).map_or(quoted.src, IpAddr::V4),
        remote_port,
    };
    let mappings = &moment.model.mappings;
    let known = mappings.of_client(moment.world(), &client, 0, moment.now);
    // Of what hasn't come out nobody can have spoken.
    let known = known.filter(|_| !mappings.is_guess(&client));
    known.ok_or(Refusal::from(Reason::NatHasNoMapping))
}

/// Whether an IPv6 packet is one that has a counterpart: neither a fragment nor with extension headers.
fn is_simple(header: &Header) -> Result<(), Refusal> {
    if header.src.is_ipv6() && !header.is_plain {
        return Err(Reason::OtherFamilyHasNoWord.into());
    }
    Ok(())
}

/// RFC 9293 section 3.10.7.1: a RST isn't answered by a RST.
fn answer_to(header: &Header) -> Told {
    const RST: u8 = 4;
    if header.tcp_flags & RST == 0 {
        Told::Reset
    } else {
        Told::Nothing
    }
}

/// "Reply to (NAT IP, port): reverse-translate".
fn go_back(moment: Moment<'_>, walk: &mut Walk, nat: Eni) -> Result<(), Fault> {
    let told = |reason| Fault::at(Spot::Eni(nat), Direction::Ingress, reason);
    let found = mapping_of(moment, nat, &walk.header).ok_or_else(|| told(Reason::NatHasNoMapping))?;
    if found.0.address.is_ipv6() {
        return over::go_back(moment, walk, nat, found);
    }
    if is_dropped_fragment(&walk.header) {
        return Err(told(Reason::NatDropsFragments));
    }
    if walk.header.ttl <= 1 {
        return Err(told(Reason::HopLimitIsUsedUp));
    }
    let (client, chosen) = found;
    let IpAddr::V4(address) = client.address else {
        unreachable!("whoever has IPv6 is found before");
    };
    bytes::lower_ttl(&mut walk.frame);
    if walk.header.is_icmp_error() {
        bytes::set_quoted_address(&mut walk.frame, &walk.header, Side::Source, address);
        bytes::set_quoted_port(
            &mut walk.frame,
            &walk.header,
            Side::Source,
            client.protocol,
            client.port,
        );
        walk.translate(Side::Destination, address, None);
        walk.gateways.push(Gateway::NatError);
    } else {
        walk.translate(Side::Destination, address, Some(client.port));
        walk.changes.push(Change::Mapping {
            client,
            chosen,
            outward: false,
        });
        walk.gateways.push(Gateway::NatBack);
    }
    Ok(())
}

/// 10.3: "UDP fragments are forwarded; TCP and ICMP fragments are dropped."
fn is_dropped_fragment(header: &Header) -> bool {
    header.fragment.is_some() && matches!(header.protocol, TCP | ICMP | ICMPV6)
}

/// A packet's connection as the client has it. ICMP is told by the identifier, and the other end has none.
fn client_of(nat: Eni, header: &Header) -> Option<Client> {
    let (port, remote_port) = match header.selector {
        Selector::Ports { src, dst } => (src, dst),
        Selector::Icmp { identifier, .. } => (identifier, 0),
        Selector::Nothing | Selector::Absent => return None,
    };
    Some(Client {
        nat,
        protocol: of_ip4(header.protocol),
        address: header.src,
        port,
        remote: in_ip4(header.dst).map_or(header.dst, IpAddr::V4),
        remote_port,
    })
}

/// The live mapping that a packet to a NAT gateway's address belongs to, or the packet that it quotes.
fn mapping_of(moment: Moment<'_>, nat: Eni, header: &Header) -> Option<(Client, Chosen)> {
    let (remote, port) = if header.is_icmp_error() {
        let quoted = header.quoted.as_ref().filter(|quoted| quoted.src == header.dst)?;
        let (port, remote_port) = match (quoted.protocol, quoted.a.to_be_bytes()) {
            (TCP | UDP, _) => (quoted.a, quoted.b),
            (ICMP, [ECHO_REQUEST, _]) => (quoted.b, 0),
            _ => return None,
        };
        (
            Remote::new(nat, quoted.protocol, quoted.src, (quoted.dst, remote_port))?,
            port,
        )
    } else {
        let (port, remote_port) = match (header.protocol, header.selector) {
            (TCP | UDP, Selector::Ports { src, dst }) => (dst, src),
            (
                ICMP,
                Selector::Icmp {
                    icmp_type, identifier, ..
                },
            ) if icmp_type == ECHO_REPLY => (identifier, 0),
            _ => return None,
        };
        (
            Remote::new(nat, header.protocol, header.dst, (header.src, remote_port))?,
            port,
        )
    };
    let client = moment
        .model
        .mappings
        .of_port(moment.world(), &remote, port, moment.now)?;
    let address = remote.address;
    Some((client, Chosen { address, port }))
}

/// 10.6: "Replies from the peer to the NAT gateway are returned over the same peering even if the peer has no return
/// route". The VPC to return to, if the packet is such a reply.
pub(super) fn returns_over(moment: Moment<'_>, walk: &Walk) -> Option<VpcAt> {
    let world = moment.world();
    let vpc = world.vpc_around(walk.place?);
    let mut peers = world.peers(vpc);
    peers.find(|peer| {
        let owner = world.owner(*peer, walk.header.dst);
        let nat = owner.filter(|owner| world.is_nat_gateway(*owner));
        nat.is_some_and(|nat| mapping_of(moment, nat, &walk.header).is_some())
    })
}

/// An address and a port: those that were chosen, as far as they may be, else the first that may.
fn choose(moment: Moment<'_>, nat: Eni, client: &Client) -> Option<Chosen> {
    let world = moment.world();
    let mappings = &moment.model.mappings;
    let own = &world.interface(nat).private_ip_addresses;
    let has_room = |address: &Ipv4Addr| {
        let remote = client.remote_of(*address);
        mappings.has_room(&remote, moment.now)
    };
    let chosen = moment.seen.and_then(|seen| source_of(world, nat, seen));
    let is_allowed = |chosen: &Chosen| {
        let is_free = mappings.is_free(&client.remote_of(chosen.address), chosen.port, client, moment.now);
        own.contains(&chosen.address) && has_room(&chosen.address) && is_free
    };
    chosen.filter(is_allowed).or_else(|| {
        let address = *own.iter().find(|address| has_room(address))?;
        let remote = client.remote_of(address);
        let port = (1024..=u16::MAX).find(|port| mappings.is_free(&remote, *port, client, moment.now))?;
        Some(Chosen { address, port })
    })
}

/// What a frame says it comes from, where that is an address of the NAT gateway or a public one of it.
fn source_of(world: &World, nat: Eni, frame: &[u8]) -> Option<Chosen> {
    let Ok(Read::Ip(header)) = read(frame, false) else {
        return None;
    };
    let IpAddr::V4(source) = header.src else { return None };
    let address = match world.public_owner(source) {
        Some((owner, private)) if owner == nat => private,
        _ => source,
    };
    let port = match header.selector {
        Selector::Ports { src, .. } => src,
        Selector::Icmp { identifier, .. } => identifier,
        Selector::Nothing | Selector::Absent => return None,
    };
    (port >= 1024).then_some(Chosen { address, port })
}
