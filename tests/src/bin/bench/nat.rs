//! What one TCP stream reaches through a NAT gateway, from a guest to a network behind the host's uplink and back: against
//! bare redirects in the same places, which translate nothing, and against the kernel's own forwarding and masquerade.
//!
//! The three have the same devices: a veth pair from the guest to the host, and one from the host to the outside.

use crate::Options;
use crate::program::{load, object};
use crate::report::{Bar, Row};
use crate::sample::Sample;
use crate::stream::{Direction, Stream, rounds};
use anyhow::{Context as _, Result};
use aya::Ebpf;
use aya::maps::Array;
use aya::programs::tc::TcAttachOptions;
use aya::programs::{LinkOrder, TcAttachType};
use groundplane::install::netlink::Netlink;
use groundplane_tests::netns::{Lab, eventually};
use std::net::Ipv4Addr;
use std::path::Path;

const REDIRECT_BAR: Bar = Bar::AtLeast(0.95);
const MASQUERADE_BAR: Bar = Bar::AtLeast(1.0);

const SERVER: (&str, Ipv4Addr) = ("outside", Ipv4Addr::new(192, 0, 2, 7));

/// What Groundplane's side runs in; `$` stands for the lab's prefix.
const DOCUMENT: &str = "
uplinks: { wan: { device: wan0, announce: route } }
vpcs:
  shop:
    CidrBlock: 10.0.0.0/16
    subnets:
      public: { CidrBlock: 10.0.1.0/24 }
      private: { CidrBlock: 10.0.2.0/24 }
    route_tables:
      public: { subnets: [public], routes: [{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }] }
      private: { subnets: [private], routes: [{ DestinationCidrBlock: 0.0.0.0/0, nat_gateway: nat }] }
    instances:
      app: { subnet: private, PrivateIpAddress: 10.0.2.10, namespace: $app }
internet_gateways:
  door: { Attachments: [{ VpcId: shop }] }
addresses:
  nat: { PublicIp: 203.0.113.200 }
nat_gateways:
  nat: { SubnetId: shop/public, NatGatewayAddresses: [{ AllocationId: nat }] }
";

/// Where a command runs, and the command; `$` stands for the lab's prefix.
type Steps = &'static [(&'static str, &'static str)];

/// The outside, and the device that leads there.
const OUTSIDE: Steps = &[
    (
        "host",
        "ip link add wan0 address 02:bb:00:00:00:01 type veth peer name eth0 address 02:bb:00:00:00:02 netns $outside",
    ),
    ("host", "ip address add 192.0.2.1/24 dev wan0"),
    ("host", "ip link set wan0 up"),
    ("outside", "ip address add 192.0.2.7/24 dev eth0"),
    ("outside", "ip link set eth0 up"),
    ("outside", "ip route add 203.0.113.0/24 via 192.0.2.1"),
];

/// A guest as Groundplane makes one.
const GUEST: Steps = &[
    (
        "host",
        "ip link add app0 mtu 9001 type veth peer name eth0 mtu 9001 netns $app",
    ),
    ("host", "ip link set app0 up"),
    ("app", "ip link set lo up"),
    ("app", "ip address add 10.0.2.10/24 dev eth0"),
    ("app", "ip link set eth0 up"),
    ("app", "ip route add default via 10.0.2.1"),
];

/// Nobody answers for the routers where everything is redirected, so their MACs are told. Towards the guest that is the
/// MAC of the device that the frames come in by: those to another one the guest's stack would refuse.
const REDIRECTED: Steps = &[
    (
        "app",
        "ip neigh replace 10.0.2.1 lladdr 02:bb:00:00:00:02 dev eth0 nud permanent",
    ),
    ("outside", "ip route add 10.0.2.0/24 via 192.0.2.1"),
    (
        "outside",
        "ip neigh replace 192.0.2.1 lladdr 02:bb:00:00:00:01 dev eth0 nud permanent",
    ),
];

