//! The stage with a kernel: guests are network namespaces, what they say to each other goes through real sockets and
//! tools, and the topology is brought up, and changed, as a document by the binary.

mod ear;
mod end;

use super::expected::Dropped;
use super::{Act, Exchange, Expected, Flow, Owner, Protocol, Stage, document};
use crate::netns::{Lab, eventually};
use crate::packet::{Packet, ROUTER};
use crate::topology::Topology;
use anyhow::{Context as _, Result, bail, ensure};
use ear::{Ear, Heard, Whose};
use end::{Ends, Listener};
use groundplane::install::Datapath;
use groundplane::resources::{InterfaceType, NetworkInterface, Resources};
use groundplane_abi::{DropReason, Mac};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

/// How long something may take that is to happen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long something is waited for that isn't to happen: shorter than TCP waits before it says a thing again. That the
/// drop is counted shows that there was something to be waited for.
const BRIEF: Duration = Duration::from_millis(100);

/// Guests in namespaces.
#[derive(Debug)]
pub struct Namespaces {
    lab: Lab,
    topology: Topology,
    /// What the document became: its MAC addresses aren't the topology's.
    resources: Resources,
    ears: BTreeMap<String, Ear>,
    listeners: HashMap<(String, IpAddr, u16), Listener>,
    flows: HashMap<u16, Ends>,
}

/// Drops by ENI, reason and rule of a NACL.
type Drops = BTreeMap<(String, u16, Option<String>), u64>;

impl Namespaces {
    /// An empty host.
    pub fn new() -> Result<Self> {
        Ok(Self {
            lab: Lab::new()?,
            topology: Topology::default(),
            resources: Resources::default(),
            ears: BTreeMap::new(),
            listeners: HashMap::new(),
            flows: HashMap::new(),
        })
    }

    fn drops(&self) -> Result<Drops> {
        let status = self.lab.status()?;
        let mut drops = Drops::new();
        for eni in status["enis"].as_array().context("status lists ENIs")? {
            let name = eni["name"].as_str().context("an ENI has a name")?;
            for drop in eni["drops"].as_array().context("an ENI lists its drops")? {
                let number = drop["number"].as_u64().context("a reason has a number")?;
                let rule = drop["rule"]["network_acl"]["entry"].as_str().map(str::to_owned);
                let packets = drop["packets"].as_u64().context("drops are counted")?;
                *drops
                    .entry((name.to_owned(), u16::try_from(number)?, rule))
                    .or_default() += packets;
            }
        }
        Ok(drops)
    }

    /// Waits until a drop is counted that wasn't before.
    fn is_counted(&self, before: &Drops, dropped: &Dropped) -> Result<()> {
        let matching = |drops: &Drops| -> u64 {
            let those = drops.iter().filter(|((at, reason, rule), _)| {
                at == dropped.at && dropped.is_told_by(DropReason(*reason)) && is_rule(dropped.rule, rule.as_deref())
            });
            those.map(|(_, packets)| packets).sum()
        };
        eventually(|| Ok(matching(&self.drops()?) > matching(before)))
            .with_context(|| format!("{dropped:?} isn't counted; {before:?} before, {:?} now", self.drops()))
    }

    fn talk(&mut self, flow: &Flow, act: Act, expected: &Expected) -> Result<()> {
        let Expected::Dropped(dropped) = expected else {
            ensure!(self.act(flow, act, PATIENCE)?, "it isn't");
            return self.went_through(flow, act, expected);
        };
        let before = self.drops()?;
        ensure!(!self.act(flow, act, BRIEF)?, "it is accepted");
        self.is_counted(&before, dropped)?;
        let (sender, receiver) = match act {
            Act::ServerSpeaks | Act::ServerObjects => (Whose::Server, &flow.client),
            Act::Opens | Act::ClientSpeaks => (Whose::Client, &flow.server),
        };
        let heard = self
            .heard(receiver)?
            .iter()
            .any(|heard| heard.is_of(flow, &self.topology, sender));
        ensure!(heard == dropped.is_answer, "{receiver} heard it: {heard}");
        Ok(())
    }

