//! How many small packets of an established connection pass on one core, what makes them and what drops them included:
//! inside of a VPC, by a load balancer, by PrivateLink and through a NAT gateway, against bare redirects, against the
//! kernel's forwarding, and against that with rules that do the same.
//!
//! A live test run sends a frame out of the sender's device, over and over; the host side's NAPI takes them on the same
//! core, in batches. At the receiver's device a program counts and drops them.

use crate::Options;
use crate::core;
use crate::probe::probe;
use crate::program::{FRAME_LEN, Frame, object, xdp};
use crate::report::{Bar, Row};
use crate::sample::Sample;
use crate::sides::{DB, DOCUMENT, ENDPOINT, NODE, OUTSIDE, Side};
use anyhow::{Context as _, Result, bail, ensure};
use aya::Ebpf;
use aya::maps::{Array, MapData};
use aya::programs::tc::TcAttachOptions;
use aya::programs::{LinkOrder, SchedClassifier, TcAttachType, TestRun as _, TestRunAttrs, TestRunOptions, Xdp};
use groundplane::install::link;
use groundplane::install::names::GUEST_DEVICE;
use groundplane::install::netlink::Netlink;
use groundplane_tests::packet::Packet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

/// Who sends to whom: what it is told as, the sender, the receiver and the address that is sent to.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) what: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) address: Ipv4Addr,
}

const LOCAL: Way = Way {
    what: "across subnets",
    from: "web",
    to: "db",
    address: DB,
};
const BALANCED: Way = Way {
    what: "by a load balancer",
    address: NODE,
    ..LOCAL
};
const PRIVATE_LINK: Way = Way {
    what: "by PrivateLink",
    from: "buyer",
    address: ENDPOINT,
    ..LOCAL
};
const NAT: Way = Way {
    what: "through a NAT gateway",
    from: "app",
    to: "outside",
    address: OUTSIDE,
};

const PORT: u16 = 9_000;
const BATCH: u32 = 64;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let (ours, bare) = (Side::ours(DOCUMENT)?, Side::bare(&options.programs, link::MTU)?);
    let (kernel, rules) = (Side::kernel()?, Side::nftables()?);
    probe(&[&ours, &rules])?;
    let runs = Runs::new(options);
    let none = Bar::None;
    let mut rows = runs.compare(
        (LOCAL, &ours),
        &[
            (LOCAL, &bare, Bar::AtLeast(0.9)),
            (LOCAL, &kernel, none),
            (LOCAL, &rules, Bar::AtLeast(1.9)),
        ],
    )?;
    rows.extend(runs.compare((BALANCED, &ours), &[(LOCAL, &bare, none), (BALANCED, &rules, none)])?);
    rows.extend(runs.compare(
        (PRIVATE_LINK, &ours),
        &[
            (LOCAL, &bare, Bar::AtLeast(0.8)),
            (PRIVATE_LINK, &rules, Bar::AtLeast(2.1)),
        ],
    )?);
    rows.extend(runs.compare((NAT, &ours), &[(NAT, &bare, none), (NAT, &rules, none)])?);
    Ok(rows)
}

pub(crate) struct Runs<'a> {
    programs: &'a Path,
    rounds: u32,
    packets: u32,
}

impl<'a> Runs<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        Self {
            programs: &options.programs,
            rounds: options.rounds(),
            packets: if options.quick { 30_000 } else { 250_000 },
        }
    }

    /// Ours against each of the others, all in turn, in millions of packets a second.
    pub(crate) fn compare(&self, ours: (Way, &Side), others: &[(Way, &Side, Bar)]) -> Result<Vec<Row>> {
        let mut roads = vec![Road::open(ours.1, ours.0, self.programs)?];
        for (way, side, _) in others {
            roads.push(Road::open(side, *way, self.programs)?);
        }
        let mut rounds = vec![Vec::new(); roads.len()];
        for round in 0..=self.rounds {
            for (road, rounds) in roads.iter().zip(&mut rounds) {
                let taken = road.send(self.packets)?;
                // The first one warms up.
                if round > 0 {
                    rounds.push(1e3 / taken);
                }
            }
        }
        let mut samples = rounds.into_iter().map(Sample::of);
        let own = samples.next().context("ours is measured")??;
        let mut rows = Vec::new();
        for (theirs, (_, side, bar)) in samples.zip(others) {
            let what = format!("small packets on one core, {}", ours.0.what);
            rows.push(Row::new(what, "Mpps", own.clone(), (side.name, theirs?), *bar)?);
        }
        Ok(rows)
    }
}

/// The way of an established connection from a guest to another.
struct Road<'a> {
    side: &'a Side,
    way: Way,
    programs: Ebpf,
    arrived: Array<MapData, u64>,
}