const MASQUERADED: Steps = &[
    ("host", "ip address add 10.0.2.1/24 dev app0"),
    ("host", "nft add table ip nat"),
    (
        "host",
        "nft add chain ip nat out { type nat hook postrouting priority srcnat ; }",
    ),
    ("host", "nft add rule ip nat out oifname wan0 masquerade"),
];

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let (ours, bare, kernel) = (Lab::new()?, Lab::new()?, Lab::new()?);
    outside(&ours)?;
    ours.up(DOCUMENT)?;
    // Detaches the programs when it is dropped.
    let _redirects = redirect(&bare, &options.programs)?;
    masquerade(&kernel)?;
    let streams = [
        Stream::new(&ours, "app", SERVER)?,
        Stream::new(&bare, "app", SERVER)?,
        Stream::new(&kernel, "app", SERVER)?,
    ];
    let directions = [
        (Direction::FromClient, "TCP through a NAT gateway, out"),
        (Direction::FromServer, "TCP through a NAT gateway, in"),
    ];
    let mut figures = [const { [const { Vec::new() }; 3] }; 2];
    for _ in 0..rounds(options) {
        for ((direction, _), figures) in directions.iter().zip(&mut figures) {
            for (stream, figures) in streams.iter().zip(figures) {
                figures.push(stream.gbit_per_second(*direction)?);
            }
        }
    }
    let mut rows = Vec::new();
    for ((_, what), figures) in directions.into_iter().zip(figures) {
        rows.extend(compare(what, figures)?);
    }
    Ok(rows)
}

fn compare(what: &str, figures: [Vec<f64>; 3]) -> Result<[Row; 2]> {
    let [ours, bare, kernel] = figures.map(Sample::of);
    let (ours, bare, kernel) = (ours?, ("bare redirects", bare?), ("kernel masquerade", kernel?));
    let row = |ours, against, bar| Row::new(what.to_owned(), "Gbit/s", ours, against, bar);
    Ok([
        row(ours.clone(), bare, REDIRECT_BAR)?,
        row(ours, kernel, MASQUERADE_BAR)?,
    ])
}

fn outside(lab: &Lab) -> Result<()> {
    lab.make_guest("outside")?;
    run_all(lab, OUTSIDE)?;
    let device = ["ip", "-br", "link", "show", "wan0"];
    eventually(|| Ok(lab.on_host(&device)?.success()?.stdout.contains(" UP ")))
}

fn with_guest(lab: &Lab) -> Result<()> {
    lab.make_guest("app")?;
    run_all(lab, GUEST)?;
    outside(lab)
}

fn redirect(lab: &Lab, programs: &Path) -> Result<Ebpf> {
    with_guest(lab)?;
    run_all(lab, REDIRECTED)?;
    lab.inside("host", || attach(programs))
}

/// As Groundplane sends: out of the uplink, and into the guest's namespace.
fn attach(programs: &Path) -> Result<Ebpf> {
    let mut ebpf = object(programs, "peer")?;
    let netlink = Netlink::open()?;
    let (app, wan) = (netlink.get("app0")?.index, netlink.get("wan0")?.index);
    let mut peers: Array<_, u32> = ebpf.map_mut("PEERS").context("no map PEERS")?.try_into()?;
    peers.set(app, wan, 0)?;
    peers.set(wan, app, 0)?;
    for (device, program) in [("app0", "redirect"), ("wan0", "redirect_to_peer")] {
        let order = TcAttachOptions::TcxOrder(LinkOrder::first());
        load(&mut ebpf, program)?.attach_with_options(device, TcAttachType::Ingress, order)?;
    }
    Ok(ebpf)
}

fn masquerade(lab: &Lab) -> Result<()> {
    with_guest(lab)?;
    run_all(lab, MASQUERADED)?;
    lab.inside("host", || Ok(std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?))
}

fn run_all(lab: &Lab, steps: Steps) -> Result<()> {
    for (namespace, command) in steps {
        let command = command.replace('$', &lab.namespace(""));
        let words: Vec<_> = command.split(' ').collect();
        lab.run(namespace, &words)?.success()?;
    }
    Ok(())
}
