//! The specification's conformance scenarios, each told once and played on every stage there is.
//!
//! A scenario changes the base topology by its "Given", lets guests talk, and says what becomes of it:
//!
//! ```
//! use groundplane_tests::scenario::{Scene, code, dropped_arriving, host::Host, tcp};
//! let mut scene = Scene::new(Host::new());
//! scene.given(|t0| {
//!     t0.group("closed", vec![]).in_groups("a1x", &["closed"]);
//! });
//! scene.when(tcp("a1", "a1x", 80)).then(dropped_arriving("a1x", code::SG_RULES));
//! ```
//!
//! On the [`host::Host`] it is played to the reference model and the datapath at once, which must agree. Between
//! [`namespaces::Namespaces`] real sockets and tools play it, through the binary and the loaded programs.

mod arrival;
mod document;
mod exchange;
mod expected;
mod gateway_balancer;
mod gateway_endpoint;
pub mod host;
mod internet;
mod list;
mod load_balancer;
mod nacl;
pub mod namespaces;
mod nat_gateway;
mod peering;
mod private_link;
mod routing;
mod subnet;
mod tracking;
mod transit_gateway;
mod vpc_link;

pub use document::{document, refusals, warnings};
pub use exchange::{Act, Exchange, Flow, Protocol, X, many, only, ping, protocol, tcp, udp};
pub use expected::{
    Expected, INTERNET, Told, accepted, answer_dropped_arriving, answer_dropped_leaving, code, dropped_arriving,
    dropped_leaving, kept_by,
};
pub use list::{BY_AN_AGENT, all_played};

use crate::appliance::Manner;
use crate::packet::Packet;
use crate::topology::Topology;
use anyhow::Result;
use std::net::IpAddr;
use std::time::Duration;

/// The scenarios that are played, each a function of a scene.
pub mod played {
    pub use super::{
        gateway_balancer::*, gateway_endpoint::*, internet::*, load_balancer::*, nacl::*, nat_gateway::*, peering::*,
    };
    pub use super::{private_link::*, routing::*, subnet::*, tracking::*, transit_gateway::*, vpc_link::*};
}

/// Where a scenario is played.
pub trait Stage {
    /// Puts a configuration in force, the first one or another.
    fn configure(&mut self, topology: &Topology) -> Result<()>;

    fn wait(&mut self, time: Duration) -> Result<()>;

    /// Lets it happen, and fails if anything else comes of it than what is expected.
    fn play(&mut self, exchange: &Exchange, expected: &Expected) -> Result<()>;

    /// Appliances behave like this from now on.
    fn appliances(&mut self, manner: Manner) -> Result<()>;

    /// Lets a guest ask who has an address of its subnet, and fails if the answer is another's MAC address.
    fn ask(&mut self, from: &str, address: IpAddr, owner: Owner<'_>) -> Result<()>;
}

/// Whose MAC address answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    Eni(&'a str),
    Router,
    Nobody,
}

/// A scenario being played. What fails panics: it is a test.
pub struct Scene {
    stage: Box<dyn Stage>,
    topology: Topology,
    /// Whether the stage knows the topology as it is.
    is_known: bool,
    flows: u16,
}

impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scene")
            .field("topology", &self.topology)
            .finish_non_exhaustive()
    }
}

impl Scene {
    /// T0, untouched.
    #[must_use]
    pub fn new(stage: impl Stage + 'static) -> Self {
        Self {
            stage: Box::new(stage),
            topology: Topology::t0(),
            is_known: false,
            flows: 0,
        }
    }

    /// Changes the topology: before the first packet the "Given", after it what happens next.
    pub fn given(&mut self, change: impl FnOnce(&mut Topology)) {
        change(&mut self.topology);
        self.is_known = false;
    }

    pub fn wait(&mut self, seconds: u64) {
        self.stage.wait(Duration::from_secs(seconds)).expect("time passes");
    }

    /// Appliances behave like this from now on.
    pub fn appliances(&mut self, manner: Manner) {
        self.stage.appliances(manner).expect("appliances are told");
    }

    /// A connection that is spoken of more than once. Nothing is said on it yet.
    #[must_use]
    pub fn flow(&mut self, flow: Flow) -> Flow {
        self.flows += 1;
        flow.numbered(self.flows)
    }

    /// A connection that is open.
    #[track_caller]
    #[must_use]
    pub fn session(&mut self, flow: Flow) -> Flow {
        let flow = self.flow(flow);
        self.when(flow.clone()).then(accepted());
        flow
    }

    /// A packet with the IPv4 addresses of two guests, and ports of no meaning.
    #[must_use]
    pub fn between(&self, from: &str, to: &str, packet: Packet) -> Packet {
        let (from, to) = (self.topology.guest(from), self.topology.guest(to));
        packet.ip_from(from.ip, 4000).ip_to(to.ip, 9)
    }

    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// What happens. A flow by itself opens and is answered, one that has no number yet as a new connection.
    pub fn when(&mut self, exchange: impl Into<Exchange>) -> When<'_> {
        let mut exchange = exchange.into();
        if let Exchange::Talk(flow, _) = &mut exchange
            && flow.number == 0
        {
            *flow = self.flow(flow.clone());
        }
        When { scene: self, exchange }
    }

    /// A guest asks, by ARP or neighbour discovery, who has an address of its subnet.
    #[track_caller]
    pub fn ask(&mut self, from: &str, address: &str, owner: Owner<'_>) {
        let address = crate::topology::address(address);
        self.prepare();
        if let Err(error) = self.stage.ask(from, address, owner) {
            panic!("{from} asks for {address}: {error:#}");
        }
    }

    #[track_caller]
    fn prepare(&mut self) {
        if !self.is_known {
            if let Err(error) = self.stage.configure(&self.topology) {
                panic!("{error:#}");
            }
            self.is_known = true;
        }
    }
}

/// The first half of a sentence.
#[derive(Debug)]
#[must_use]
pub struct When<'a> {
    scene: &'a mut Scene,
    exchange: Exchange,
}

impl When<'_> {
    #[track_caller]
    pub fn then(self, expected: Expected) {
        self.scene.prepare();
        if let Err(error) = self.scene.stage.play(&self.exchange, &expected) {
            panic!("{}: expected {expected}: {error:#}", self.exchange);
        }
    }
}
