//! What the conversations across gateways, and those by load balancers, have reached, and how often at least they must.

use groundplane_abi::DropReason;
use groundplane_tests::model::{Gateway, Way};
use groundplane_tests::twin::Heard;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// What conversations there are.
    name: &'static str,
    /// What must be reached.
    wanted: Vec<String>,
    packets: u64,
    times: BTreeMap<String, u64>,
}

const GATEWAYS: [Gateway; 19] = [
    Gateway::Internet,
    Gateway::InternetBack,
    Gateway::Hairpin,
    Gateway::EdgeTable,
    Gateway::EgressOnly,
    Gateway::EgressOnlyBack,
    Gateway::Nat,
    Gateway::NatBack,
    Gateway::NatError,
    Gateway::Nat64,
    Gateway::Nat64Back,
    Gateway::Nat64Error,
    Gateway::ReturnToSender,
    Gateway::Peering,
    Gateway::PeeringBetweenRegions,
    Gateway::Transit,
    Gateway::TransitPeering,
    Gateway::GatewayEndpoint,
    Gateway::GatewayEndpointBack,
];

/// What else happens across gateways.
const ABROAD: [&str; 5] = [LEFT, DELIVERED, REFUSED, PASSED, CLAMPED];
const LEFT: &str = "left by the uplink";
const DELIVERED: &str = "delivered";
const REFUSED: &str = "dropped, and its sender told";
const PASSED: &str = "from the outside and not ours";
const CLAMPED: &str = "its MSS lowered";
const BY_NOTE: &str = "fragment that came by a note";
const CHANGED: &str = "configuration changed";

/// What only gateways drop for, and conversations without them can't have.
pub(crate) const REASONS: [DropReason; 27] = [
    DropReason::NO_PUBLIC_ADDRESS,
    DropReason::NOBODYS_PUBLIC_ADDRESS,
    DropReason::PRIVATE_DESTINATION,
    DropReason::SHARED_DESTINATION,
    DropReason::PRIVATE_SOURCE,
    DropReason::SHARED_SOURCE,
    DropReason::SPOOFED_SOURCE,
    DropReason::INTERNET_DENIED,
    DropReason::PUBLIC_ACCESS_BLOCKED,
    DropReason::EGRESS_ONLY,
    DropReason::EDGE_ROUTE,
    DropReason::EDGE_PUBLIC_ADDRESS,
    DropReason::NAT_PROTOCOL,
    DropReason::NAT_FRAGMENT,
    DropReason::NAT_NO_MAPPING,
    DropReason::NAT_IDLE_RESET,
    DropReason::PEERING_ADDRESS,
    DropReason::TRANSIT_ZONE,
    DropReason::TRANSIT_NO_ASSOCIATION,
    DropReason::TRANSIT_NO_ROUTE,
    DropReason::TRANSIT_BLACKHOLE,
    DropReason::PATH_MTU_EXCEEDED,
    DropReason::HOP_LIMIT,
    DropReason::NAT64_CONTENT,
    DropReason::GATEWAY_ENDPOINT_PROTOCOL,
    DropReason::GATEWAY_ENDPOINT_SOURCE,
    DropReason::GATEWAY_ENDPOINT_TAKEN,
];

const BALANCERS: [Gateway; 7] = [
    Gateway::Balanced,
    Gateway::BalancedPreserved,
    Gateway::BalancedBack,
    Gateway::BalancedBackPreserved,
    Gateway::BalancedError,
    Gateway::Endpoint,
    Gateway::EndpointBack,
];

/// What else happens by load balancers.
const BALANCED: [&str; 5] = [DELIVERED, REFUSED, CLAMPED, BY_NOTE, CHANGED];

/// What only load balancers and endpoints drop for, and conversations without them can't have.
pub(crate) const BALANCER_REASONS: [DropReason; 10] = [
    DropReason::NO_LISTENER,
    DropReason::NO_TARGET,
    DropReason::BALANCER_PROTOCOL,
    DropReason::BALANCER_RESET,
    DropReason::BALANCER_HAIRPIN,
    DropReason::BALANCER_FRAGMENT,
    DropReason::ENDPOINT_NOT_AVAILABLE,
    DropReason::ENDPOINT_PROTOCOL,
    DropReason::ENDPOINT_MTU,
    DropReason::ENDPOINT_NO_NODE,
];

const INSPECTED: [Gateway; 3] = [Gateway::Inspected, Gateway::InspectedBack, Gateway::EdgeTable];

