//! The stage with a kernel: guests are network namespaces, and so is the outside; what they say to each other goes
//! through real sockets and tools, and the topology is brought up, and changed, as a document by the binary.

mod drops;
mod ear;
mod end;
mod many;
mod talk;

use super::document::UPLINK;
use super::exchange::Seen;
use super::{Exchange, Expected, Owner, Stage, X, document};
use crate::appliance::{Appliance, Manner};
use crate::conversation::is_appliance;
use crate::netns::{Agent, Lab, eventually};
use crate::packet::{Packet, ROUTER};
use crate::topology::Topology;
use anyhow::{Context as _, Result, bail, ensure};
use drops::Drops;
use ear::{Ear, Heard};
use end::{Ends, Listener};
use groundplane::install::Datapath;
use groundplane::install::names;
use groundplane::resources::{NetworkInterface, Resources};
use groundplane_abi::Mac;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

/// The host's addresses on its uplink, and those of `x` and of the service's server (semantics 32.0). It is by a
/// link-local address that a router asks for its neighbours.
const UPLINK_ADDRESSES: [&[&str]; 2] = [
    &["198.51.100.1/24", "2001:db8:ffff::1/64", "fe80::1/64"],
    &["198.51.100.7/24", "192.0.2.20/32", "2001:db8:ffff::7/64"],
];

/// Guests in namespaces.
#[derive(Debug)]
pub struct Namespaces {
    /// Who lets processes of the host in, where there are integrations. It ends before the lab does.
    agent: Option<Agent>,
    lab: Lab,
    topology: Topology,
    /// What the document became: its MAC addresses aren't the topology's.
    resources: Resources,
    ears: BTreeMap<String, Ear>,
    speakers: BTreeSet<String>,
    listeners: HashMap<(String, IpAddr, u16), Listener>,
    flows: HashMap<u16, Ends>,
    /// What servers have seen of the connections, by their numbers.
    seen: HashMap<u16, Seen>,
    appliances: BTreeMap<String, Appliance>,
    manner: Manner,
}

impl Namespaces {
    /// An empty host, and the outside.
    pub fn new() -> Result<Self> {
        let lab = Lab::new()?;
        lab.make_behind(("host", UPLINK), X, UPLINK_ADDRESSES)?;
        for gateway in ["198.51.100.1", "2001:db8:ffff::1"] {
            lab.run(X, &["ip", "route", "add", "default", "via", gateway])?
                .success()?;
        }
        let to_services = ["ip", "route", "add", "192.0.2.0/24", "via", "198.51.100.7"];
        lab.run("host", &to_services)?.success()?;
        let mut stage = Self {
            agent: None,
            lab,
            topology: Topology::default(),
            resources: Resources::default(),
            ears: BTreeMap::new(),
            speakers: BTreeSet::new(),
            listeners: HashMap::new(),
            flows: HashMap::new(),
            seen: HashMap::new(),
            appliances: BTreeMap::new(),
            manner: Manner::default(),
        };
        stage.meet(X)?;
        Ok(stage)
    }

    /// Listens to what somebody gets.
    fn meet(&mut self, who: &str) -> Result<()> {
        if !self.ears.contains_key(who) {
            let ear = self.lab.inside(who, Ear::open)?;
            self.ears.insert(who.to_owned(), ear);
        }
        Ok(())
    }

    /// Lets an appliance run.
    fn inspect(&mut self, who: &str) -> Result<()> {
        if !self.appliances.contains_key(who) {
            let appliance = self.lab.inside(who, Appliance::start)?;
            appliance.behave(self.manner);
            self.appliances.insert(who.to_owned(), appliance);
        }
        Ok(())
    }

    /// Puts a document in force: by an agent, if one is needed or there.
    fn bring_up(&mut self, topology: &Topology, text: &str) -> Result<()> {
        if topology.integrations.is_empty() && self.agent.is_none() {
            return self.lab.up(text);
        }
        let document = self.lab.document(text)?.to_string_lossy().into_owned();
        match &self.agent {
            None => self.agent = Some(self.lab.agent(&["--network", &document])?),
            Some(agent) => {
                let socket = agent.socket().to_string_lossy().into_owned();
                let applied = self.lab.groundplane(&["apply", &document, "--socket", &socket])?;
                applied.success()?;
            }
        }
        Ok(())
    }

