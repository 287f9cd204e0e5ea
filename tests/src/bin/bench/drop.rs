//! What it costs to drop a packet from outside: at the filter, against a program that does nothing else; and at tcx,
//! against nftables at the same device.
//!
//! Packets are made by live test runs and go by a veth pair: the device's NAPI runs on the core that makes them, when a
//! batch of them is there, so what is measured is making, handing over and dropping one. Both sides have the same of
//! the first two.

use crate::Options;
use crate::program::{object, xdp};
use crate::report::{Bar, Row};
use crate::sample::Sample;
use anyhow::{Context as _, Result, ensure};
use aya::maps::Array;
use aya::programs::{TestRun as _, TestRunAttrs, TestRunOptions, Xdp};
use groundplane::install::netlink::Netlink;
use groundplane_abi::Mac;
use groundplane_tests::netns::{Lab, eventually};
use groundplane_tests::packet::{Packet, flag};
use nix::time::ClockId;
use std::path::Path;
use std::time::Duration;

const BAR: Bar = Bar::AtLeast(0.85);
const BATCH: u32 = 64;
/// Of those that were sent: what a full ring of the device has refused.
const MOST_LOST: f64 = 0.001;

/// Port 80 is open, the NACL denies port 82; `$` stands for the lab's prefix.
const DOCUMENT: &str = "
vpcs:
  red:
    CidrBlock: 10.0.0.0/16
    subnets: { front: { CidrBlock: 10.0.1.0/24 } }
    security_groups:
      web: { ingress: [{ IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 0.0.0.0/0 }] }
    network_acls:
      main:
        subnets: [front]
        ingress:
          - { RuleNumber: 90, RuleAction: deny, Protocol: tcp, PortRange: { From: 82, To: 82 }, CidrBlock: 0.0.0.0/0 }
          - { RuleNumber: 100, RuleAction: allow, Protocol: \"-1\", CidrBlock: 0.0.0.0/0 }
        egress: [{ RuleNumber: 100, RuleAction: allow, Protocol: \"-1\", CidrBlock: 0.0.0.0/0 }]
    route_tables:
      main: { routes: [{ DestinationCidrBlock: 0.0.0.0/0, internet_gateway: door }] }
    instances:
      web:
        subnet: front
        PrivateIpAddress: 10.0.1.10
        namespace: $web
        groups: [web]
        associations: [{ PrivateIpAddress: 10.0.1.10, PublicIp: 203.0.113.10 }]
internet_gateways:
  door: { Attachments: [{ VpcId: red, State: available }] }
";

const NFTABLES: &str = "table netdev bench { chain ingress { type filter hook ingress device wan0 priority 0; \
                        ip daddr 203.0.113.10 tcp dport { 81, 82 } counter drop; }; }";

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let [ours, theirs] = [Side::new(&options.programs)?, Side::new(&options.programs)?];
    let runs = Runs {
        rounds: options.rounds(),
        packets: if options.quick { 50_000 } else { 500_000 },
    };
    ours.up("native")?;
    let only_drop = theirs.only_drop(&options.programs)?;
    let filtered = runs.compare(
        "TCP that nobody is meant by, at the filter",
        [(&ours, Where::Xdp), (&theirs, Where::Xdp)],
        81,
        ("bare XDP_DROP", BAR),
    )?;
    drop(only_drop);
    ours.up("off")?;
    for side in [&ours, &theirs] {
        // Without a program only this gives a veth device NAPI, which takes redirected frames.
        side.lab.on_host(&["ethtool", "-K", "wan0", "gro", "on"])?.success()?;
    }
    theirs.lab.on_host(&["nft", NFTABLES])?.success()?;
    let mut rows = vec![filtered];
    for (what, port, reason) in [
        ("the same at tcx, by groups", 81, "GroupIngress"),
        ("TCP that a NACL denies, at tcx", 82, "NaclIngress"),
    ] {
        let places = [(&ours, Where::Tcx(reason)), (&theirs, Where::Nftables)];
        rows.push(runs.compare(what, places, port, ("nftables, ingress", Bar::None))?);
    }
    ours.lab.down()?;
    Ok(rows)
}

/// Where packets are dropped, and so counted.
#[derive(Clone, Copy, Debug)]
enum Where {
    Xdp,
    Tcx(&'static str),
    Nftables,
}

/// A host with somebody outside who sends.
struct Side {
    lab: Lab,
    sender: aya::Ebpf,
    mac: Mac,
}

impl Side {
    fn new(programs: &Path) -> Result<Self> {
        let lab = Lab::new()?;
        lab.make_guest("outside")?;
        let outside = lab.namespace("outside");
        let pair = [
            "ip", "link", "add", "wan0", "type", "veth", "peer", "name", "eth0", "netns", &outside,
        ];
        lab.on_host(&pair)?.success()?;
        for (place, device) in [("host", "wan0"), ("outside", "eth0")] {
            lab.run(place, &["ip", "link", "set", device, "up"])?.success()?;
        }
        let mac = lab.inside("host", || Ok(Netlink::open()?.get("wan0")?.mac))?;
        let index = lab.inside("outside", || Ok(Netlink::open()?.get("eth0")?.index))?;
        let mut sender = object(programs, "drop")?;
        let mut out: Array<_, u32> = sender.map_mut("OUT").context("no map OUT")?.try_into()?;
        out.set(0, index, 0)?;
        xdp(&mut sender, "send")?;
        Ok(Self {
            lab,
            sender,
            mac: mac.context("it is Ethernet")?,
        })
    }

    fn up(&self, xdp: &str) -> Result<()> {
        self.lab.up(&format!(
            "{DOCUMENT}uplinks: {{ wan: {{ device: wan0, xdp: {xdp} }} }}\n"
        ))
    }

    /// Attaches the program that drops everything, until it is dropped.
    fn only_drop(&self, programs: &Path) -> Result<aya::Ebpf> {
        let mut object = object(programs, "drop")?;
        let program = xdp(&mut object, "only_drop")?;
        self.lab.inside("host", || {
            program.attach("wan0", aya::programs::xdp::XdpMode::Driver)?;
            Ok(())
        })?;
        Ok(object)
    }

    /// The nanoseconds of each of so many packets to a port, all of which must be dropped at a place.
    fn send(&self, packets: u32, port: u16, place: Where) -> Result<f64> {
        let packet = Packet::tcp()
            .flags(flag::SYN)
            .from([2, 9, 9, 9, 9, 9], [8, 8, 8, 8], 1024);
        let mut frame = packet.to(self.mac.0, [203, 0, 113, 10], port).build();
        // As a wire pads it.
        frame.resize(60, 0);
        let program: &Xdp = self.sender.program("send").context("no program send")?.try_into()?;
        let before = self.dropped(place)?;
        let taken = self.lab.inside("outside", || {
            let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
            let began = Duration::from(clock.now()?);
            program.test_run(TestRunOptions {
                data_in: Some(&frame),
                repeat: packets,
                attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
                ..TestRunOptions::new()
            })?;
            Ok(Duration::from(clock.now()?) - began)
        })?;
        let least = f64::from(packets) * (1.0 - MOST_LOST);
        eventually(|| Ok((self.dropped(place)? - before) as f64 >= least)).with_context(|| {
            format!(
                "{} of {packets} were dropped by {place:?}",
                self.dropped(place).unwrap_or(0) - before
            )
        })?;
        Ok(taken.as_secs_f64() * 1e9 / f64::from(packets))
    }

    fn dropped(&self, place: Where) -> Result<u64> {
        match place {
            Where::Xdp => {
                let said = self.lab.on_host(&["ethtool", "-S", "wan0"])?.success()?.stdout;
                let numbers = said.lines().filter_map(|line| line.trim().split_once("_xdp_drops: "));
                Ok(numbers.filter_map(|(_, number)| number.parse::<u64>().ok()).sum())
            }
            Where::Nftables => {
                let said = self
                    .lab
                    .on_host(&["nft", "list", "table", "netdev", "bench"])?
                    .success()?
                    .stdout;
                let number = said
                    .split("counter packets ")
                    .nth(1)
                    .and_then(|rest| rest.split(' ').next());
                Ok(number.context("nft counts")?.parse()?)
            }
            Where::Tcx(reason) => {
                let status = self.lab.status()?;
                let places = ["enis", "gateways"].map(|list| status[list].as_array().cloned().unwrap_or_default());
                let drops = places.iter().flatten().filter_map(|place| place["drops"].as_array());
                let those = drops.flatten().filter(|drop| drop["reason"] == reason);
                Ok(those.filter_map(|drop| drop["packets"].as_u64()).sum())
            }
        }
    }
}

struct Runs {
    rounds: u32,
    packets: u32,
}

impl Runs {
    /// In turns, in millions of packets a second.
    fn compare(
        &self,
        what: &str,
        places: [(&Side, Where); 2],
        port: u16,
        (against, bar): (&'static str, Bar),
    ) -> Result<Row> {
        let mut rounds = [Vec::new(), Vec::new()];
        for round in 0..=self.rounds {
            for ((side, place), rounds) in places.iter().zip(&mut rounds) {
                let taken = side.send(self.packets, port, *place)?;
                // The first one warms up.
                if round > 0 {
                    rounds.push(1e3 / taken);
                }
            }
        }
        let [ours, theirs] = rounds;
        ensure!(!ours.is_empty(), "nothing was measured");
        Row::new(
            what.to_owned(),
            "Mpps",
            Sample::of(ours)?,
            (against, Sample::of(theirs)?),
            bar,
        )
    }
}
