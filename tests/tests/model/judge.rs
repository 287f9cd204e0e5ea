//! One conversation, heard by both.

use super::books::Books;
use super::coverage::Coverage;
use super::reasons;
use groundplane_abi::Device;
use groundplane_tests::conversation::{Conversation, Step, relay};
use groundplane_tests::model::{Model, Verdict};
use groundplane_tests::packet::Parsed;
use groundplane_tests::topology::Topology;
use groundplane_tests::twin::{Heard, Twin};
use std::time::Duration;

/// How often a packet is passed on by middleboxes before nobody does it any more.
const RELAYS: u32 = 4;

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
        twin: Twin::new(&conversation.topology),
        books: Books::default(),
        topology: &conversation.topology,
        now: Duration::ZERO,
    };
    for (at, step) in conversation.steps.iter().enumerate() {
        if let Err(disagreement) = room.step(step, coverage) {
            return Err(format!(
                "\n{}\nstep {at}: {disagreement}",
                story(&conversation.steps[..=at])
            ));
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
        let expected = self.expected(&eni, frame, tagged);
        let (heard, path) = self.twin.send(from, frame, tagged);
        if heard != expected {
            return Err(format!(
                "the model says {}, the datapath {} ({path:?})",
                tell(&expected),
                tell(&heard)
            ));
        }
        self.books.heard(from, frame, &heard);
        coverage.heard(&heard, path);
        Ok(match heard {
            Heard::Delivered { to, frame } => Some((to, frame)),
            _ => None,
        })
    }

    fn expected(&mut self, eni: &str, frame: &[u8], tagged: bool) -> Heard {
        match self.model.leave(eni, frame, tagged, self.now) {
            Verdict::Delivered { eni, frame } => Heard::Delivered {
                to: self.topology.bindings[&eni].device,
                frame,
            },
            Verdict::Answered(frame) => Heard::Answered(frame),
            Verdict::Dropped(reason) => Heard::Dropped(reasons::of(reason)),
        }
    }
}

fn tell(heard: &Heard) -> String {
    match heard {
        Heard::Dropped(reason) => format!("{reason}"),
        Heard::Answered(frame) => format!("answered {frame:02x?}"),
        Heard::Delivered { to, frame } => format!("delivered to {}: {frame:02x?}", to.0),
    }
}

/// What has happened, a line each, the configuration told only by what it became.
fn story(steps: &[Step]) -> String {
    let mut now = Duration::ZERO;
    let mut lines = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        lines.push(match step {
            Step::Wait(time) => {
                now += *time;
                format!("{at:>4} {now:?} after {time:?}")
            }
            Step::Configure(_) => format!("{at:>4} another configuration"),
            Step::Send { from, frame, what, .. } => {
                let read = Parsed::read(frame).map_or_else(|error| format!("{error:#}"), |p| summary(&p));
                format!("{at:>4} device {} {what}: {read}", from.0)
            }
        });
    }
    lines.join("\n")
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
    format!("{src:?} to {dst:?} protocol {protocol} {ports:?} flags {tcp_flags:#x}")
}
