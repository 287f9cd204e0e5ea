//! One conversation, heard by both.

use super::books::Books;
use super::coverage::Coverage;
use groundplane::simulate::Capacity;
use groundplane_abi::Device;
use groundplane_abi::eni::DropKey;
use groundplane_abi::nacl::direction;
use groundplane_tests::conversation::{Conversation, Step, relay};
use groundplane_tests::model::{At, Drop, Model, Seen, Verdict};
use groundplane_tests::packet::Parsed;
use groundplane_tests::reasons;
use groundplane_tests::topology::Topology;
use groundplane_tests::twin::{self, Heard, Twin};
use std::time::Duration;

/// How often a packet is passed on by middleboxes before nobody does it any more.
const RELAYS: u32 = 4;

/// More than any conversation needs, and soon made.
const SMALL: Capacity = Capacity {
    flows: 4096,
    embryos: 4096,
};

struct Room<'a> {
    model: Model,
    twin: Twin,
    books: Books,
    topology: &'a Topology,
    now: Duration,
}

/// Plays a conversation to model and datapath. The error tells the steps up to the first that they disagree about.
pub(crate) fn listen(conversation: &Conversation, coverage: &mut Coverage) -> Result<(), String> {
    let mut room = Room {
        model: Model::new(conversation.topology.resources.clone()),
        twin: Twin::of(&twin::compile(&conversation.topology), SMALL),
        books: Books::default(),
        topology: &conversation.topology,
        now: Duration::ZERO,
    };
    for (at, step) in conversation.steps.iter().enumerate() {
        if let Err(disagreement) = room.step(step, coverage) {
            return Err(format!("\n{}\nstep {at}: {disagreement}", story(conversation, at + 1)));
        }
    }
    room.books.check(&room.twin)
}

impl<'a> Room<'a> {
    fn step(&mut self, step: &'a Step, coverage: &mut Coverage) -> Result<(), String> {
        match step {
            Step::Wait(time) => {
                self.books.check(&self.twin)?;
                self.now += *time;
                self.twin.wait(*time);
            }
            Step::Configure(topology) => {
                self.books.check(&self.twin)?;
                self.topology = topology;
                self.model.configure(topology.resources.clone());
                self.twin.configure(topology);
                coverage.changed();
            }
            Step::Send {
                from, frame, tagged, ..
            } => {
                let mut arrived = self.packet(*from, frame, *tagged, coverage)?;
                for _ in 0..RELAYS {
                    let Some((at, frame)) = arrived else { break };
                    let Some(onward) = relay(self.topology, at, &frame) else {
                        break;
                    };
                    coverage.relayed();
                    arrived = self.packet(at, &onward, false, coverage)?;
                }
            }
        }
        Ok(())
    }

    /// One packet. Where it arrived, if it did.
    fn packet(
        &mut self,
        from: Device,
        frame: &[u8],
        tagged: bool,
        coverage: &mut Coverage,
    ) -> Result<Option<(Device, Vec<u8>)>, String> {
        let eni = self.topology.eni_on(from).expect("guests hang on devices").to_owned();
        let (heard, path) = self.twin.send(from, frame, tagged);
        let expected = self.expected(&eni, frame, tagged, heard.frame());
        let told = if matches!(heard, Heard::Dropped(_) | Heard::Refused { .. }) {
            self.told()
        } else {
            None
        };
        if (&heard, told) != (&expected.0, expected.1) {
            return Err(format!(
                "the model says {} {:?}, the datapath {} {told:?} ({path:?})",
                tell(&expected.0),
                expected.1,
                tell(&heard)
            ));
        }
        self.books.sent(from, frame, &heard);
        if let Some(Told { key, .. }) = told {
            self.books.dropped(key, frame);
        }
        coverage.heard(&heard, path);
        if let Some(way) = self.model.last_way() {
            coverage.passed(way);
        }
        Ok(match heard {
            Heard::Delivered { to, frame } => Some((to, frame)),
            _ => None,
        })
    }

    fn expected(&mut self, eni: &str, frame: &[u8], tagged: bool, seen: Option<&[u8]>) -> (Heard, Option<Told>) {
        match self.model.leave(eni, frame, tagged, self.now, Seen::frame(seen)) {
            Verdict::Delivered { eni, frame } => {
                let to = self.topology.bindings[&eni].device;
                (Heard::Delivered { to, frame }, None)
            }
            Verdict::Served(frame) => {
                let to = Device::SERVICE;
                (Heard::Delivered { to, frame }, None)
            }
            Verdict::Left(frame) => (Heard::Left(frame), None),
            Verdict::Passed => (Heard::Passed, None),
            Verdict::Answered(frame) => (Heard::Answered(frame), None),
            Verdict::Refused { drop, answer } => {
                let told = self.expected_drop(&drop);
                let reason = told.key.reason;
                (Heard::Refused { reason, answer }, Some(told))
            }
            Verdict::Dropped(drop) => {
                let told = self.expected_drop(&drop);
                (Heard::Dropped(told.key.reason), Some(told))
            }
        }
    }

