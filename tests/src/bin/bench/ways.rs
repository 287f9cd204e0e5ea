//! Connections through gateways of every kind, each established.

use anyhow::{Context as _, Result, bail};
use groundplane_abi::flow::FlowKey;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, Ip4, Port, map};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::{Groups, Topology};
use groundplane_tests::twin::Heard;
use std::net::IpAddr;

const OUTSIDE: [u8; 4] = [198, 51, 100, 7];
const ENDPOINT: [u8; 4] = [10, 0, 1, 70];
/// The port that is spoken to.
const SERVER: u16 = 8_080;
/// The port that is spoken from; connections between the same two need another one each.
const CLIENT: u16 = 40_000;

/// The packets of one direction of a connection.
pub(crate) struct Way {
    pub(crate) what: &'static str,
    /// What they come in by.
    pub(crate) device: Device,
    pub(crate) frame: Vec<u8>,
    pub(crate) key: FlowKey<Ip4>,
    /// The floor program for them.
    pub(crate) floor: &'static str,
    /// The way whose packets are rewritten in as many fields.
    pub(crate) like: Option<&'static str>,
}

/// `shop` reaches `partner` over a peering connection, `depot` by a transit gateway, and the internet: `web` by its own
/// public address, `app` through the NAT gateway, as `depot` does by way of the transit gateway. `buyer`, in a VPC with
/// the same block, reaches `shelf` in `supplier` by PrivateLink.
fn topology() -> Topology {
    let mut topology = Topology::new();
    topology.vpc("partner", "10.1.0.0/16");
    topology
        .subnet("partner", "10.1.1.0/24")
        .eni("partner", "10.1.1.10")
        .groups("partner", Groups::INBOUND);
    topology.vpc("depot", "10.2.0.0/16");
    topology
        .subnet("depot", "10.2.1.0/24")
        .eni("depot", "10.2.1.10")
        .groups("depot", Groups::INBOUND)
        .eni("stock", "10.2.1.11")
        .groups("stock", Groups::OUTBOUND);
    topology.vpc("shop", "10.0.0.0/16").internet_gateway("door");
    topology
        .subnet("public", "10.0.1.0/24")
        .eni("web", "10.0.1.10")
        .groups("web", Groups::OUTBOUND)
        .public_address("web", "203.0.113.10")
        .nat_gateway("nat", "10.0.1.200", Some("203.0.113.200"));
    topology
        .subnet("private", "10.0.2.0/24")
        .eni("app", "10.0.2.10")
        .groups("app", Groups::OUTBOUND);
    topology
        .subnet("back", "10.0.3.0/24")
        .eni("db", "10.0.3.10")
        .groups("db", Groups::INBOUND);
    connect(&mut topology);
    private_link(&mut topology);
    topology
}

/// The gateways between the VPCs, and all routes. The transit gateway has a table for `shop` and one for `depot`.
fn connect(topology: &mut Topology) {
    topology
        .peering("shop-partner", "shop", "partner")
        .transit_gateway("hub")
        .transit_table("hub", "spokes")
        .attach("hub", "shop", &["private"])
        .attach("hub", "depot", &["depot"])
        .associate_attachment("spokes", "depot")
        .propagate("spokes", "shop")
        .transit_route("spokes", "0.0.0.0/0", Some("shop"));
    for (subnet, destination, gateway) in [
        ("public", "0.0.0.0/0", "door"),
        ("public", "10.2.0.0/16", "hub"),
        ("private", "0.0.0.0/0", "nat"),
        ("private", "10.1.0.0/16", "shop-partner"),
        ("private", "10.2.0.0/16", "hub"),
        ("partner", "10.0.0.0/16", "shop-partner"),
        ("depot", "0.0.0.0/0", "hub"),
    ] {
        topology.route_out(subnet, destination, gateway);
    }
}

/// A service of one VPC, and an endpoint of it in another with the same block.
fn private_link(topology: &mut Topology) {
    topology.vpc("supplier", "10.0.0.0/16");
    topology
        .subnet("supplier", "10.0.1.0/24")
        .eni("shelf", "10.0.1.10")
        .groups("shelf", Groups::INBOUND);
    topology
        .load_balancer("till", &[("supplier", "10.0.1.50")])
        .target_group("shelves", "ip", "TCP", SERVER)
        .target("shelves", "shelf")
        .listener("till", "TCP", SERVER, "shelves")
        .endpoint_service("sale", &["till"]);
    topology.vpc("buyer", "10.0.0.0/16");
    topology
        .subnet("buyer", "10.0.1.0/24")
        .eni("buyer", "10.0.1.10")
        .groups("buyer", Groups::OUTBOUND)
        .endpoint("sale", "sale", &[("buyer", "10.0.1.70")]);
}

