//! The model by itself: scenarios of semantics 32 as packets, with what comes out of them written down.

mod answers;
mod endpoint;
mod gateway_balancer;
mod internet;
mod load_balancer;
mod nat;
mod peering;
mod transit;

use super::{At, Drop, Model, Reason, Seen, Verdict};
use crate::packet::{Packet, ROUTER};
use crate::topology::{OUTSIDE, Topology, address};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A topology and the model of it, with a clock.
struct Room {
    topology: Topology,
    model: Model,
    now: Duration,
}

const X: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// The MAC address of whoever is beyond the uplink.
const BEYOND: [u8; 6] = [2, 7, 7, 7, 7, 7];

impl Room {
    fn with(change: impl FnOnce(&mut Topology)) -> Self {
        let mut topology = Topology::t0();
        change(&mut topology);
        let model = Model::new(topology.resources.clone());
        Self {
            topology,
            model,
            now: Duration::ZERO,
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Topology)) {
        change(&mut self.topology);
        self.model.configure(self.topology.resources.clone());
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// A packet with the guest's MAC address, to the router.
    fn by(&self, guest: &str, packet: Packet) -> Vec<u8> {
        let guest = self.topology.guest(guest);
        packet.from_mac(guest.mac).to_mac(ROUTER).build()
    }

    /// What a guest sends to the router.
    fn send(&mut self, guest: &str, packet: Packet) -> Verdict {
        self.send_seen(guest, packet, None)
    }

    /// Where a NAT gateway may have chosen.
    fn send_seen(&mut self, guest: &str, packet: Packet, seen: Option<Packet>) -> Verdict {
        let frame = self.by(guest, packet);
        let seen = seen.map(|packet| self.by(guest, packet));
        let id = &self.topology.interface(guest).network_interface_id;
        let seen = Seen::frame(seen.as_deref());
        self.model.leave(id, &frame, false, self.now, seen)
    }

    fn come(&mut self, packet: Packet) -> Verdict {
        let frame = packet.from_mac(BEYOND).to_mac(BEYOND).build();
        self.model.arrive(&frame, false, self.now, Seen::NOTHING)
    }

    /// These bytes reach a guest from the router.
    fn at(&self, guest: &str, packet: Packet) -> Verdict {
        Verdict::Delivered {
            eni: self.topology.interface(guest).network_interface_id.clone(),
            frame: packet.from_mac(ROUTER).to_mac(self.topology.guest(guest).mac).build(),
        }
    }

    /// These bytes go out as the guest has sent them, but for what is translated.
    fn out(&self, guest: &str, packet: Packet) -> Verdict {
        Verdict::Left(self.by(guest, packet))
    }

    fn eni(&self, name: &str) -> At {
        At::Eni(self.topology.interface(name).network_interface_id.clone())
    }

    fn leaving(&self, eni: &str, reason: Reason) -> Verdict {
        dropped(self.eni(eni), true, reason)
    }

    fn arriving(&self, eni: &str, reason: Reason) -> Verdict {
        dropped(self.eni(eni), false, reason)
    }
}

fn dropped(at: At, egress: bool, reason: Reason) -> Verdict {
    Verdict::Dropped(Drop {
        reason,
        at,
        egress,
        rule: None,
    })
}

fn reason(verdict: &Verdict) -> Option<Reason> {
    match verdict {
        Verdict::Dropped(drop) | Verdict::Refused { drop, .. } => Some(drop.reason),
        _ => None,
    }
}

/// TCP, UDP or whatever it is, with addresses and ports.
fn between(packet: Packet, from: (&str, u16), to: (&str, u16)) -> Packet {
    let [src, dst] = [from.0, to.0].map(address);
    packet.ip_from(src, from.1).ip_to(dst, to.1)
}

fn outside() -> [IpAddr; 2] {
    OUTSIDE.map(address)
}
