//! The stage without a kernel: the reference model and the datapath on the host, which must say the same of every
//! packet.

use super::expected::Dropped;
use super::{Act, Exchange, Expected, Flow, Owner, Stage};
use crate::conversation::relay;
use crate::model::{At, Model, Verdict};
use crate::packet::{BROADCAST, Packet, Parsed, ROUTER};
use crate::reasons;
use crate::topology::Topology;
use crate::twin::{Heard, Twin};
use anyhow::{Context as _, Result, bail, ensure};
use groundplane_abi::nacl::direction;
use groundplane_abi::{Device, DropReason};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// More middleboxes than any scenario has; a packet that meets more of them goes round in circles.
const MOST_RELAYS: usize = 4;

/// What a drop before any ENI is reached is told of.
const INTERNET: &str = "internet";

/// Model and datapath, side by side.
#[derive(Debug, Default)]
pub struct Host {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    topology: Topology,
    model: Model,
    twin: Twin,
    now: Duration,
}

/// What became of one packet, where both agree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Arrived { at: String, through: Vec<String> },
    Answered(Vec<u8>),
    Lost(Loss),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Loss {
    at: String,
    egress: bool,
    reason: DropReason,
    rule: Option<u16>,
}

impl Host {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn running(&mut self) -> Result<&mut Running> {
        self.running.as_mut().context("nothing is configured yet")
    }
}

impl Stage for Host {
    fn configure(&mut self, topology: &Topology) -> Result<()> {
        // So that a scenario that can't be written down isn't found out between namespaces only.
        let refusals = super::refusals(topology);
        ensure!(refusals.is_empty(), "as a document it is refused: {refusals:?}");
        match &mut self.running {
            Some(running) => {
                running.model.configure(topology.resources.clone());
                running.twin.configure(topology);
                running.topology = topology.clone();
            }
            None => {
                self.running = Some(Running {
                    topology: topology.clone(),
                    model: Model::new(topology.resources.clone()),
                    twin: Twin::new(topology),
                    now: Duration::ZERO,
                });
            }
        }
        Ok(())
    }

    fn wait(&mut self, time: Duration) -> Result<()> {
        let running = self.running()?;
        running.now += time;
        running.twin.wait(time);
        Ok(())
    }

    fn play(&mut self, exchange: &Exchange, expected: &Expected) -> Result<()> {
        let running = self.running()?;
        match exchange {
            Exchange::Talk(flow, act) => running.talk(flow, *act, expected),
            Exchange::Only { from, to, packet } => {
                let fate = running.send(from, packet)?;
                expect(&fate, to, expected, true)
            }
        }
    }

    fn ask(&mut self, from: &str, address: IpAddr, owner: Owner<'_>) -> Result<()> {
        let running = self.running()?;
        let guest = running.topology.guest(from);
        let question = match address {
            IpAddr::V4(address) => Packet::arp_request(guest.mac, guest.ip, address.octets()),
            IpAddr::V6(address) => {
                let own = guest.ip6.with_context(|| format!("{from} has no IPv6 address"))?;
                Packet::neighbour_solicitation(guest.mac, own, address.octets())
            }
        };
        let answer = match running.pass(from, &question.build())? {
            Fate::Answered(frame) => Some(Parsed::read(&frame)?.source_mac),
            Fate::Lost(_) => None,
            fate @ Fate::Arrived { .. } => bail!("{fate:?}"),
        };
        let expected = match owner {
            Owner::Eni(name) => Some(running.topology.guest(name).mac),
            Owner::Router => Some(ROUTER),
            Owner::Nobody => None,
        };
        ensure!(
            answer == expected,
            "answered by {answer:02x?} instead of {expected:02x?}"
        );
        Ok(())
    }
}

