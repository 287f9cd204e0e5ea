//! What Groundplane is measured in: the loaded datapath, and pairs of guests that differ in how much is configured for
//! them.
//!
//! All of it is one configuration, so that few rules and many are measured side by side. The two guests of a pair are
//! in different subnets: their packets are routed and pass NACLs.
//!
//! A repeated run finds the frame as the one before has left it: a routed one leaves with other MACs than it came with,
//! and would be no packet of the connection the second time. So all ENIs are given the router's own MAC: then the frame
//! is from the router to the router, before and after, and the rewriting writes what stands there. No resources can say
//! that, since no ENI may have that MAC; it is written into the plan. The program does the same instructions on the
//! same lines of memory.

use crate::flow::Flow;
use anyhow::{Context as _, Result};
use groundplane::plan::Plan;
use groundplane::resources::{Allowance, NetworkAclEntry, RuleAction};
use groundplane_abi::route::{RouteEntry, RouteKey, Target};
use groundplane_abi::{Ip4, Ip6, Mac, RouteTableId};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::topology::{Guest, Rule, Topology, all, nacl_rule, nacl_rule6, net};
use groundplane_tests::twin;
use std::net::{Ipv4Addr, Ipv6Addr};

/// How much is configured for a pair of guests, in each direction and family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    pub(crate) group_rules: u16,
    pub(crate) nacl_rules: u16,
    pub(crate) routes: u32,
}

pub(crate) const SMALL: Scale = Scale {
    group_rules: 1,
    nacl_rules: 1,
    routes: 10,
};
pub(crate) const TEN_GROUP_RULES: Scale = Scale {
    group_rules: 10,
    ..SMALL
};
pub(crate) const MANY_GROUP_RULES: Scale = Scale {
    group_rules: 1000,
    ..SMALL
};
/// What the blocks of the VPC are, and what every rule that admits speaks of.
const BLOCKS: [&str; 2] = ["10.0.0.0/16", "2001:db8::/56"];

/// As much as no measurement uses up.
const ALLOWANCE: Allowance = Allowance {
    connections: 10_000_000,
    first_packets: 10_000_000,
    first_packets_burst: 10_000_000,
};

/// The loaded datapath with guests.
pub(crate) struct Bed {
    pub(crate) kernel: LoadedKernel,
    topology: Topology,
    scales: Vec<Scale>,
}

impl Bed {
    /// With a main table of so many entries in each family. The name tells its pins from others.
    pub(crate) fn new(name: &str, flows: u32, scales: &[Scale]) -> Result<Self> {
        Self::among(name, flows, scales, 0)
    }

    /// The same among so many other ENIs, to which nobody speaks.
    pub(crate) fn among(name: &str, flows: u32, scales: &[Scale], others: usize) -> Result<Self> {
        let mut topology = Topology::new();
        topology.vpc("red", BLOCKS[0]).block(BLOCKS[1]);
        for (place, scale) in scales.iter().enumerate() {
            add_pair(&mut topology, place, *scale);
        }
        let pairs = topology.bindings.clone();
        add_others(&mut topology, others);
        let mut plan = twin::compile(&topology);
        for eni in plan.enis.values_mut() {
            eni.mac = Mac::ROUTER;
        }
        for (place, scale) in scales.iter().enumerate() {
            let guest = topology.guest(&near(place));
            add_routes(&mut plan, guest, scale.routes).context("the guest has no routes")?;
        }
        let mut kernel = LoadedKernel::load(name, flows)?;
        for binding in pairs.values() {
            kernel.add_device(binding.device)?;
        }
        kernel.apply(&plan)?;
        Ok(Self {
            kernel,
            topology,
            scales: scales.to_vec(),
        })
    }

    /// A flow between the guests of a scale.
    pub(crate) fn flow(&self, scale: Scale, version: u8, protocol: u8) -> Result<Flow> {
        let place = self.scales.iter().position(|own| *own == scale);
        let place = place.context("nobody is configured on that scale")?;
        let (from, to) = (self.topology.guest(&near(place)), self.topology.guest(&far(place)));
        Ok(Flow {
            version,
            protocol,
            from,
            to,
        })
    }
}

fn near(place: usize) -> String {
    format!("near{place}")
}