impl<'a> Road<'a> {
    /// Has the two talk until both ends know the connection, and puts sender and sink in their places.
    fn open(side: &'a Side, way: Way, programs: &Path) -> Result<Self> {
        let frame = talk(side, way).with_context(|| format!("{}: {}", side.name, way.what))?;
        let mut programs = object(programs, "packets")?;
        xdp(&mut programs, "send")?;
        let index = side
            .lab
            .inside(way.from, || Ok(Netlink::open()?.get(GUEST_DEVICE)?.index))?;
        let mut map: Array<_, Frame> = programs.map_mut("FRAME").context("no map FRAME")?.try_into()?;
        let bytes = *frame.first_chunk().context("the frame is too short")?;
        map.set(0, Frame { bytes, out: index }, 0)?;
        take_redirected(side, way.from)?;
        let sink: &mut SchedClassifier = programs.program_mut("sink").context("no program sink")?.try_into()?;
        sink.load()?;
        side.lab.inside(way.to, || {
            let order = TcAttachOptions::TcxOrder(LinkOrder::first());
            sink.attach_with_options(GUEST_DEVICE, TcAttachType::Ingress, order)?;
            Ok(())
        })?;
        let arrived = programs.take_map("ARRIVED").context("no map ARRIVED")?.try_into()?;
        Ok(Self {
            side,
            way,
            programs,
            arrived,
        })
    }

    /// The nanoseconds of each of so many packets, all of which must arrive.
    fn send(&self, packets: u32) -> Result<f64> {
        let program: &Xdp = self.programs.program("send").context("no program send")?.try_into()?;
        let before = self.arrived.get(&0, 0)?;
        let run = || {
            Ok(program.test_run(TestRunOptions {
                data_in: Some(&[0; FRAME_LEN]),
                repeat: packets,
                attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
                ..TestRunOptions::new()
            })?)
        };
        let (_, taken) = self.side.lab.inside(self.way.from, || core::taken(run))?;
        let arrived = self.arrived.get(&0, 0)? - before;
        ensure!(
            arrived >= u64::from(packets - packets / 1000),
            "{}: {arrived} of {packets} packets arrived {}",
            self.side.name,
            self.way.what
        );
        Ok(taken.as_secs_f64() * 1e9 / f64::from(packets))
    }
}

/// A device without a program takes redirected frames only if it has NAPI, which this gives it.
fn take_redirected(side: &Side, guest: &str) -> Result<()> {
    let devices = side
        .lab
        .run(guest, &["ip", "-j", "link", "show", GUEST_DEVICE])?
        .json()?;
    let peer = devices[0]["link_index"].as_u64().context("a veth device has a peer")?;
    let netlink = side.lab.inside("host", || Ok(Netlink::open()?.links()?))?;
    let name = netlink
        .iter()
        .find(|(_, link)| u64::from(link.index) == peer)
        .map(|(name, _)| name);
    let name = name.context("the peer is on the host")?;
    side.lab.on_host(&["ethtool", "-K", name, "gro", "on"])?.success()?;
    Ok(())
}

/// Two questions and answers by ordinary sockets, and the frame of another question.
fn talk(side: &Side, way: Way) -> Result<Vec<u8>> {
    let patience = Some(Duration::from_secs(2));
    let server = side.lab.inside(way.to, || Ok(UdpSocket::bind(("0.0.0.0", PORT))?))?;
    let client = side.lab.inside(way.from, || Ok(UdpSocket::bind(("0.0.0.0", 0))?))?;
    client.connect((way.address, PORT))?;
    for socket in [&server, &client] {
        socket.set_read_timeout(patience)?;
    }
    let wire = side.lab.wire(way.from, GUEST_DEVICE)?;
    for _ in 0..3 {
        client.send(&[0; 18])?;
        let (_, seen) = server.recv_from(&mut [0; 64]).context("no question arrives")?;
        server.send_to(&[0; 18], seen)?;
        client.recv(&mut [0; 64]).context("no answer arrives")?;
    }
    let SocketAddr::V4(source) = client.local_addr()? else {
        bail!("it is IPv4");
    };
    // Not the frame itself, whose checksum the stack has left to the device.
    let asked = wire.receive(|frame| frame.get(34..38) == Some(&ports(source.port())))?;
    let (to, rest) = asked.split_first_chunk().context("the frame is too short")?;
    let from = rest.first_chunk().context("the frame is too short")?;
    let packet = Packet::udp().payload(&[0; 18]);
    let packet = packet.from(*from, source.ip().octets(), source.port());
    Ok(packet.to(*to, way.address.octets(), PORT).build())
}

/// Of a question, as they stand in a frame.
fn ports(source: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (source.to_be_bytes(), PORT.to_be_bytes());
    [a, b, c, d]
}