impl Running {
    fn talk(&mut self, flow: &Flow, act: Act, expected: &Expected) -> Result<()> {
        let packets = flow.packets(act);
        for (at, &(by_client, flags)) in packets.iter().enumerate() {
            let (from, to, packet) = if by_client {
                (&flow.client, &flow.server, flow.from_client(&self.topology, flags))
            } else {
                (&flow.server, &flow.client, flow.from_server(&self.topology, flags))
            };
            let is_due = match expected {
                Expected::Accepted { .. } => true,
                Expected::Dropped(dropped) => usize::from(dropped.is_answer) == at,
            };
            let fate = self.send(from, &packet)?;
            if is_due {
                expect(&fate, to, expected, by_client == packets[0].0)?;
            } else {
                ensure!(
                    matches!(&fate, Fate::Arrived { at, .. } if at == to),
                    "before that, {fate:?}"
                );
            }
            if is_due && matches!(expected, Expected::Dropped(_)) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A guest sends a packet, to whatever MAC address it would have learned for its destination.
    fn send(&mut self, from: &str, packet: &Packet) -> Result<Fate> {
        let guest = self.topology.guest(from);
        let to = Parsed::read(&packet.build())?.dst.0;
        let frame = packet.clone().from_mac(guest.mac).to_mac(self.next_hop(from, to));
        self.pass(from, &frame.build())
    }

    fn next_hop(&self, from: &str, to: IpAddr) -> [u8; 6] {
        let resources = &self.topology.resources;
        let sender = self.topology.interface(from);
        let subnet = resources
            .subnets
            .iter()
            .find(|subnet| subnet.subnet_id == sender.subnet_id);
        let broadcast = subnet.map(|subnet| IpAddr::V4(subnet.cidr_block.broadcast()));
        if Some(to) == broadcast || to == Ipv4Addr::BROADCAST {
            return BROADCAST;
        }
        let mut enis = resources.network_interfaces.iter();
        let neighbour = enis.find(|eni| eni.subnet_id == sender.subnet_id && eni.has(to));
        neighbour.map_or(ROUTER, |eni| eni.mac_address.0)
    }

    /// A frame, and what middleboxes make of it. It arrives as it was sent, but for its MAC addresses.
    fn pass(&mut self, from: &str, frame: &[u8]) -> Result<Fate> {
        let mut through = Vec::new();
        let (mut sender, mut sent) = (from.to_owned(), frame.to_vec());
        loop {
            let (device, arrived) = match self.judge(&sender, &sent)? {
                Ok(delivery) => delivery,
                Err(fate) => return Ok(fate),
            };
            ensure!(
                arrived.get(14..) == frame.get(14..),
                "the IP packet was changed on its way"
            );
            let at = self.name_on(device)?;
            let Some(onward) = relay(&self.topology, device, &arrived) else {
                return Ok(Fate::Arrived { at, through });
            };
            through.push(at.clone());
            ensure!(through.len() <= MOST_RELAYS, "it goes round in circles: {through:?}");
            (sender, sent) = (at, onward);
        }
    }

    /// One frame of one guest, to model and datapath at once.
    fn judge(&mut self, from: &str, frame: &[u8]) -> Result<Result<(Device, Vec<u8>), Fate>> {
        let interface = self.topology.interface(from).network_interface_id.clone();
        let (heard, _) = self.twin.send(self.topology.guest(from).device, frame, false);
        let said = self.model.leave(&interface, frame, false, self.now, heard.frame());
        match (said, heard) {
            (Verdict::Delivered { eni, frame: expected }, Heard::Delivered { to, frame })
                if self.topology.bindings[&eni].device == to && expected == frame =>
            {
                Ok(Ok((to, frame)))
            }
            (Verdict::Answered(expected), Heard::Answered(frame)) if expected == frame => {
                Ok(Err(Fate::Answered(frame)))
            }
            (Verdict::Dropped(drop), Heard::Dropped(_)) => {
                let (expected, told) = (self.loss(&drop), self.told()?);
                ensure!(expected == told, "the model says {expected:?}, the datapath {told:?}");
                Ok(Err(Fate::Lost(told)))
            }
            (said, heard) => bail!("the model says {said:?}, the datapath {heard:?}"),
        }
    }

    fn loss(&self, drop: &crate::model::Drop) -> Loss {
        let name = |id: &String| {
            let mut enis = self.topology.resources.network_interfaces.iter();
            let eni = enis.find(|eni| eni.network_interface_id == *id);
            eni.map_or_else(|| id.clone(), |eni| eni.name.clone())
        };
        Loss {
            at: match &drop.at {
                At::Eni(id) => name(id),
                At::Internet => INTERNET.to_owned(),
            },
            egress: drop.egress,
            reason: reasons::of(drop.reason),
            rule: drop.rule,
        }
    }

    fn told(&self) -> Result<Loss> {
        let event = self.twin.tables().last_drop().context("the drop isn't told of")?;
        Ok(Loss {
            at: self.name_on(event.at)?,
            egress: u32::from(event.direction) == direction::EGRESS,
            reason: event.reason,
            rule: (event.rule != 0).then_some(event.rule),
        })
    }

    fn name_on(&self, device: Device) -> Result<String> {
        let id = self.topology.eni_on(device).context("a device without an ENI")?;
        let mut enis = self.topology.resources.network_interfaces.iter();
        let eni = enis
            .find(|eni| eni.network_interface_id == id)
            .context("an unknown ENI")?;
        Ok(eni.name.clone())
    }
}

/// `is_there`: the packet goes the way that the exchange began with, and is no answer.
fn expect(fate: &Fate, to: &str, expected: &Expected, is_there: bool) -> Result<()> {
    let is_so = match (expected, fate) {
        (Expected::Accepted { there, back }, Fate::Arrived { at, through }) => {
            let expected = if is_there { there } else { back };
            at == to && through.iter().map(String::as_str).eq(*expected)
        }
        (Expected::Dropped(dropped), Fate::Lost(loss)) => is_told(dropped, loss),
        _ => false,
    };
    ensure!(is_so, "{fate:?}");
    Ok(())
}

fn is_told(dropped: &Dropped, loss: &Loss) -> bool {
    let same_rule = dropped.rule.is_none() || dropped.rule == loss.rule;
    (dropped.at, dropped.egress) == (&*loss.at, loss.egress) && dropped.is_told_by(loss.reason) && same_rule
}