/// What else happens by way of appliances.
const BY_APPLIANCES: [&str; 4] = [LEFT, DELIVERED, CLAMPED, CHANGED];

/// What only Gateway Load Balancers drop for, and conversations without them can't have.
pub(crate) const INSPECTION_REASONS: [DropReason; 5] = [
    DropReason::GENEVE_FRAGMENT,
    DropReason::GENEVE_NO_TARGET,
    DropReason::GENEVE_NOT_OPEN,
    DropReason::GENEVE_MISMATCH,
    DropReason::GENEVE_PROTOCOL,
];

const LINKED: [Gateway; 6] = [
    Gateway::Called,
    Gateway::CalledBack,
    Gateway::Endpoint,
    Gateway::EndpointBack,
    Gateway::Balanced,
    Gateway::BalancedBack,
];

/// What else happens by VPC links.
const BY_LINKS: [&str; 3] = [DELIVERED, CLAMPED, CHANGED];

/// What only VPC links drop for, and conversations without them can't have.
pub(crate) const LINK_REASONS: [DropReason; 1] = [DropReason::VPC_LINK_ONE_WAY];

/// What else is to be met by them.
const LINKED_REASONS: [DropReason; 8] = [
    DropReason::VPC_LINK_ONE_WAY,
    DropReason::NO_OWNER,
    DropReason::BALANCER_PROTOCOL,
    DropReason::BALANCER_RESET,
    DropReason::GROUP_EGRESS,
    DropReason::GROUP_INGRESS,
    DropReason::NO_LISTENER,
    DropReason::NO_TARGET,
];

impl Reach {
    pub(crate) fn across_gateways() -> Self {
        Self::of("across gateways", &ABROAD, &GATEWAYS, &REASONS)
    }

    pub(crate) fn by_balancers() -> Self {
        Self::of("by load balancers", &BALANCED, &BALANCERS, &BALANCER_REASONS)
    }

    pub(crate) fn by_appliances() -> Self {
        Self::of("by way of appliances", &BY_APPLIANCES, &INSPECTED, &INSPECTION_REASONS)
    }

    pub(crate) fn by_links() -> Self {
        Self::of("by VPC links", &BY_LINKS, &LINKED, &LINKED_REASONS)
    }

    fn of(name: &'static str, what: &[&str], gateways: &[Gateway], reasons: &[DropReason]) -> Self {
        let what = what.iter().map(|what| (*what).to_owned());
        let gateways = gateways.iter().map(|gateway| passed(*gateway));
        let reasons = reasons.iter().map(|reason| dropped(*reason));
        Self {
            name,
            wanted: what.chain(gateways).chain(reasons).collect(),
            packets: 0,
            times: BTreeMap::new(),
        }
    }

    fn add(&mut self, what: impl Into<String>) {
        *self.times.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn heard(&mut self, heard: &Heard) {
        self.packets += 1;
        match heard {
            Heard::Left(_) => self.add(LEFT),
            Heard::Delivered { .. } => self.add(DELIVERED),
            Heard::Passed => self.add(PASSED),
            Heard::Answered(_) => {}
            Heard::Dropped(reason) => self.add(dropped(*reason)),
            Heard::Refused { reason, .. } => {
                self.add(REFUSED);
                self.add(dropped(*reason));
            }
        }
    }

    pub(crate) fn passed(&mut self, way: &Way) {
        for gateway in &way.gateways {
            self.add(passed(*gateway));
        }
        if way.clamped {
            self.add(CLAMPED);
        }
        if way.by_note {
            self.add(BY_NOTE);
        }
    }

    pub(crate) fn changed(&mut self) {
        self.add(CHANGED);
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Everything has happened once in two thousand packets.
    pub(crate) fn check_floors(&self) {
        let floor = self.packets / 2000;
        let low: Vec<_> = self.rows().filter(|(_, times)| *times < floor).collect();
        assert!(low.is_empty(), "reached less than {floor} times: {low:?}");
    }

    fn rows(&self) -> impl Iterator<Item = (&str, u64)> {
        let wanted = self.wanted.iter();
        wanted.map(|what| (&**what, self.times.get(what).copied().unwrap_or_default()))
    }
}

fn passed(gateway: Gateway) -> String {
    format!("passed {gateway:?}")
}

fn dropped(reason: DropReason) -> String {
    format!("dropped {reason}")
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>9} packets {}", self.packets, self.name)?;
        for (what, times) in self.rows() {
            writeln!(f, "{times:>9} {what}")?;
        }
        Ok(())
    }
}
