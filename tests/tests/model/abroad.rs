//! Conversations across gateways, with the outside and between VPCs: model and datapath on the host say the same of
//! every packet here, too.
//!
//! They are made while they are played, since what is answered depends on the ports that NAT gateways have chosen. The
//! configuration of a conversation stays as it is.

mod reach;
pub(crate) mod speech;
mod world;

use super::books::Books;
use groundplane::simulate::Capacity;
use groundplane_abi::Device;
use groundplane_abi::eni::DropKey;
use groundplane_abi::nacl::direction;
use groundplane_tests::conversation::relay;
use groundplane_tests::model::{At, Drop, Model, Seen, Verdict};
use groundplane_tests::packet::Parsed;
use groundplane_tests::reasons;
use groundplane_tests::topology::Topology;
use groundplane_tests::twin::{self, Heard, Twin, components};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
pub(crate) use reach::{BALANCER_REASONS, INSPECTION_REASONS, LINK_REASONS, REASONS, Reach};
use speech::Heap;
use std::collections::BTreeMap;
use std::time::Duration;

/// Packets and pauses of a conversation.
const STEPS: usize = 300;
/// How often a packet is passed on by middleboxes before nobody does it any more.
const RELAYS: u32 = 4;
/// More than any conversation needs, and soon made.
const SMALL: Capacity = Capacity {
    flows: 4096,
    embryos: 4096,
};

/// One conversation, with both listening.
pub(crate) struct Room {
    topology: Topology,
    model: Model,
    twin: Twin,
    /// The ids of the ENIs that no guest has, by their devices.
    components: BTreeMap<Device, String>,
    books: Books,
    now: Duration,
    /// What has happened, a line each.
    story: Vec<String>,
}

/// Plays a conversation. The error tells what happened up to the first packet that model and datapath disagree about.
pub(crate) fn listen(seed: u64, index: u64, reach: &mut Reach) -> Result<(), String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ index.rotate_left(32));
    let topology = world::topology(&mut random);
    let mut room = Room::new(topology);
    let mut heap = Heap::new(&room.topology);
    for _ in 0..STEPS {
        if random.random_bool(0.1) {
            room.wait(speech::pause(&mut random));
            continue;
        }
        let (from, packet) = heap.next(&mut random);
        let mut sent = Some((from, packet.build()));
        for _ in 0..=RELAYS {
            let Some((from, frame)) = sent else { break };
            let arrived = room.packet(from, &frame, reach).map_err(|wrong| room.tell(&wrong))?;
            sent = arrived
                .as_ref()
                .and_then(|(at, frame)| Some((*at, relay(&room.topology, *at, frame)?)));
            if let (Some((at, frame)), None) = (arrived, &sent) {
                heap.arrived(at, &frame);
            }
        }
    }
    Ok(())
}

impl Room {
    pub(crate) fn new(topology: Topology) -> Self {
        Self {
            model: Model::new(topology.whole().resources),
            twin: Twin::of(&twin::compile(&topology), SMALL),
            components: ids(&topology),
            books: Books::default(),
            topology,
            now: Duration::ZERO,
            story: Vec::new(),
        }
    }

    /// Another configuration is put in force.
    pub(crate) fn configure(&mut self, topology: &Topology) {
        self.model.configure(topology.whole().resources);
        self.twin.configure(topology);
        self.topology = topology.clone();
        self.components = ids(topology);
        self.story.push("another configuration".to_owned());
    }

    /// The service behind VPC links says this name for whom it speaks to by one of a link's network interfaces.
    pub(crate) fn name(&mut self, name: [u8; 4], (eni, device): (&str, Device), target: [u8; 4]) {
        self.model.name(name.into(), eni, target.into());
        self.twin.set_alias(name, device, target);
    }

    /// Says what the datapath has counted otherwise than it happened.
    pub(crate) fn check_books(&self) -> Result<(), String> {
        self.books.check(&self.twin)
    }

    /// Says what else has happened.
    pub(crate) fn note(&mut self, what: String) {
        self.story.push(what);
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.twin.wait(time);
        self.story.push(format!("{time:?} later"));
    }

    /// One packet. Where it has arrived, if it has; the outside is a place, too.
    pub(crate) fn packet(
        &mut self,
        from: Device,
        frame: &[u8],
        reach: &mut Reach,
    ) -> Result<Option<(Device, Vec<u8>)>, String> {
        let (heard, path) = self.twin.send(from, frame, false);
        let told = self.told(&heard);
        let (expected, expected_told) = self.expected(from, frame, (&heard, told.as_ref()));
        if (&expected, &expected_told) != (&heard, &told) {
            return Err(format!(
                "from {}: {}: the model says {} {expected_told:?} {:?}, the datapath {} {told:?} ({path:?})\n{expected:02x?}\n{heard:02x?}",
                from.0,
                summary(frame),
                became(&expected),
                self.model.last_way(),
                became(&heard),
            ));
        }
        self.story.push(format!(
            "from {}: {}: {} {told:?} ({path:?})",
            from.0,
            summary(frame),
            became(&heard)
        ));
        reach.heard(&heard);
        self.books.sent(from, frame, &heard);
        if told.is_some()
            && let Some(event) = self.twin.tables().last_drop()
        {
            let key = DropKey {
                device: event.at,
                reason: event.reason,
                rule: event.rule,
            };
            self.books.dropped(key, frame);
        }
        if let Some(way) = self.model.last_way() {
            reach.passed(way);
        }
        Ok(match heard {
            Heard::Delivered { to, frame } => Some((to, frame)),
            Heard::Left(frame) => Some((Device::INTERNET, frame)),
            _ => None,
        })
    }