    /// Whoever speaks makes checksums before a packet is sent, and doesn't leave them to the receiver's trust. For the
    /// host's own processes the agent speaks, at the service port.
    fn speaks(&mut self, who: &str) -> Result<()> {
        const WITHOUT_TRUST: [&str; 5] = ["ethtool", "-K", "eth0", "tx", "off"];
        if self.topology.integration_named(who).is_some() {
            let inside = format!("--net=/run/netns/{}", names::service(&self.lab.state_dir()));
            let command = WITHOUT_TRUST.map(|word| if word == "eth0" { "service" } else { word });
            self.lab
                .on_host(&[&["nsenter", &*inside, "--"], &command[..]].concat())?
                .success()?;
        } else if self.speakers.insert(who.to_owned()) {
            self.lab.run(who, &WITHOUT_TRUST)?.success()?;
        }
        Ok(())
    }

    /// The IP packets that somebody has got since it was asked last.
    fn heard(&self, who: &str) -> Result<Vec<Heard>> {
        let ear = self.ears.get(who).with_context(|| format!("no ear in {who}"))?;
        ear.heard()
    }

    /// One packet by a raw socket. The kernel of the guest finds the way and makes the frame.
    fn only(&mut self, from: &str, to: &str, packet: &Packet, expected: &Expected) -> Result<()> {
        let bytes = packet.build().split_off(14);
        let before = Drops::of(&self.lab, &self.topology)?;
        self.lab.inside(from, || end::send_raw(&bytes))?;
        match expected {
            Expected::Accepted { seen, fragments, .. } => {
                let mut all = Vec::new();
                let arrived = eventually(|| {
                    all.extend(self.heard(to)?);
                    Ok(match fragments {
                        1 => all.iter().any(|heard| heard.is(packet, *seen)),
                        _ => ear::together(&all, *fragments)?.is_some_and(|heard| heard.is(packet, *seen)),
                    })
                });
                arrived.with_context(|| format!("{to} doesn't hear it"))
            }
            Expected::Kept(_) => bail!("only what is said on a flow is kept"),
            Expected::Dropped(dropped) => {
                self.is_counted(&before, dropped)?;
                ensure!(
                    !self.heard(to)?.iter().any(|heard| heard.is(packet, None)),
                    "{to} hears it"
                );
                self.is_told((from, Vec::new()), packet, dropped)
            }
        }
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

/// Whoever has a namespace; what AWS makes for itself has none.
fn guests(topology: &Topology) -> impl Iterator<Item = &NetworkInterface> {
    let enis = topology.resources.network_interfaces.iter();
    enis.filter(|eni| !eni.requester_managed)
}

impl Stage for Namespaces {
    fn configure(&mut self, topology: &Topology) -> Result<()> {
        let text = document(topology);
        let resolved = groundplane::document::parse("scenario.yaml", text.replace('$', "").as_bytes());
        self.resources = resolved.map_err(|problems| anyhow::anyhow!("{problems}"))?.resources;
        self.bring_up(topology, &text)?;
        self.topology = topology.clone();
        for eni in guests(topology) {
            self.meet(&eni.name)?;
            if is_appliance(topology, eni) {
                self.inspect(&eni.name)?;
            }
        }
        Ok(())
    }

    /// The datapath's clock moves on; everybody else's goes as ever.
    fn wait(&mut self, time: Duration) -> Result<()> {
        Ok(Datapath::open(&self.lab.pin_dir())?.advance_clock(time)?)
    }

    fn appliances(&mut self, manner: Manner) -> Result<()> {
        self.manner = manner;
        self.appliances.values().for_each(|appliance| appliance.behave(manner));
        Ok(())
    }

    fn play(&mut self, exchange: &Exchange, expected: &Expected) -> Result<()> {
        for speaker in exchange.speakers() {
            self.speaks(speaker)?;
        }
        for ear in self.ears.values() {
            ear.heard()?;
        }
        match exchange {
            Exchange::Talk(flow, act) => self.talk(flow, *act, expected),
            Exchange::Only { from, to, packet } => self.only(from, to, packet, expected),
            Exchange::Many { from, to, packets } => self.many(from, to, packets, expected),
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
