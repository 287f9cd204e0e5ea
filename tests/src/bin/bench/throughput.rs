//! What one TCP stream reaches between two guests in different subnets, and by PrivateLink between two VPCs, against a bare
//! `bpf_redirect_peer` between two namespaces that differ from the guests in nothing; by PrivateLink, whose segments are
//! smaller, between two that have its MTU.

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
use groundplane::install::guest::{self, Addressing};
use groundplane::install::link;
use groundplane::install::names::GUEST_DEVICE;
use groundplane::install::netlink::Netlink;
use groundplane::install::netns;
use groundplane_abi::Mac;
use groundplane_tests::netns::Lab;
use ipnet::IpNet;
use std::net::Ipv4Addr;
use std::path::Path;

const BAR: Bar = Bar::AtLeast(0.95);

/// What Groundplane's side runs in; `$` stands for the lab's prefix.
const DOCUMENT: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets:
      front: { CidrBlock: 10.0.1.0/24 }
      back: { CidrBlock: 10.0.2.0/24 }
    security_groups: { open: { ingress: [{ IpProtocol: \"-1\", CidrIpv4: 0.0.0.0/0 }] } }
    instances:
      web: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $web }
      web2: { subnet: front, PrivateIpAddress: 10.0.1.11, namespace: $web2 }
      db: { subnet: back, PrivateIpAddress: 10.0.2.10, groups: [default, open], namespace: $db }
  blue:
    CidrBlock: 10.0.0.0/16
    subnets: { front: { CidrBlock: 10.0.1.0/24 } }
    instances:
      buyer: { subnet: front, PrivateIpAddress: 10.0.1.10, namespace: $buyer }
load_balancers:
  till:
    Type: network
    Scheme: internal
    AvailabilityZones: [{ SubnetId: red/back, LoadBalancerAddresses: [{ PrivateIPv4Address: 10.0.2.50 }] }]
target_groups:
  shelves:
    VpcId: red
    Protocol: TCP
    Port: 5201
    TargetType: ip
    TargetHealthDescriptions: [{ Target: { Id: 10.0.2.10 } }]
listeners:
  sale: { LoadBalancerArn: till, Port: 5201, Protocol: TCP, DefaultActions: [{ Type: forward, TargetGroupArn: shelves }] }
vpc_endpoint_services:
  sale: { NetworkLoadBalancerArns: [till], AcceptanceRequired: false }
vpc_endpoints:
  sale:
    VpcEndpointType: Interface
    VpcId: blue
    ServiceName: sale
    SubnetConfigurations: [{ SubnetId: blue/front, Ipv4: 10.0.1.70 }]
    Groups: [{ GroupId: blue/default }]
";

/// The two ends of the other side: the same addresses in the same subnets.
const ENDS: [End; 2] = [
    End {
        namespace: "left",
        device: "bench-left",
        mac: Mac([0x02, 0xaa, 0, 0, 0, 1]),
        address: Ipv4Addr::new(10, 0, 1, 10),
        router: "10.0.1.1",
    },
    End {
        namespace: "right",
        device: "bench-right",
        mac: Mac([0x02, 0xaa, 0, 0, 0, 2]),
        address: Ipv4Addr::new(10, 0, 2, 10),
        router: "10.0.2.1",
    },
];

/// Of the service in the buyer's VPC.
const ENDPOINT: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 70);

/// Semantics 23.
const PRIVATE_LINK_MTU: u32 = 8500;

struct End {
    namespace: &'static str,
    device: &'static str,
    mac: Mac,
    address: Ipv4Addr,
    router: &'static str,
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let ours = Lab::new()?;
    ours.up(DOCUMENT)?;
    let theirs = [Lab::new()?, Lab::new()?];
    // Detaches the programs when they are dropped.
    let _bare = [
        bare_redirect(&theirs[0], &options.programs, link::MTU)?,
        bare_redirect(&theirs[1], &options.programs, PRIVATE_LINK_MTU)?,
    ];
    let streams = [
        Stream::new(&ours, "web", ("db", ENDS[1].address))?,
        Stream::new(&theirs[0], "left", ("right", ENDS[1].address))?,
        Stream::new(&theirs[1], "left", ("right", ENDS[1].address))?,
    ];
    let [local, bare, narrow] = &streams;
    let private_link = local.from("buyer", ENDPOINT);
    let streams = [local, bare, &private_link, narrow];
    let mut figures = [const { Vec::new() }; 4];
    for _ in 0..rounds(options) {
        for (stream, figures) in streams.iter().zip(&mut figures) {
            figures.push(stream.gbit_per_second(Direction::FromClient)?);
        }
    }
    let [local, bare, private_link, narrow] = figures;
    [
        ("across subnets", local, ("bare redirect_peer", bare)),
        ("by PrivateLink", private_link, ("the same, MTU 8500", narrow)),
    ]
    .into_iter()
    .map(|(way, ours, (against, theirs))| {
        let what = format!("TCP, one stream, {way}");
        Row::new(what, "Gbit/s", Sample::of(ours)?, (against, Sample::of(theirs)?), BAR)
    })
    .collect()
}

/// Makes the other side.
fn bare_redirect(lab: &Lab, programs: &Path, mtu: u32) -> Result<Ebpf> {
    for end in &ENDS {
        netns::create(&lab.namespace(end.namespace))?;
    }
    let ebpf = lab.inside("host", || connect(lab, programs))?;
    for end in &ENDS {
        configure(lab, end)?;
        let mtu = mtu.to_string();
        let command = ["ip", "link", "set", GUEST_DEVICE, "mtu", &mtu];
        lab.run(end.namespace, &command)?.success()?;
    }
    Ok(ebpf)
}

/// Makes the devices, and attaches the program to their host sides.
fn connect(lab: &Lab, programs: &Path) -> Result<Ebpf> {
    let mut indices = Vec::new();
    for end in &ENDS {
        let namespace = lab.namespace(end.namespace);
        let link = link::create_veth(
            &Netlink::open()?,
            end.device,
            "bench",
            &namespace,
            GUEST_DEVICE,
            end.mac,
        )?;
        indices.push(link.device(end.device)?.0);
    }
    let mut ebpf = object(programs, "peer")?;
    let mut peers: Array<_, u32> = ebpf.map_mut("PEERS").context("no map PEERS")?.try_into()?;
    for (from, to) in indices.iter().zip(indices.iter().rev()) {
        peers.set(*from, *to, 0)?;
    }
    let program = load(&mut ebpf, "redirect_to_peer")?;
    let netlink = Netlink::open()?;
    for end in &ENDS {
        let order = TcAttachOptions::TcxOrder(LinkOrder::first());
        program.attach_with_options(end.device, TcAttachType::Ingress, order)?;
        netlink.set_up(end.device)?;
    }
    Ok(ebpf)
}

/// Configures an end as a guest is. Nobody answers for the router here, so its MAC is told.
fn configure(lab: &Lab, end: &End) -> Result<()> {
    let namespace = lab.namespace(end.namespace);
    let addressing = Addressing {
        addresses: [IpNet::new(end.address.into(), 24)?].into(),
        routers: [end.router.parse()?].into(),
    };
    guest::configure(&namespace, GUEST_DEVICE, &addressing)?;
    guest::enable_loopback(&namespace)?;
    let mac = Mac::ROUTER.to_string();
    let neighbour = [
        "ip",
        "neigh",
        "replace",
        end.router,
        "lladdr",
        &mac,
        "dev",
        GUEST_DEVICE,
        "nud",
        "permanent",
    ];
    lab.run(end.namespace, &neighbour)?.success()?;
    Ok(())
}