    /// Whether it happens within a time.
    fn act(&mut self, flow: &Flow, act: Act, patience: Duration) -> Result<bool> {
        match (flow.protocol, act) {
            (Protocol::Ping, _) => {
                let address = flow.server_address(&self.topology).to_string();
                let wait = patience.as_secs_f32().to_string();
                let output = self
                    .lab
                    .run(&flow.client, &["ping", "-q", "-c", "1", "-W", &wait, &address])?;
                Ok(output.code == Some(0))
            }
            (Protocol::Tcp, Act::Opens) => self.connect(flow, patience),
            (_, Act::Opens) => {
                let ends = self.ends(flow)?;
                Ok(ends.client_says(patience)? && ends.server_says(patience)?)
            }
            (_, Act::ClientSpeaks) => self.ends(flow)?.client_says(patience),
            (_, Act::ServerSpeaks) => self.ends(flow)?.server_says(patience),
            (_, Act::ServerObjects) => bail!("no server here sends ICMP errors"),
        }
    }

    fn connect(&mut self, flow: &Flow, patience: Duration) -> Result<bool> {
        let address = flow.server_address(&self.topology);
        let key = (flow.server.clone(), address, flow.port);
        if !self.listeners.contains_key(&key) {
            let listener = self.lab.inside(&flow.server, || Listener::start(address, flow.port))?;
            self.listeners.insert(key.clone(), listener);
        }
        let listener = self.listeners.get(&key).context("it was just made")?;
        let topology = &self.topology;
        let client = self
            .lab
            .inside(&flow.client, || end::connect(flow, topology, patience))?;
        let Some(client) = client else { return Ok(false) };
        let ends = Ends::new(client, listener.accept(PATIENCE)?);
        self.flows.insert(flow.number, ends);
        Ok(true)
    }
}

impl Namespaces {
    /// The sockets of a flow; those of TCP are there since it was opened.
    fn ends(&mut self, flow: &Flow) -> Result<&mut Ends> {
        if !self.flows.contains_key(&flow.number) {
            let topology = &self.topology;
            let server = self.lab.inside(&flow.server, || end::server(flow, topology))?;
            let client = self.lab.inside(&flow.client, || end::client(flow, topology))?;
            self.flows.insert(flow.number, Ends::new(client, server));
        }
        self.flows.get_mut(&flow.number).context("it was just made")
    }

    /// One packet by a raw socket. The kernel of the guest finds the way and makes the frame.
    fn only(&mut self, from: &str, to: &str, packet: &Packet, expected: &Expected) -> Result<()> {
        let packet = packet.build().split_off(14);
        let before = self.drops()?;
        self.lab.inside(from, || end::send_raw(&packet))?;
        match expected {
            Expected::Accepted { .. } => eventually(|| Ok(self.heard(to)?.iter().any(|heard| heard.is_copy(&packet))))
                .with_context(|| format!("{to} doesn't hear it")),
            Expected::Dropped(dropped) => {
                self.is_counted(&before, dropped)?;
                let heard = self.heard(to)?.iter().any(|heard| heard.is_copy(&packet));
                ensure!(!heard, "{to} hears it");
                Ok(())
            }
        }
    }

    /// Checks who has passed on the packets of an exchange that was accepted.
    fn went_through(&self, flow: &Flow, act: Act, expected: &Expected) -> Result<()> {
        let Expected::Accepted { there, back, .. } = expected else {
            return Ok(());
        };
        let ways = match act {
            Act::Opens => vec![(Whose::Client, there), (Whose::Server, back)],
            Act::ClientSpeaks => vec![(Whose::Client, there)],
            Act::ServerSpeaks | Act::ServerObjects => vec![(Whose::Server, there)],
        };
        let boxes = guests(&self.topology)
            .filter(|eni| !eni.source_dest_check && eni.name != flow.client && eni.name != flow.server);
        for middlebox in boxes.map(|eni| &*eni.name) {
            let heard = self.heard(middlebox)?;
            for (sender, expected) in &ways {
                let passed = heard.iter().any(|heard| heard.is_of(flow, &self.topology, *sender));
                let is_expected = **expected == Some(middlebox);
                ensure!(
                    passed == is_expected,
                    "{sender:?}'s packets passed {middlebox}: {passed}"
                );
            }
        }
        Ok(())
    }