fn far(place: usize) -> String {
    format!("far{place}")
}

/// Two guests in two subnets of the VPC, with a group of their own and NACLs of their own.
fn add_pair(topology: &mut Topology, place: usize, scale: Scale) {
    let group = format!("group{place}");
    topology.group(&group, group_rules(scale.group_rules));
    for (index, name) in [near(place), far(place)].iter().enumerate() {
        let number = place * 2 + index;
        let prefix6 = format!("2001:db8:0:{number:x}::");
        topology
            .subnet(name, &format!("10.0.{number}.0/24"))
            .subnet6(&format!("{prefix6}/64"))
            .nacl(name, nacl_rules(scale.nacl_rules))
            .eni6(name, &format!("10.0.{number}.10"), &format!("{prefix6}10"))
            .in_groups(name, &[&group])
            .allowance(name, ALLOWANCE);
    }
}

/// So many ENIs in VPCs of their own, a hundred in each.
fn add_others(topology: &mut Topology, count: usize) {
    for number in 0..count {
        let (vpc, host) = (format!("crowd{}", number / 100), number % 100 + 10);
        if number % 100 == 0 {
            topology.vpc(&vpc, BLOCKS[0]).subnet(&vpc, "10.0.1.0/24");
        }
        topology.eni(&format!("{vpc}-{host}"), &format!("10.0.1.{host}"));
    }
}

/// So many rules in each direction and family, of which the last one admits the neighbours: not everybody, or there
/// would be nothing to track.
fn group_rules(count: u16) -> Vec<Rule> {
    let mut rules = Vec::new();
    for number in 1..count {
        let [high, low] = number.to_be_bytes();
        for peer in [
            format!("172.16.{high}.{low}/32"),
            format!("2001:db8:ffff:{number:x}::/64"),
        ] {
            rules.extend([all().from(&peer), all().to(&peer)]);
        }
    }
    for peer in BLOCKS {
        rules.extend([all().from(peer), all().to(peer)]);
    }
    rules
}

/// So many rules in each direction and family, of which the last one allows.
fn nacl_rules(count: u16) -> Vec<NetworkAclEntry> {
    let mut rules = Vec::new();
    for egress in [false, true] {
        for number in 1..count {
            rules.push(NetworkAclEntry {
                cidr_block: net(&format!("172.16.{number}.0/24")),
                ..nacl_rule(number * 2, egress, RuleAction::Deny)
            });
            rules.push(NetworkAclEntry {
                cidr_block: net(&format!("2001:db8:ffff:{number:x}::/64")),
                ..nacl_rule6(number * 2 + 1, egress, RuleAction::Deny)
            });
        }
        rules.push(nacl_rule(count * 2, egress, RuleAction::Allow));
        rules.push(nacl_rule6(count * 2 + 1, egress, RuleAction::Allow));
    }
    rules
}

/// Gives the table of a guest so many routes in each family, beside the local ones. Written into the plan: through the
/// resources a hundred thousand would take longer than measuring.
fn add_routes(plan: &mut Plan, guest: Guest, count: u32) -> Option<()> {
    let eni = plan.enis.iter().find(|(key, _)| key.device == guest.device)?.1;
    let subnet = plan.subnets.iter().find(|(key, _)| key.subnet == eni.subnet)?.1;
    let table = subnet.route_table;
    for number in 0..count {
        // All over 10.1.0.0 to 10.255.255.255, and 2001:db8:1::/48 and what follows.
        let v4 = Ipv4Addr::from(0x0a01_0000 + number * 128);
        let v6 = Ipv6Addr::from(0x2001_0db8_0001_0000_0000_0000_0000_0000 + (u128::from(number) << 64));
        plan.ip4.routes.insert((route_key(table, Ip4::from(v4)), 25), LOCAL);
        plan.ip6.routes.insert((route_key(table, Ip6::from(v6)), 64), LOCAL);
    }
    Some(())
}

const LOCAL: RouteEntry = RouteEntry::new(Target::Local);

fn route_key<I>(table: RouteTableId, destination: I) -> RouteKey<I> {
    RouteKey {
        bank: groundplane_abi::Bank(0),
        table,
        destination,
    }
}
