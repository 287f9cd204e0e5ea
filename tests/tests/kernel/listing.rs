//! Tables with more connections than one batch of the kernel's answers holds.

use groundplane::cut::{self, Names};
use groundplane::flows::{self, Flow, FlowState, Matcher, Pair, Visitor, Who};
use groundplane::install::kernel::{FlowTables, Stored};
use groundplane_abi::flow::kind;
use groundplane_abi::map;
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER};
use groundplane_tests::topology::{Groups, Guest, Topology};
use groundplane_tests::twin::compile;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::ControlFlow;

const ESTABLISHED: u16 = 3_000;
const HALF_OPEN: u16 = 1_500;

/// Who may be asked, and what is asked of whom.
struct Bed {
    kernel: LoadedKernel,
    web: Guest,
    db: Guest,
}

fn topology(db: Groups) -> Topology {
    let mut topology = Topology::three_subnets();
    topology.groups("web", Groups::OUTBOUND).groups("db", db);
    for eni in &mut topology.resources.network_interfaces {
        // As many at once as there are here.
        eni.allowance.first_packets_burst = 100_000;
        eni.allowance.first_packets = 100_000;
    }
    topology
}

impl Bed {
    /// Connections of both families, and others that nobody has answered.
    fn new(name: &str) -> Self {
        let topology = topology(Groups::INBOUND);
        let mut kernel = LoadedKernel::load(name, 16_384).expect("the datapath loads");
        kernel.configure(&topology).expect("the topology is applied");
        let bed = Self {
            web: topology.guest("web"),
            db: topology.guest("db"),
            kernel,
        };
        for family in [|guest: Guest| guest.ip.into(), ip6] {
            for port in 1024..1024 + ESTABLISHED + HALF_OPEN {
                let (web, db) = (family(bed.web), family(bed.db));
                assert!(bed.arrives((bed.web, web, port), (db, 53)), "port {port}");
                let is_answered = port < 1024 + ESTABLISHED;
                assert!(
                    !is_answered || bed.arrives((bed.db, db, 53), (web, port)),
                    "answer to {port}"
                );
            }
        }
        bed
    }

    fn arrives(&self, from: (Guest, IpAddr, u16), to: (IpAddr, u16)) -> bool {
        let (guest, address, port) = from;
        let packet = Packet::udp().from(guest.mac, address, port).to(ROUTER, to.0, to.1);
        let run = self.kernel.run(guest.device, &packet.build());
        run.expect("the program runs").kind != kind::DROP
    }

    fn tables(&self) -> FlowTables {
        FlowTables::open(self.kernel.pins()).expect("the tables are there")
    }
}

fn ip6(guest: Guest) -> IpAddr {
    guest.ip6.expect("everybody has an address of either family").into()
}

/// What is told, each connection by its source.
#[derive(Default)]
struct Told {
    established: BTreeSet<(IpAddr, Option<u16>)>,
    half_open: BTreeSet<(IpAddr, Option<u16>)>,
    told: usize,
}

struct Teller<'a> {
    tables: &'a FlowTables,
    told: Told,
}

impl Visitor for Teller<'_> {
    fn visit<I: Stored>(&mut self, pair: &Pair<I>) -> ControlFlow<()> {
        let now = self.tables.now().expect("the clock is read");
        let flow = Flow::of(pair, &Who::default(), now);
        let list = match flow.state {
            FlowState::HalfOpen => &mut self.told.half_open,
            _ => &mut self.told.established,
        };
        list.insert((flow.source, flow.source_port));
        self.told.told += 1;
        ControlFlow::Continue(())
    }
}

fn all(tables: &FlowTables) -> Told {
    let mut teller = Teller {
        tables,
        told: Told::default(),
    };
    flows::each(tables, &Matcher::default(), &mut teller).expect("the tables are read");
    teller.told
}

#[test]
fn every_live_connection_is_told_once_however_many_there_are() {
    let mut bed = Bed::new("listing");
    let tables = bed.tables();
    let told = all(&tables);
    assert_eq!(told.established.len(), 2 * usize::from(ESTABLISHED));
    assert_eq!(told.half_open.len(), 2 * usize::from(HALF_OPEN));
    assert_eq!(
        told.told,
        2 * usize::from(ESTABLISHED + HALF_OPEN),
        "none is told twice"
    );
    let fill = bed.kernel.open_again().expect("the datapath is there").fill();
    let fill = fill.expect("the tables are counted");
    for name in [map::ip4::FLOWS, map::ip6::FLOWS] {
        let table = fill.iter().find(|table| table.table == name).expect("it is among them");
        assert_eq!(table.rows, Some(2 * u64::from(ESTABLISHED)), "{name}");
    }
    // An hour later all of UDP has been forgotten, though nobody has taken it out of the tables.
    let now = tables.now().expect("the clock is read");
    let hour = 3600 * u64::from(now.ticks_per_second);
    bed.kernel.stop_clock(now.ticks + hour).expect("the clock is set");
    assert_eq!(all(&tables).told, 0);
}

#[test]
fn every_live_connection_is_judged_and_those_that_lost_their_rule_are_cut() {
    let mut bed = Bed::new("cutting");
    let closed = topology(Groups::CLOSED);
    bed.kernel.configure(&closed).expect("the topology is applied");
    let who = Who::default();
    let names = Names { now: &who, next: &who };
    let judgement = cut::judge(&compile(&closed), &bed.tables(), names, 7).expect("they are judged");
    let count = 2 * u64::from(ESTABLISHED + HALF_OPEN);
    let consequences = &judgement.consequences;
    assert_eq!(
        (consequences.looked_at, consequences.go_on_unless_cut, consequences.end),
        (count, count, 0)
    );
    assert_eq!(consequences.connections.len(), 7, "as many are named as somebody wants");
    let datapath = bed.kernel.open_again().expect("the datapath is there");
    assert_eq!(
        datapath.retire_all(&judgement.cut).expect("they are ended") as u64,
        count
    );
    assert_eq!(all(&bed.tables()).told, 0);
    for (device, state) in bed.kernel.states().expect("states are read") {
        assert_eq!(state.tracked, 0, "{device:?} is charged for what is gone");
    }
}