    /// The IP packets that a guest has got since it was asked last.
    fn heard(&self, guest: &str) -> Result<Vec<Heard>> {
        self.ears
            .get(guest)
            .with_context(|| format!("no ear in {guest}"))?
            .heard()
    }

    fn mac(&self, owner: Owner<'_>) -> Result<Option<String>> {
        let mac = match owner {
            Owner::Nobody => return Ok(None),
            Owner::Router => Mac(ROUTER),
            Owner::Eni(name) => {
                let mut enis = self.resources.network_interfaces.iter();
                enis.find(|eni| eni.name == name)
                    .with_context(|| format!("no {name}"))?
                    .mac_address
            }
        };
        Ok(Some(mac.to_string()))
    }
}

/// Whoever has a namespace; a NAT gateway has none.
fn guests(topology: &Topology) -> impl Iterator<Item = &NetworkInterface> {
    let enis = topology.resources.network_interfaces.iter();
    enis.filter(|eni| eni.interface_type != InterfaceType::NatGateway)
}

impl Stage for Namespaces {
    fn configure(&mut self, topology: &Topology) -> Result<()> {
        let text = document(topology);
        let resolved = groundplane::document::parse("scenario.yaml", text.replace('$', "").as_bytes());
        self.resources = resolved.map_err(|problems| anyhow::anyhow!("{problems}"))?.resources;
        self.lab.up(&text)?;
        self.topology = topology.clone();
        for eni in guests(topology) {
            if !self.ears.contains_key(&eni.name) {
                let ear = self.lab.inside(&eni.name, Ear::open)?;
                self.ears.insert(eni.name.clone(), ear);
            }
        }
        Ok(())
    }

    /// The datapath's clock moves on; everybody else's goes as ever.
    fn wait(&mut self, time: Duration) -> Result<()> {
        Ok(Datapath::open(&self.lab.pin_dir())?.advance_clock(time)?)
    }

    fn play(&mut self, exchange: &Exchange, expected: &Expected) -> Result<()> {
        ensure!(
            is_known_here(expected),
            "what gateways do isn't seen between namespaces"
        );
        for ear in self.ears.values() {
            ear.heard()?;
        }
        match exchange {
            Exchange::Talk(flow, act) => self.talk(flow, *act, expected),
            Exchange::Only { from, to, packet } => self.only(from, to, packet, expected),
        }
    }

    fn ask(&mut self, from: &str, address: IpAddr, owner: Owner<'_>) -> Result<()> {
        let address = address.to_string();
        // Whether an answer to the ping comes doesn't matter; that the guest has to learn the MAC address does.
        self.lab.run(from, &["ip", "neighbour", "flush", "dev", "eth0"])?;
        self.lab.run(from, &["ping", "-q", "-c", "1", "-W", "0.5", &address])?;
        let neighbours = self
            .lab
            .run(from, &["ip", "-j", "neighbour", "show", &address])?
            .success()?
            .json()?;
        let learned = neighbours[0]["lladdr"].as_str().map(str::to_owned);
        let expected = self.mac(owner)?;
        ensure!(learned == expected, "learned {learned:?} instead of {expected:?}");
        Ok(())
    }
}

/// Nothing translates here, and nothing answers.
fn is_known_here(expected: &Expected) -> bool {
    match expected {
        Expected::Accepted { seen, .. } => seen.is_none(),
        Expected::Dropped(dropped) => dropped.told.is_none(),
    }
}

fn is_rule(expected: Option<u16>, told: Option<&str>) -> bool {
    match expected {
        None => true,
        Some(32767 | 32768) => told == Some("*"),
        Some(number) => told == Some(&*number.to_string()),
    }
}