/// Puts the topology in force and opens a connection of every kind.
pub(crate) fn ways(kernel: &mut LoadedKernel) -> Result<Vec<Way>> {
    let topology = topology();
    kernel.configure(&topology)?;
    let address = |guest: &str| topology.guest(guest).ip;
    let open = |from: &str, to: [u8; 4], port: u16| Connection::open(kernel, &topology, from, (to, port));
    let local = open("app", address("db"), CLIENT)?;
    let peering = open("app", address("partner"), CLIENT)?;
    let transit = open("app", address("depot"), CLIENT)?;
    let public = open("web", OUTSIDE, CLIENT)?;
    let nat = open("app", OUTSIDE, CLIENT)?;
    let central = open("stock", OUTSIDE, CLIENT)?;
    let kept = open("app", OUTSIDE, CLIENT + 1)?;
    kept.keep_ports(kernel)?;
    let private_link = open("buyer", ENDPOINT, CLIENT)?;
    Ok(vec![
        local.there.named("inside of a VPC", None),
        peering.there.named("peering", Some("inside of a VPC")),
        transit.there.named("transit gateway, two tables", Some("peering")),
        public.there.named("1:1 NAT, out", None),
        public.back.named("1:1 NAT, in", None),
        kept.there.named("NAT gateway, same port, out", Some("1:1 NAT, out")),
        kept.back.named("NAT gateway, same port, in", Some("1:1 NAT, in")),
        nat.there.named("NAT gateway, out", None),
        nat.back.named("NAT gateway, in", None),
        central
            .there
            .named("transit and NAT gateway, out", Some("NAT gateway, out")),
        central
            .back
            .named("transit and NAT gateway, in", Some("NAT gateway, in")),
        private_link.there.named("PrivateLink, to the service", None),
        private_link
            .back
            .named("PrivateLink, to the client", Some("PrivateLink, to the service")),
    ])
}

/// Packets that come in by a device.
struct Side {
    device: Device,
    frame: Vec<u8>,
    key: FlowKey<Ip4>,
    is_translated: bool,
}

impl Side {
    fn new(device: Device, packet: &Packet, is_translated: bool) -> Result<Self> {
        let frame = packet.build();
        let parsed = Parsed::read(&frame)?;
        let (from, to) = parsed.ports;
        let key = FlowKey::new(
            device,
            protocol::TCP,
            ip4(parsed.src.into())?,
            ip4(parsed.dst.into())?,
            Port::new(from),
            Port::new(to),
        );
        Ok(Self {
            device,
            frame,
            key,
            is_translated,
        })
    }

    fn named(self, what: &'static str, like: Option<&'static str>) -> Way {
        Way {
            what,
            device: self.device,
            frame: self.frame,
            key: self.key,
            floor: match (self.is_translated, self.device == Device::INTERNET) {
                (false, _) => "established",
                (true, false) => "translated",
                (true, true) => "translated_back",
            },
            like,
        }
    }
}

/// Both directions of a connection.
struct Connection {
    there: Side,
    back: Side,
}

impl Connection {
    /// Opens one from a guest to an address by the packets that do.
    fn open(kernel: &LoadedKernel, topology: &Topology, from: &str, (address, port): ([u8; 4], u16)) -> Result<Self> {
        let client = topology.guest(from);
        let there = |flags| {
            segment(flags)
                .from(client.mac, client.ip, port)
                .to(ROUTER, address, SERVER)
        };
        let (device, arrived) = pass(kernel, client.device, &there(flag::SYN))?;
        let (source, destination) = arrived.ports;
        let back = |flags| {
            segment(flags)
                .from(arrived.destination_mac, arrived.dst, destination)
                .to(ROUTER, arrived.src, source)
        };
        pass(kernel, device, &back(flag::SYN | flag::ACK))?;
        pass(kernel, client.device, &there(flag::ACK))?;
        let is_translated = arrived.src != client.ip;
        Ok(Self {
            there: Side::new(client.device, &there(flag::ACK), is_translated)?,
            back: Side::new(device, &back(flag::ACK), is_translated)?,
        })
    }

    /// Makes of the entries of a connection through a NAT gateway those of one whose port the gateway has left as it
    /// was. That happens once in 64,512 times; here it makes comparable what rewrites addresses.
    fn keep_ports(&self, kernel: &LoadedKernel) -> Result<()> {
        let mut flows = kernel.flows::<Ip4>(map::ip4::FLOWS)?;
        for side in [&self.there, &self.back] {
            let mut entry = flows.get(&side.key, 0).context("the connection is not established")?;
            entry.action.delivery.src_port = entry.key.src_port();
            entry.action.delivery.dst_port = entry.key.dst_port();
            flows.insert(side.key, entry, 0)?;
        }
        Ok(())
    }
}

/// With a payload, as packets have that count.
fn segment(flags: u8) -> Packet {
    Packet::tcp().flags(flags).payload(&[0; 18])
}

/// Where a packet arrives, and what it looks like there.
fn pass(kernel: &LoadedKernel, device: Device, packet: &Packet) -> Result<(Device, Parsed)> {
    let (to, frame) = match kernel.send(device, &packet.build())? {
        Heard::Delivered { to, frame } => (to, frame),
        Heard::Left(frame) => (Device::INTERNET, frame),
        other => bail!("{packet:?} doesn't arrive: {other:?}"),
    };
    Ok((to, Parsed::read(&frame)?))
}

fn ip4(address: IpAddr) -> Result<Ip4> {
    match address {
        IpAddr::V4(address) => Ok(Ip4(address.octets())),
        IpAddr::V6(address) => bail!("{address} is none of IPv4"),
    }
}
