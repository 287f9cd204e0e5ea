//! Gateway Load Balancers (semantics 16): which appliances the flows of their endpoints may get.

use super::{Node, is_set, places};
use crate::plan::{FamilyRows, Plan};
use crate::resources::{FlowStickiness, Listener, TargetGroup, TargetUse};
use groundplane_abi::balancer::{ListenerEntry, ListenerKey, listener_flag};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Bank, Ip4, Port};

impl Node<'_, '_> {
    /// Packets of either family get the same appliances, which have addresses of IPv4.
    pub(super) fn compile_appliances(&self, listener: &Listener, group: &TargetGroup, plan: &mut Plan) {
        let (zone, targets) = self.takers::<Ip4>(group);
        let places = places::of(targets);
        let by_flow = match group.flow_stickiness() {
            FlowStickiness::FiveTuple => 0,
            FlowStickiness::ThreeTuple => listener_flag::WITHOUT_PORTS,
            FlowStickiness::TwoTuple => listener_flag::ADDRESSES_ALONE,
        };
        let entry = ListenerEntry {
            group: self.group,
            places: u32::try_from(places.len()).unwrap_or_default(),
            zone,
            flags: by_flow | is_set(listener_flag::REBALANCES, group.rebalances()),
            // What is out of range has been reported.
            idle: u16::try_from(listener.tcp_idle()).unwrap_or(u16::MAX),
            scope: self.scope,
        };
        let key = ListenerKey {
            bank: Bank(0),
            node: self.device,
            port: Port::NONE,
            protocol: 0,
            reserved: 0,
        };
        plan.ip4.listeners.insert(key, entry);
        plan.ip6.listeners.insert(key, entry);
        self.insert_places(zone, &places, &mut plan.ip4);
        self.insert_appliances(group, &mut plan.ip4);
    }

    /// Those whose flows stay where they rebalance: all that take new ones of any node.
    fn insert_appliances(&self, group: &TargetGroup, rows: &mut FamilyRows<Ip4>) {
        let all = self.lookup.all;
        let zones: Vec<_> = all.zones_of(self.balancer).collect();
        let takers = zones.iter().flat_map(|zone| all.takers(self.balancer, zone, group));
        for target in takers.filter(|target| matches!(target.takes, TargetUse::All | TargetUse::Unhealthy)) {
            self.insert_target(&target, protocol::UDP, rows);
        }
    }
}
