//! The stage without a kernel: the reference model and the datapath on the host, which must say the same of every
//! packet.

mod fate;

use super::arrival::Arrival;
use super::exchange::Seen;
use super::expected::INTERNET;
use super::{Act, Exchange, Expected, Flow, Owner, Stage, X};
use crate::appliance::Manner;
use crate::conversation::{is_appliance_on, relay};
use crate::model::{self, Model, Verdict};
use crate::packet::{BROADCAST, Packet, Parsed, ROUTER};
use crate::topology::Topology;
use crate::twin::{Heard, Twin, components};
use anyhow::{Context as _, Result, bail, ensure};
use fate::{Fate, Loss, expect, loss};
use groundplane::integration::{Hop, hops};
use groundplane::plan;
use groundplane_abi::nacl::direction;
use groundplane_abi::{Device, Mac};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// More middleboxes than any scenario has; a packet that meets more of them goes round in circles.
const MOST_RELAYS: usize = 4;

/// The MAC address of whoever is beyond the uplink.
const BEYOND: [u8; 6] = [2, 7, 7, 7, 7, 7];

/// Where in a frame its MAC addresses end.
const MACS: usize = 12;

/// Model and datapath, side by side.
#[derive(Debug, Default)]
pub struct Host {
    running: Option<Running>,
    manner: Manner,
}

#[derive(Debug)]
struct Running {
    topology: Topology,
    model: Model,
    twin: Twin,
    now: Duration,
    manner: Manner,
    /// What servers have seen of the connections, by their numbers.
    seen: HashMap<u16, Seen>,
}