    fn expected_drop(&self, drop: &Drop) -> Told {
        let device = match &drop.at {
            At::Eni(eni) => self.topology.bindings[eni].device,
            At::Internet => Device::INTERNET,
        };
        let key = DropKey {
            device,
            reason: reasons::of(drop.reason),
            rule: drop.rule.unwrap_or(0),
        };
        let egress = drop.egress;
        Told { key, egress }
    }

    /// What the datapath has told of the last drop.
    fn told(&self) -> Option<Told> {
        let event = self.twin.tables().last_drop()?;
        Some(Told {
            key: DropKey {
                device: event.at,
                reason: event.reason,
                rule: event.rule,
            },
            egress: u32::from(event.direction) == direction::EGRESS,
        })
    }
}

/// A drop as it is counted, and whether it was on the way out of its ENI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    key: DropKey,
    egress: bool,
}

fn tell(heard: &Heard) -> String {
    match heard {
        Heard::Dropped(reason) => format!("{reason}"),
        Heard::Refused { reason, answer } => format!("{reason}, answered {answer:02x?}"),
        Heard::Left(frame) => format!("left {frame:02x?}"),
        Heard::Passed => "passed".to_owned(),
        Heard::Answered(frame) => format!("answered {frame:02x?}"),
        Heard::Delivered { to, frame } => format!("delivered to {}: {frame:02x?}", to.0),
    }
}

/// What has happened, a line each, with what the model makes of it; the configuration told only by what it became.
fn story(conversation: &Conversation, steps: usize) -> String {
    let mut model = Model::new(conversation.topology.resources.clone());
    let mut topology = &conversation.topology;
    let mut now = Duration::ZERO;
    let mut lines = Vec::new();
    for (at, step) in conversation.steps.iter().enumerate().take(steps) {
        match step {
            Step::Wait(time) => {
                now += *time;
                lines.push(format!("{at:>4} {now:?} after {time:?}"));
            }
            Step::Configure(next) => {
                topology = next;
                model.configure(next.resources.clone());
                lines.push(format!("{at:>4} another configuration"));
            }
            Step::Send {
                from,
                frame,
                tagged,
                what,
            } => {
                let mut sent = Some((*from, frame.clone()));
                for _ in 0..=RELAYS {
                    let Some((from, frame)) = sent else { break };
                    let (told, onward) = retell(&mut model, topology, (from, &frame, *tagged), now);
                    lines.push(format!("{at:>4} device {} {what}: {told}", from.0));
                    sent = onward;
                }
            }
        }
    }
    lines.join("\n")
}

/// A packet and what the model makes of it; and as a middlebox passes it on, if one does.
fn retell(
    model: &mut Model,
    topology: &Topology,
    (from, frame, tagged): (Device, &[u8], bool),
    now: Duration,
) -> (String, Option<(Device, Vec<u8>)>) {
    let eni = topology.eni_on(from).expect("guests hang on devices");
    let read = Parsed::read(frame).map_or_else(|error| format!("{error}"), |packet| summary(&packet));
    let (became, onward) = match model.leave(eni, frame, tagged, now, Seen::NOTHING) {
        Verdict::Delivered { eni, frame } => {
            let to = topology.bindings[&eni].device;
            let onward = relay(topology, to, &frame).map(|frame| (to, frame));
            (format!("to {} {:?}", to.0, model.last_way()), onward)
        }
        Verdict::Answered(_) => ("answered".to_owned(), None),
        Verdict::Served(_) => ("served".to_owned(), None),
        Verdict::Left(_) => (format!("out {:?}", model.last_way()), None),
        Verdict::Passed => ("passed".to_owned(), None),
        Verdict::Dropped(drop) | Verdict::Refused { drop, .. } => (format!("{:?} {:?}", drop.reason, drop.rule), None),
    };
    (format!("{read}: {became}"), onward)
}

fn summary(packet: &Parsed) -> String {
    let Parsed {
        src,
        dst,
        protocol,
        ports,
        tcp_flags,
        ..
    } = packet;
    format!(
        "{} to {} protocol {protocol} {ports:?} flags {tcp_flags:#x}",
        src.0, dst.0
    )
}
