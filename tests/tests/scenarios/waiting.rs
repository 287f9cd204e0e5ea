//! Scenarios, and clauses of scenarios, that can't be played yet, and what each waits for.
//!
//! Each feature is tied to something that changes when it arrives. Then its scenarios are to be played, and to go from
//! this list.

use groundplane::plan;
use groundplane::resources::{self, RouteTarget};
use groundplane_abi::DropReason;
use groundplane_abi::route::RouteEntry;
use groundplane_tests::packet::{Packet, ROUTER};
use groundplane_tests::scenario::all_played;
use groundplane_tests::topology::Topology;
use groundplane_tests::twin::{Heard, Twin};
use std::collections::BTreeSet;
use std::fmt;
use std::io::Write as _;

/// What there is none of yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feature {
    VirtualPrivateGateway,
    /// Of which the resolver is one.
    LinkLocalServices,
    FlowLogs,
}

use Feature::{FlowLogs, LinkLocalServices, VirtualPrivateGateway};

/// A scenario's number, what of it waits, and for what.
pub(crate) struct Waiting(pub(crate) u32, pub(crate) &'static str, pub(crate) Feature);

/// The word for a scenario of which nothing is played.
const ALL: &str = "all of it";

pub(crate) const WAITING: &[Waiting] = &[
    Waiting(2, "ACCEPT and REJECT records", FlowLogs),
    Waiting(13, "the record's srcaddr and pkt-srcaddr", FlowLogs),
    Waiting(14, "no REJECT record", FlowLogs),
    Waiting(25, "the session's records", FlowLogs),
    Waiting(33, ALL, LinkLocalServices),
    Waiting(36, ALL, VirtualPrivateGateway),
    Waiting(37, ALL, VirtualPrivateGateway),
    Waiting(51, "the record's reject reason", FlowLogs),
    Waiting(55, "the address that APUB's NACL sees going out", FlowLogs),
    Waiting(65, "DNS64", LinkLocalServices),
    Waiting(68, ALL, VirtualPrivateGateway),
    Waiting(90, ALL, LinkLocalServices),
];

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VirtualPrivateGateway => "virtual private gateway",
            LinkLocalServices => "resolver and instance metadata",
            FlowLogs => "flow logs",
        })
    }
}

impl Feature {
    fn has_arrived(self) -> bool {
        match self {
            VirtualPrivateGateway => leads_somewhere(RouteTarget::Gateway("vgw-A".to_owned())),
            FlowLogs => depended_on("flow_logs"),
            LinkLocalServices => is_served(),
        }
    }
}

/// Whether a route to such a target does anything but drop, or is looked at closely enough to be refused.
fn leads_somewhere(target: RouteTarget) -> bool {
    let unusable = |topology: &Topology| -> Option<usize> {
        let plan = plan::compile(&topology.resources, &topology.bindings).ok()?;
        let rows = plan.ip4.routes.values();
        let is_nowhere = |entry: &&RouteEntry| [RouteEntry::UNUSABLE, RouteEntry::BLACKHOLE].contains(*entry);
        Some(rows.filter(is_nowhere).count())
    };
    let mut topology = Topology::t0();
    let before = unusable(&topology);
    topology.route_to("A1", "198.51.100.0/24", target);
    before.map(|before| before + 1) != unusable(&topology)
}

/// Whether packets depend on objects of a kind.
fn depended_on(section: &str) -> bool {
    resources::kind(section).is_none_or(|kind| kind.is_core)
}

/// Whether any of the services of S33 does anything but drop.
fn is_served() -> bool {
    let topology = Topology::t0();
    let a1 = topology.guest("a1");
    let mut twin = Twin::new(&topology);
    let services = [
        ([10, 0, 0, 2], 53),
        ([169, 254, 169, 253], 53),
        ([169, 254, 169, 254], 80),
    ];
    services.into_iter().any(|(address, port)| {
        let question = Packet::udp().from(a1.mac, a1.ip, 4000).to(ROUTER, address, port);
        let (heard, _) = twin.send(a1.device, &question.build(), false);
        heard != Heard::Dropped(DropReason::LINK_LOCAL_SERVICE)
    })
}

/// The number of a scenario that is played, as its name tells it.
fn number(name: &str) -> u32 {
    let digits = name.trim_start_matches('s').split('_').next();
    let number = digits.and_then(|digits| digits.parse().ok());
    number.expect("a name begins with s and a number")
}

#[test]
fn what_waits_waits_for_what_is_not_there() {
    let mut stdout = std::io::stdout();
    for Waiting(number, what, feature) in WAITING {
        assert!(
            !feature.has_arrived(),
            "the {feature} may be there: play S{number} ({what}) and take it from this list, or tell the two apart"
        );
        // Not `println`, which shows only when the test fails.
        writeln!(stdout, "S{number} waits for: {feature} ({what})").expect("it is printed");
    }
    let played: BTreeSet<_> = all_played().map(number).collect();
    let (played, waiting) = (played.len(), WAITING.iter().filter(|it| it.1 == ALL).count());
    let clauses = WAITING.len() - waiting;
    writeln!(
        stdout,
        "{played} scenarios are played; {waiting} wait, and {clauses} clauses of others"
    )
    .expect("it is printed");
}

#[test]
fn every_scenario_up_to_106_is_played_or_waits() {
    for number in 1..=106 {
        // A clause with gateways is played apart from the rest.
        let is_played = all_played().any(|name| self::number(name) == number);
        let waits = WAITING.iter().filter(|it| it.0 == number && it.1 == ALL).count();
        assert_eq!(usize::from(is_played) + waits, 1, "S{number}");
    }
    let clauses = WAITING.iter().filter(|it| it.1 != ALL);
    for Waiting(number, what, _) in clauses {
        assert!(
            all_played().any(|name| self::number(name) == *number),
            "S{number}, {what}"
        );
    }
}

/// That the ties above hold at all: what is there isn't taken for missing.
#[test]
fn what_is_there_is_noticed() {
    let mut topology = Topology::t0();
    topology.firewall();
    let fw = topology.interface("fw").network_interface_id.clone();
    assert!(leads_somewhere(RouteTarget::NetworkInterface(fw)));
    assert!(leads_somewhere(RouteTarget::Local));
    assert!(depended_on("subnets"));
}