    /// What the model says, with what was heard and told.
    fn expected(
        &mut self,
        from: Device,
        frame: &[u8],
        (heard, told): (&Heard, Option<&Told>),
    ) -> (Heard, Option<Told>) {
        let topology = &self.topology;
        let is_reason =
            |reason| matches!(heard, Heard::Dropped(it) | Heard::Refused { reason: it, .. } if *it == reason);
        let seen = Seen {
            frame: heard.frame(),
            is_told: &|drop| is_reason(reasons::of(drop.reason)) && Some(&expected_drop(topology, drop)) == told,
        };
        let verdict = match from {
            Device::INTERNET => self.model.arrive(frame, false, self.now, seen),
            Device::SERVICE => self.model.call(frame, self.now, seen),
            guest => {
                let eni = topology.eni_on(guest).expect("guests hang on devices");
                self.model.leave(eni, frame, false, self.now, seen)
            }
        };
        match verdict {
            Verdict::Delivered { eni, frame } => {
                let to = self.topology.bindings[&eni].device;
                (Heard::Delivered { to, frame }, None)
            }
            Verdict::Served(mut frame) => {
                // Its MAC addresses are nobody's business.
                if let Some(macs) = heard.frame().and_then(<[u8]>::first_chunk::<12>) {
                    frame[..12].copy_from_slice(macs);
                }
                let to = Device::SERVICE;
                (Heard::Delivered { to, frame }, None)
            }
            Verdict::Left(frame) => (Heard::Left(frame), None),
            Verdict::Passed => (Heard::Passed, None),
            Verdict::Answered(frame) => (Heard::Answered(frame), None),
            Verdict::Refused { drop, answer } => {
                let reason = reasons::of(drop.reason);
                (
                    Heard::Refused { reason, answer },
                    Some(expected_drop(&self.topology, &drop)),
                )
            }
            Verdict::Dropped(drop) => (
                Heard::Dropped(reasons::of(drop.reason)),
                Some(expected_drop(&self.topology, &drop)),
            ),
        }
    }

    /// What the datapath has told of a drop.
    fn told(&self, heard: &Heard) -> Option<Told> {
        if !matches!(heard, Heard::Dropped(_) | Heard::Refused { .. }) {
            return None;
        }
        let event = self.twin.tables().last_drop()?;
        let at = match event.at {
            // Whoever isn't here.
            Device::INTERNET | Device::SERVICE => Place::Internet,
            device if self.topology.eni_on(device).is_some() => Place::Guest(device),
            device => Place::Component(self.components.get(&device)?.clone()),
        };
        Some(Told {
            at,
            egress: u32::from(event.direction) == direction::EGRESS,
            rule: event.rule,
        })
    }

    pub(crate) fn tell(&self, wrong: &str) -> String {
        let last = self.story.len().saturating_sub(60);
        let story = self.story[last..].join("\n");
        format!("\n{story}\n{wrong}")
    }
}

fn ids(topology: &Topology) -> BTreeMap<Device, String> {
    let whole = topology.whole();
    let components = components(&whole).into_iter();
    components
        .map(|(device, eni)| (device, eni.network_interface_id.clone()))
        .collect()
}

fn expected_drop(topology: &Topology, drop: &Drop) -> Told {
    let at = match &drop.at {
        At::Internet => Place::Internet,
        At::Eni(id) => {
            let binding = topology.bindings.get(id);
            binding.map_or_else(|| Place::Component(id.clone()), |it| Place::Guest(it.device))
        }
    };
    Told {
        at,
        egress: drop.egress,
        rule: drop.rule.unwrap_or(0),
    }
}

/// A frame in a line.
fn summary(frame: &[u8]) -> String {
    let Ok(parsed) = Parsed::read(frame) else {
        return format!("{frame:02x?}");
    };
    format!(
        "{} to {} protocol {} {:?} flags {:#x} ttl {}, {} bytes",
        parsed.src.0,
        parsed.dst.0,
        parsed.protocol,
        parsed.ports,
        parsed.tcp_flags,
        parsed.ttl,
        frame.len()
    )
}

fn became(heard: &Heard) -> String {
    match heard {
        Heard::Delivered { to, frame } => format!("to {}: {}", to.0, summary(frame)),
        Heard::Left(frame) => format!("out: {}", summary(frame)),
        Heard::Answered(frame) => format!("answered: {}", summary(frame)),
        Heard::Refused { reason, answer } => format!("{reason}, and told: {}", summary(answer)),
        Heard::Dropped(reason) => format!("{reason}"),
        Heard::Passed => "passed".to_owned(),
    }
}

/// Where a drop is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Internet,
    /// The ENI of what no guest has.
    Component(String),
    Guest(Device),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    at: Place,
    egress: bool,
    rule: u16,
}
