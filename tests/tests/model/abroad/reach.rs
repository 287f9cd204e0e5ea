//! What the conversations across gateways have reached, and how often at least they must.

use groundplane_abi::DropReason;
use groundplane_tests::model::{Gateway, Way};
use groundplane_tests::twin::Heard;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Debug, Default)]
pub(crate) struct Reach {
    packets: u64,
    left: u64,
    delivered: u64,
    refused: u64,
    passed: u64,
    clamped: u64,
    gateways: BTreeMap<Gateway, u64>,
    dropped: BTreeMap<DropReason, u64>,
}

const GATEWAYS: [Gateway; 17] = [
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
];

/// What only gateways drop for, and conversations without them can't have.
pub(crate) const REASONS: [DropReason; 24] = [
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
];

impl Reach {
    pub(crate) fn heard(&mut self, heard: &Heard) {
        self.packets += 1;
        match heard {
            Heard::Left(_) => self.left += 1,
            Heard::Delivered { .. } => self.delivered += 1,
            Heard::Passed => self.passed += 1,
            Heard::Answered(_) => {}
            Heard::Dropped(reason) => *self.dropped.entry(*reason).or_default() += 1,
            Heard::Refused { reason, .. } => {
                self.refused += 1;
                *self.dropped.entry(*reason).or_default() += 1;
            }
        }
    }

    pub(crate) fn passed(&mut self, way: &Way) {
        for gateway in &way.gateways {
            *self.gateways.entry(*gateway).or_default() += 1;
        }
        self.clamped += u64::from(way.clamped);
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Everything has happened once in two thousand packets.
    pub(crate) fn check_floors(&self) {
        let floor = self.packets / 2000;
        let low: Vec<_> = self.rows().into_iter().filter(|(_, times)| *times < floor).collect();
        assert!(low.is_empty(), "reached less than {floor} times: {low:?}");
    }

    fn rows(&self) -> Vec<(String, u64)> {
        let mut rows = vec![
            ("left by the uplink".to_owned(), self.left),
            ("delivered".to_owned(), self.delivered),
            ("dropped, and its sender told".to_owned(), self.refused),
            ("from the outside and not ours".to_owned(), self.passed),
            ("its MSS lowered".to_owned(), self.clamped),
        ];
        let times = |times: Option<&u64>| times.copied().unwrap_or_default();
        rows.extend(GATEWAYS.map(|gateway| (format!("passed {gateway:?}"), times(self.gateways.get(&gateway)))));
        rows.extend(REASONS.map(|reason| (format!("dropped {reason}"), times(self.dropped.get(&reason)))));
        rows
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>9} packets across gateways", self.packets)?;
        for (what, times) in self.rows() {
            writeln!(f, "{times:>9} {what}")?;
        }
        Ok(())
    }
}
