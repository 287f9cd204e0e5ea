//! NAT64 (semantics 10.8): from one family over to the other, at the ENI of a NAT gateway.
//!
//! The gateway remembers what it has carried over, whatever becomes of it beyond.

use super::super::fault::{Answer, Fault};
use super::super::nat64::{Ends, carried, in_ip4, in_ip6};
use super::super::reason::Reason;
use super::super::tracking::Direction;
use super::super::walk::{Kept, Moment, Spot, Walk};
use super::super::world::Eni;
use super::super::{Change, Gateway, bytes};
use super::{Chosen, Client, is_dropped_fragment, object, speak};
use std::net::IpAddr;

/// Of what an IPv6 packet becomes the internet takes 1500 bytes for certain.
const MTU: usize = 1500;
/// What that has room for.
const MSS: u16 = 1440;

/// "IPv6 packet to 64:ff9b::/96: source = NAT private IPv4 (then EIP at the IGW), destination = low 32 bits."
pub(super) fn go_there(moment: Moment<'_>, walk: &mut Walk, nat: Eni) -> Result<(), Fault> {
    let world = moment.world();
    let told = |reason| Fault::at(Spot::Eni(nat), Direction::Ingress, reason);
    let header = walk.header.clone();
    let Some(dst) = in_ip4(header.dst) else {
        return Err(told(Reason::NatHasNoMapping));
    };
    let quoted = header.quoted.filter(|_| header.is_icmp_error());
    let found = match quoted {
        Some(quoted) => object(moment, walk, nat, quoted).map(|chosen| (None, chosen)),
        None => speak(moment, &header, nat).map(|(client, chosen)| (Some(client), chosen)),
    };
    let (client, chosen) = found.map_err(|refusal| refusal.at(told, world, nat))?;
    walk.narrow(MTU);
    if header.ip_len > walk.mtu {
        let answer = Answer::TooBig {
            mtu: walk.mtu,
            automatic: true,
        };
        return Err(walk.told(Reason::LargerThanThePath).answered(answer));
    }
    if let Some(client) = client {
        walk.changes.push(Change::Mapping {
            client,
            chosen,
            outward: true,
        });
        walk.kept = Some(Kept {
            passages: walk.passages,
            changes: walk.changes.clone(),
        });
    }
    let ends = Ends {
        src: chosen.address.into(),
        dst: dst.into(),
        port: chosen.port,
        outward: true,
    };
    let packet = carried(&walk.frame, &header, ends).ok_or_else(|| told(Reason::OtherFamilyHasNoWord))?;
    walk.carry(world.interface(nat).mac_address.0, &packet);
    walk.mss = MSS;
    walk.gateways.push(if client.is_some() {
        Gateway::Nat64
    } else {
        Gateway::Nat64Error
    });
    Ok(())
}

/// The answer, to whom the port stands for.
pub(super) fn go_back(
    moment: Moment<'_>,
    walk: &mut Walk,
    nat: Eni,
    (client, chosen): (Client, Chosen),
) -> Result<(), Fault> {
    let told = |reason| Fault::at(Spot::Eni(nat), Direction::Ingress, reason);
    if is_dropped_fragment(&walk.header) {
        return Err(told(Reason::NatDropsFragments));
    }
    if walk.header.ttl <= 1 {
        return Err(told(Reason::HopLimitIsUsedUp));
    }
    // So far it was one of IPv4, which may be fragmented on its way; beyond it is twenty bytes larger.
    walk.narrow(super::MTU - 20);
    if walk.header.ip_len > walk.mtu && walk.header.dont_fragment {
        let answer = Answer::TooBig {
            mtu: walk.mtu,
            automatic: walk.automatic,
        };
        return Err(walk.told(Reason::LargerThanThePath).answered(answer));
    }
    bytes::repair(&walk.sent, &mut walk.frame);
    let header = walk.header.clone();
    let IpAddr::V4(src) = header.src else {
        unreachable!("what comes to a NAT gateway's address has IPv4");
    };
    walk.kept = Some(Kept {
        passages: walk.passages,
        changes: Vec::new(),
    });
    let ends = Ends {
        src: in_ip6(src).into(),
        dst: client.address,
        port: client.port,
        outward: false,
    };
    let packet = carried(&walk.frame, &header, ends).ok_or_else(|| told(Reason::OtherFamilyHasNoWord))?;
    walk.carry(moment.world().interface(nat).mac_address.0, &packet);
    walk.mss = MSS;
    if header.is_icmp_error() {
        walk.gateways.push(Gateway::Nat64Error);
    } else {
        walk.changes.push(Change::Mapping {
            client,
            chosen,
            outward: false,
        });
        walk.gateways.push(Gateway::Nat64Back);
    }
    Ok(())
}
