//! Which VPCs a new plan changes, so that the flows of the others are left in peace.

use crate::plan::Plan;
use groundplane_abi::{ScopeId, VpcId};
use std::collections::BTreeSet;

/// The scopes of every VPC whose rows differ between the plan in force and the next.
///
/// A number may stand for another VPC in the next plan; its rows differ then, and both its old and its new scope are
/// named.
#[must_use]
pub fn changed_scopes(old: &Plan, new: &Plan) -> BTreeSet<ScopeId> {
    let vpcs: BTreeSet<VpcId> = old
        .subnets
        .values()
        .chain(new.subnets.values())
        .map(|subnet| subnet.vpc)
        .collect();
    let mut scopes = BTreeSet::new();
    for vpc in vpcs {
        let (before, after) = (part(old, vpc), part(new, vpc));
        if before != after {
            scopes.extend(
                before
                    .subnets
                    .values()
                    .chain(after.subnets.values())
                    .map(|subnet| subnet.scope),
            );
        }
    }
    scopes
}

/// The rows that say something about one VPC.
fn part(plan: &Plan, vpc: VpcId) -> Plan {
    let mut part = Plan::default();
    part.enis.extend(plan.enis.iter().filter(|(_, eni)| eni.vpc == vpc));
    part.subnets
        .extend(plan.subnets.iter().filter(|(_, subnet)| subnet.vpc == vpc));
    part.addresses
        .extend(plan.addresses.iter().filter(|((key, _), _)| key.vpc == vpc));
    let subnets: BTreeSet<_> = part.subnets.keys().map(|key| key.subnet).collect();
    let tables: BTreeSet<_> = part.subnets.values().map(|subnet| subnet.route_table).collect();
    let nacls: BTreeSet<_> = part.subnets.values().map(|subnet| subnet.nacl).collect();
    let group_sets: BTreeSet<_> = part.enis.values().map(|eni| eni.group_set).collect();
    part.macs
        .extend(plan.macs.iter().filter(|(key, _)| subnets.contains(&key.subnet)));
    part.routes
        .extend(plan.routes.iter().filter(|((key, _), _)| tables.contains(&key.table)));
    part.nacls
        .extend(plan.nacls.iter().filter(|(key, _)| nacls.contains(&key.nacl)));
    part.group_sets.extend(
        plan.group_sets
            .iter()
            .filter(|(key, _)| group_sets.contains(&key.group_set)),
    );
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::eni::{AddressKey, SubnetEntry, SubnetKey};
    use groundplane_abi::route::{RouteEntry, RouteKey, Target};
    use groundplane_abi::{Bank, Device, Ip4, RouteTableId, SubnetId};

    /// Two VPCs, each with a subnet, a route and an address; numbers 1 and 2 throughout, scopes 11 and 12.
    fn plan() -> Plan {
        let mut plan = Plan::default();
        for number in [1, 2] {
            let subnet = SubnetEntry {
                vpc: VpcId(number),
                route_table: RouteTableId(number),
                scope: ScopeId(u16::try_from(number).unwrap() + 10),
                ..SubnetEntry::default()
            };
            plan.subnets.insert(
                SubnetKey {
                    bank: Bank(0),
                    subnet: SubnetId(number),
                },
                subnet,
            );
            plan.routes.insert((route(number), 16), RouteEntry::new(Target::Local));
            plan.addresses.insert((address(number), 32), Device(number));
        }
        plan
    }

    fn route(table: u32) -> RouteKey {
        RouteKey {
            bank: Bank(0),
            table: RouteTableId(table),
            destination: Ip4([10, 0, 0, 0]),
        }
    }

    fn address(vpc: u32) -> AddressKey {
        AddressKey {
            bank: Bank(0),
            vpc: VpcId(vpc),
            address: Ip4([10, 0, 0, 9]),
        }
    }

    fn changed(change: impl FnOnce(&mut Plan)) -> Vec<u16> {
        let mut new = plan();
        change(&mut new);
        changed_scopes(&plan(), &new).into_iter().map(|scope| scope.0).collect()
    }

    #[test]
    fn the_same_plan_changes_nobody() {
        assert!(changed(|_| ()).is_empty());
    }

    #[test]
    fn a_change_in_one_vpc_leaves_the_other_alone() {
        let lost_target = changed(|plan| {
            plan.routes.insert((route(2), 16), RouteEntry::BLACKHOLE);
        });
        assert_eq!(lost_target, [12]);
        let lost_address = changed(|plan| {
            plan.addresses.remove(&(address(1), 32));
        });
        assert_eq!(lost_address, [11]);
    }

    #[test]
    fn a_new_number_for_a_vpc_names_its_old_scope_and_its_new_one() {
        let renumber = |plan: &mut Plan| {
            for subnet in plan.subnets.values_mut() {
                subnet.scope = ScopeId(23 - subnet.scope.0);
            }
        };
        assert_eq!(changed(renumber), [11, 12]);
    }

    #[test]
    fn from_nothing_every_vpc_is_new() {
        assert_eq!(changed_scopes(&Plan::default(), &plan()).len(), 2);
    }
}
