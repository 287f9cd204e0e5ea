//! Generated conversations: not packets, but flows that open, answer, repeat, fall silent and close, between guests of
//! a random topology, while the configuration changes under them.
//!
//! A conversation is determined by a seed and an index, and any prefix of its steps is a conversation as well, so that
//! a failure is told by three numbers.

mod flow;
mod fragments;
mod nacl;
mod neighbor;
mod noise;
mod relay;
mod rules;
mod world;

use crate::topology::Topology;
use groundplane_abi::Device;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

pub(crate) use relay::is_appliance;
pub use relay::{is_appliance_on, relay};

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The guest on a device sends a frame. If it reaches a middlebox that can pass it on, the middlebox does (see
    /// [`relay()`]).
    Send {
        from: Device,
        frame: Vec<u8>,
        tagged: bool,
        what: &'static str,
    },
    /// Nothing happens for a while.
    Wait(Duration),
    /// Another configuration is put in force.
    Configure(Box<Topology>),
}

/// A topology and what happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    pub topology: Topology,
    pub steps: Vec<Step>,
}

/// The shortest idle limit there is: that of a closing TCP connection.
const SHORTEST_LIMIT: Duration = Duration::from_secs(10);
/// How much happens in a conversation.
const ACTS: usize = 200;

/// The conversation with this index under this seed.
#[must_use]
pub fn generate(seed: u64, index: u64) -> Conversation {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(index);
    let topology = world::topology(&mut random);
    let mut writer = Writer {
        flows: Vec::new(),
        opened: 0,
        noises: 0,
        now: topology.clone(),
        steps: Vec::new(),
        random,
    };
    for _ in 0..ACTS {
        writer.act();
    }
    Conversation {
        topology,
        steps: writer.steps,
    }
}

/// A conversation being written.
struct Writer {
    /// The topology as the configuration stands after the last step.
    now: Topology,
    flows: Vec<flow::Flow>,
    /// How many flows there were; each has a port of its own.
    opened: u16,
    noises: u16,
    steps: Vec<Step>,
    random: ChaCha8Rng,
}

impl Writer {
    fn act(&mut self) {
        match self.random.random_range(0..100) {
            0..18 => self.open(),
            18..60 => self.go_on(),
            60..66 => self.idle_at_an_edge(),
            66..69 => self.pause(),
            69..76 => fragments::train(self),
            76..80 => neighbor::make(self),
            80..98 => noise::make(self),
            _ => self.change(),
        }
    }

    /// A new flow, its first packet, and mostly what usually follows.
    fn open(&mut self) {
        self.opened += 1;
        let Some(flow) = flow::Flow::open(&self.now, self.opened, &mut self.random) else {
            return;
        };
        self.flows.push(flow);
        let last = self.flows.len() - 1;
        self.say(last, flow::Act::Open);
        if self.random.random_bool(0.7) {
            self.say(last, flow::Act::Answer);
        }
        if self.random.random_bool(0.5) {
            self.say(last, flow::Act::Ask);
        }
    }

    fn go_on(&mut self) {
        let Some(at) = self.pick_flow() else { return };
        let act = *flow::Act::USUAL.choose(&mut self.random).expect("there are usual acts");
        self.say(at, act);
        if act == flow::Act::Burst {
            for _ in 0..9 {
                self.say(at, flow::Act::Ask);
            }
        }
    }

    /// Silence right up to one of the idle limits, or a tick less or more, then a packet that notices.
    fn idle_at_an_edge(&mut self) {
        const LIMITS: [u64; 11] = [10, 30, 45, 60, 90, 180, 350, 600, 1200, 86_400, 432_000];
        let Some(at) = self.pick_flow() else { return };
        self.ask_or_answer(at);
        let limit = Duration::from_secs(*LIMITS.choose(&mut self.random).expect("there are limits"));
        let wait = self.about(limit);
        let number = self.flows[at].number;
        self.wait(wait);
        if let Some(at) = self.flows.iter().position(|flow| flow.number == number) {
            self.ask_or_answer(at);
        }
    }

    /// A time, or a tick less or more, or a while more.
    fn about(&mut self, time: Duration) -> Duration {
        const TICK: Duration = Duration::from_millis(1);
        match self.random.random_range(0..4) {
            0 => time - TICK,
            1 => time,
            2 => time + TICK,
            _ => time + Duration::from_secs(self.random.random_range(1..30)),
        }
    }

    fn ask_or_answer(&mut self, at: usize) {
        let asks = self.random.random_bool(0.5);
        self.say(at, if asks { flow::Act::Ask } else { flow::Act::Answer });
    }

    fn pause(&mut self) {
        let wait = self.random.random_range(1..20_000);
        self.wait(Duration::from_millis(wait));
    }

    fn wait(&mut self, time: Duration) {
        self.steps.push(Step::Wait(time));
        self.flows.retain_mut(|flow| flow.outlives(time));
    }

    fn change(&mut self) {
        let topology = &mut self.now;
        self.flows
            .retain(|flow| !flow.is_lopsided(topology) && !flow.may_be_half_forgotten());
        match world::change(topology, &mut self.random) {
            // An ENI that begins to track in the middle of a connection knows, in the model, what it has seen since;
            // in the datapath, what its entries hold. AWS doesn't say how long either is remembered (semantics 7.4), so
            // such flows go on for a while, but their idle limits aren't asked for.
            // A connection that a route has led another way is likewise known there only since.
            world::Changed::Groups(vpc) | world::Changed::Routes(vpc) => {
                self.flows
                    .retain_mut(|flow| !flow.is_in(topology, vpc) || flow.end_within(SHORTEST_LIMIT));
            }
            world::Changed::Other => {}
        }
        self.flows.retain(|flow| !flow.is_lopsided(topology));
        self.steps.push(Step::Configure(Box::new(self.now.clone())));
        // A live flow notices at once.
        if let Some(at) = self.pick_flow() {
            self.say(at, flow::Act::Ask);
            self.say(at, flow::Act::Answer);
        }
    }

    fn say(&mut self, at: usize, act: flow::Act) {
        self.flows[at].note(act);
        let (from, packet) = self.flows[at].packet(act, &mut self.random);
        self.send(from, &packet, act.name());
    }

    fn send(&mut self, from: Device, packet: &crate::packet::Packet, what: &'static str) {
        self.steps.push(Step::Send {
            from,
            frame: packet.build(),
            tagged: false,
            what,
        });
    }

    /// Recent flows more often than old ones.
    fn pick_flow(&mut self) -> Option<usize> {
        let len = self.flows.len();
        let recent = len.saturating_sub(6);
        let from = if self.random.random_bool(0.8) { recent } else { 0 };
        (len > 0).then(|| self.random.random_range(from..len))
    }
}