/// Where one frame has come to.
#[derive(Debug)]
enum Delivery {
    Guest(Device, Vec<u8>),
    Outside(Vec<u8>),
    Service(Vec<u8>),
    Nowhere(Fate),
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
                running.model.configure(topology.whole().resources);
                running.twin.configure(topology);
                running.topology = topology.clone();
            }
            None => {
                self.running = Some(Running {
                    topology: topology.clone(),
                    model: Model::new(topology.whole().resources),
                    twin: Twin::new(topology),
                    now: Duration::ZERO,
                    manner: self.manner,
                    seen: HashMap::new(),
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

    fn appliances(&mut self, manner: Manner) -> Result<()> {
        self.manner = manner;
        if let Some(running) = &mut self.running {
            running.manner = manner;
        }
        Ok(())
    }

    fn play(&mut self, exchange: &Exchange, expected: &Expected) -> Result<()> {
        let running = self.running()?;
        match exchange {
            Exchange::Talk(flow, act) => running.talk(flow, *act, expected),
            Exchange::Only { from, to, packet } => {
                let fate = running.send(from, packet)?;
                expect(&fate, to, (packet, true), expected, true)
            }
            Exchange::Many { from, to, packets } => {
                for packet in packets {
                    let fate = running.send(from, packet)?;
                    expect(&fate, to, (packet, true), expected, true)?;
                }
                Ok(())
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
            Fate::Lost(..) => None,
            fate @ Fate::Arrived(_) => bail!("{fate:?}"),
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
        let flow = &self.by_name(flow)?;
        let packets = flow.packets(act);
        for (at, &(by_client, flags)) in packets.iter().enumerate() {
            let packet = self.packet(flow, act, by_client, flags);
            let (from, to) = match by_client {
                true => (&flow.client, &flow.server),
                false => (&flow.server, &flow.client),
            };
            let is_due = match expected {
                Expected::Accepted { .. } | Expected::Kept(_) => true,
                Expected::Dropped(dropped) => usize::from(dropped.is_answer) == at,
            };
            let fate = self.send(from, &packet)?;
            if is_due {
                expect(&fate, to, (&packet, by_client), expected, by_client == packets[0].0)?;
            }
            if matches!(expected, Expected::Kept(_)) {
                return Ok(());
            }
            let Fate::Arrived(arrival) = fate else {
                ensure!(is_due, "before that, {fate:?}");
                return Ok(());
            };
            ensure!(arrival.at == *to, "before that, {arrival:?}");
            if by_client {
                self.seen.insert(flow.number, flow.seen(&arrival.read()?));
            } else {
                arrival.ensure_answers(flow, &self.topology)?;
            }
        }
        Ok(())
    }

    /// The service behind VPC links has a name for whom it speaks to, by the link's first ENI.
    fn by_name(&mut self, flow: &Flow) -> Result<Flow> {
        let Some(integration) = self.topology.integration_named(&flow.client) else {
            return Ok(flow.clone());
        };
        let hops = hops(&self.topology.resources, integration).map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
        let Hop {
            network_interface_id: eni,
            target,
        } = hops.into_iter().next().context("a hop")?;
        ensure!(target.port() == flow.port, "it reaches {target}");
        let mut names = self.topology.integrations.iter();
        let number = names
            .position(|it| it.name == integration.name)
            .context("it is there")?;
        let name = [100, 64, 1, u8::try_from(number)?];
        let devices = plan::devices(&self.topology.resources, &self.topology.bindings);
        self.twin.set_alias(name, devices[&eni], target.ip().octets());
        self.model.name(name.into(), &eni, (*target.ip()).into());
        Ok(flow.clone().to(&Ipv4Addr::from(name).to_string()))
    }

    fn packet(&self, flow: &Flow, act: Act, by_client: bool, flags: u8) -> Packet {
        let seen = self.seen.get(&flow.number).copied();
        let seen = seen.unwrap_or_else(|| flow.untranslated(&self.topology));
        match (by_client, act) {
            (true, _) => flow.from_client(&self.topology, flags),
            (false, Act::ServerObjects) => flow.objection(seen),
            (false, _) => flow.answer(seen, flags),
        }
    }

    /// Somebody sends a packet: a guest to whatever MAC address it would have learned for its destination.
    fn send(&mut self, from: &str, packet: &Packet) -> Result<Fate> {
        if from == X {
            let frame = packet.clone().from_mac(BEYOND).to_mac(BEYOND);
            return self.pass(from, &frame.build());
        }
        if self.topology.integration_named(from).is_some() {
            let frame = packet.clone().from_mac(Mac::SERVICE.0).to_mac(ROUTER);
            return self.pass(from, &frame.build());
        }
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
        // Who has no guest is spoken to by way of the router.
        let neighbour = neighbour.filter(|eni| !eni.requester_managed);
        neighbour.map_or(ROUTER, |eni| eni.mac_address.0)
    }

    /// A frame, and what middleboxes make of it.
    fn pass(&mut self, from: &str, frame: &[u8]) -> Result<Fate> {
        let mut through = Vec::new();
        let (mut sender, mut sent) = (from.to_owned(), frame.to_vec());
        loop {
            let (at, frame, onward) = match self.judge(&sender, &sent)? {
                Delivery::Nowhere(fate) => return Ok(fate),
                Delivery::Outside(frame) => (X.to_owned(), frame, None),
                Delivery::Service(frame) => (self.caller(&frame)?, frame, None),
                Delivery::Guest(device, frame) => {
                    let onward = self.relay(device, &frame);
                    (self.name_on(device)?, frame, onward)
                }
            };
            let Some(onward) = onward else {
                return Ok(Fate::Arrived(Arrival { at, through, frame }));
            };
            through.push(at.clone());
            ensure!(through.len() <= MOST_RELAYS, "it goes round in circles: {through:?}");
            (sender, sent) = (at, onward);
        }
    }

    fn relay(&self, device: Device, frame: &[u8]) -> Option<Vec<u8>> {
        const DATAGRAM: usize = 14 + 20 + 8;
        let mut onward = relay(&self.topology, device, frame)?;
        let is_inspected = is_appliance_on(&self.topology, device);
        let goes_on = !is_inspected || self.manner.answers(onward.get_mut(DATAGRAM..)?);
        goes_on.then_some(onward)
    }

    /// Which integration an answer is for: its source is the name that was spoken to.
    fn caller(&self, frame: &[u8]) -> Result<String> {
        let IpAddr::V4(name) = Parsed::read(frame)?.src.0 else {
            bail!("the service speaks IPv4");
        };
        let [.., number] = name.octets();
        let integration = self.topology.integrations.get(usize::from(number));
        Ok(integration.context("an integration")?.name.clone())
    }

    /// One frame of somebody's, to model and datapath at once.
    fn judge(&mut self, from: &str, frame: &[u8]) -> Result<Delivery> {
        let device = match from {
            X => Device::INTERNET,
            service if self.topology.integration_named(service).is_some() => Device::SERVICE,
            guest => self.topology.guest(guest).device,
        };
        let (heard, _) = self.twin.send(device, frame, false);
        let said = self.said(from, frame, &heard);
        match (said, heard) {
            (Verdict::Delivered { eni, frame: expected }, Heard::Delivered { to, frame })
                if self.topology.bindings[&eni].device == to && expected == frame =>
            {
                Ok(Delivery::Guest(to, frame))
            }
            (Verdict::Served(expected), Heard::Delivered { to, frame })
                if to == Device::SERVICE && expected[MACS..] == frame[MACS..] =>
            {
                Ok(Delivery::Service(frame))
            }
            (Verdict::Left(expected), Heard::Left(frame)) if expected == frame => Ok(Delivery::Outside(frame)),
            (Verdict::Answered(expected), Heard::Answered(frame)) if expected == frame => {
                Ok(Delivery::Nowhere(Fate::Answered(frame)))
            }
            (Verdict::Dropped(drop), Heard::Dropped(_)) => self.lost(&drop, None),
            (Verdict::Refused { drop, answer: expected }, Heard::Refused { answer, .. }) if expected == answer => {
                self.lost(&drop, Some(answer))
            }
            (said, heard) => bail!("the model says {said:?}, the datapath {heard:?}"),
        }
    }

    /// What the model says of a frame, with what was heard of it.
    fn said(&mut self, from: &str, frame: &[u8], heard: &Heard) -> Verdict {
        let told = self.told().ok();
        let topology = &self.topology;
        let seen = model::Seen {
            frame: heard.frame(),
            is_told: &|drop| Some(loss(topology, drop)) == told,
        };
        if from == X {
            return self.model.arrive(frame, false, self.now, seen);
        }
        if self.topology.integration_named(from).is_some() {
            return self.model.call(frame, self.now, seen);
        }
        let interface = &self.topology.interface(from).network_interface_id;
        self.model.leave(interface, frame, false, self.now, seen)
    }

    fn lost(&self, drop: &model::Drop, answer: Option<Vec<u8>>) -> Result<Delivery> {
        let (expected, told) = (loss(&self.topology, drop), self.told()?);
        ensure!(expected == told, "the model says {expected:?}, the datapath {told:?}");
        Ok(Delivery::Nowhere(Fate::Lost(told, answer)))
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
        if device == Device::INTERNET {
            return Ok(INTERNET.to_owned());
        }
        let Some(id) = self.topology.eni_on(device) else {
            return self.component_on(device);
        };
        let mut enis = self.topology.resources.network_interfaces.iter();
        let eni = enis
            .find(|eni| eni.network_interface_id == id)
            .context("an unknown ENI")?;
        Ok(eni.name.clone())
    }

    /// Which ENI, that no guest has, has a device of the plan's own.
    fn component_on(&self, device: Device) -> Result<String> {
        let components = components(&self.topology);
        let eni = components.get(&device);
        Ok(eni.context("a device without an ENI")?.name.clone())
    }
}
