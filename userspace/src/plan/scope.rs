//! Which VPCs a new plan changes, so that the flows of the others are left in peace.

use super::{FamilyRows, Plan};
use groundplane_abi::route::RouteKey;
use groundplane_abi::{Device, GroupSetId, Ip, NaclId, RouteTableId, ScopeId, SubnetId, TargetGroupId, VpcId};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The scopes of every VPC whose rows differ between the plan in force and the next.
///
/// A number may stand for another VPC in the next plan; its rows differ then, and both its old and its new scope are
/// named.
#[must_use]
pub fn changed_scopes(old: &Plan, new: &Plan) -> BTreeSet<ScopeId> {
    let mut changes = Changes {
        owners: [Owners::of(old), Owners::of(new)],
        vpcs: BTreeSet::new(),
        scopes: BTreeSet::new(),
    };
    changes.of_shared(old, new);
    changes.of_family(&old.ip4, &new.ip4);
    changes.of_family(&old.ip6, &new.ip6);
    let vpcs = old.vpcs.iter().chain(&new.vpcs);
    let changed = vpcs.filter(|(key, _)| changes.vpcs.contains(&key.vpc));
    let mut scopes = changes.scopes;
    scopes.extend(changed.map(|(_, vpc)| vpc.scope));
    if !scopes.is_empty() {
        scopes.insert(ScopeId::EVERYTHING);
    }
    scopes
}

/// Whose what is, as far as it is in use: a table that no subnet has changes nothing.
#[derive(Default)]
struct Owners {
    subnets: BTreeMap<SubnetId, VpcId>,
    route_tables: BTreeMap<RouteTableId, VpcId>,
    nacls: BTreeMap<NaclId, VpcId>,
    group_sets: BTreeMap<GroupSetId, VpcId>,
    devices: BTreeMap<Device, VpcId>,
    target_groups: BTreeMap<TargetGroupId, VpcId>,
    /// Of the transit gateways, whose tables are all that are no VPC's.
    transit: BTreeSet<ScopeId>,
}

impl Owners {
    fn of(plan: &Plan) -> Self {
        let mut owners = Self::default();
        for (key, subnet) in &plan.subnets {
            owners.subnets.insert(key.subnet, subnet.vpc);
            owners.route_tables.insert(subnet.route_table, subnet.vpc);
            owners.nacls.insert(subnet.nacl, subnet.vpc);
        }
        for (key, eni) in &plan.enis {
            owners.group_sets.insert(eni.group_set, eni.vpc);
            owners.devices.insert(key.device, eni.vpc);
        }
        for (key, vpc) in &plan.vpcs {
            owners.route_tables.insert(vpc.edge_table, key.vpc);
            owners.route_tables.insert(vpc.return_table, key.vpc);
        }
        owners.note_target_groups(&plan.ip4);
        owners.note_target_groups(&plan.ip6);
        owners
            .transit
            .extend(plan.attachments.values().map(|it| it.attachment.scope));
        owners
    }

    /// A target group is its load balancer's, of which there is one.
    fn note_target_groups<I: Ip>(&mut self, rows: &FamilyRows<I>) {
        for (key, listener) in &rows.listeners {
            let vpc = self.devices.get(&key.node).copied();
            self.target_groups.extend(vpc.map(|vpc| (listener.group, vpc)));
        }
    }
}

/// The VPCs found to be changed.
struct Changes {
    /// In the old plan and in the new one.
    owners: [Owners; 2],
    vpcs: BTreeSet<VpcId>,
    scopes: BTreeSet<ScopeId>,
}

impl Changes {
    fn of_shared(&mut self, old: &Plan, new: &Plan) {
        self.note(&old.enis, &new.enis, |_, _, eni| Some(eni.vpc));
        self.note(&old.subnets, &new.subnets, |_, _, subnet| Some(subnet.vpc));
        self.note(&old.vpcs, &new.vpcs, |_, key, _| Some(key.vpc));
        for (_, row) in differing(&old.attachments, &new.attachments) {
            self.scopes.insert(row.attachment.scope);
        }
        self.note(&old.endpoints, &new.endpoints, |owners, key, _| {
            owners.devices.get(&key.device).copied()
        });
        self.note(&old.macs, &new.macs, |owners, key, _| {
            owners.subnets.get(&key.subnet).copied()
        });
        self.note(&old.group_sets, &new.group_sets, |owners, key, _| {
            owners.group_sets.get(&key.group_set).copied()
        });
        self.note(&old.references, &new.references, |owners, key, _| {
            owners.group_sets.get(&key.group_set).copied()
        });
        self.note(&old.selectors, &new.selectors, |owners, (key, _), _| {
            owners.group_sets.get(&key.group_set).copied()
        });
    }

    fn of_family<I: Ip>(&mut self, old: &FamilyRows<I>, new: &FamilyRows<I>) {
        self.note(&old.addresses, &new.addresses, |_, (key, _), _| Some(key.vpc));
        self.note(&old.routes, &new.routes, |owners, (key, _), _| {
            owners.route_tables.get(&key.table).copied()
        });
        // A transit gateway's, or one that no subnet uses.
        let is_owned = |key: &RouteKey<I>| self.owners.iter().any(|it| it.route_tables.contains_key(&key.table));
        if differing(&old.routes, &new.routes).any(|((key, _), _)| !is_owned(key)) {
            let transit = self.owners.iter().flat_map(|owners| &owners.transit);
            self.scopes.extend(transit);
        }
        self.of_balancers(old, new);
        self.note(&old.nats, &new.nats, |owners, key, _| {
            owners.devices.get(&key.device).copied()
        });
        if old.publics != new.publics {
            self.scopes.insert(ScopeId::INTERNET);
        }
        self.note(&old.nacls, &new.nacls, |owners, key, _| {
            owners.nacls.get(&key.nacl).copied()
        });
        self.note(&old.peers, &new.peers, |owners, (key, _), _| {
            owners.group_sets.get(&key.group_set).copied()
        });
    }

    fn of_balancers<I: Ip>(&mut self, old: &FamilyRows<I>, new: &FamilyRows<I>) {
        self.note(&old.listeners, &new.listeners, |owners, key, _| {
            owners.devices.get(&key.node).copied()
        });
        self.note(&old.places, &new.places, |owners, key, _| {
            owners.target_groups.get(&key.group).copied()
        });
        self.note(&old.targets, &new.targets, |owners, key, _| {
            owners.target_groups.get(&key.group).copied()
        });
    }

    /// Notes who owns the rows of a table that aren't the same in both plans, going through both side by side.
    fn note<K: Ord, V: PartialEq>(
        &mut self,
        old: &BTreeMap<K, V>,
        new: &BTreeMap<K, V>,
        owner: impl Fn(&Owners, &K, &V) -> Option<VpcId>,
    ) {
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((old, _)), Some((new, _))) => old.cmp(new),
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            if before == after {
                continue;
            }
            for (row, owners) in [before, after].into_iter().zip(&self.owners) {
                self.vpcs.extend(row.and_then(|(key, row)| owner(owners, key, row)));
            }
        }
    }
}

/// The rows that aren't the same in both.
fn differing<'m, K: Ord, V: PartialEq>(
    old: &'m BTreeMap<K, V>,
    new: &'m BTreeMap<K, V>,
) -> impl Iterator<Item = (&'m K, &'m V)> {
    let gone = old.iter().filter(|(key, row)| new.get(key) != Some(row));
    let come = new.iter().filter(|(key, row)| old.get(key) != Some(row));
    gone.chain(come)
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::eni::{AddressEntry, AddressKey, SubnetEntry, SubnetKey};
    use groundplane_abi::route::{RouteEntry, RouteKey, Target};
    use groundplane_abi::transit::{Attachment, AttachmentEntry, AttachmentKey};
    use groundplane_abi::vpc::{VpcEntry, VpcKey};
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
            plan.ip4
                .routes
                .insert((route(number), 16), RouteEntry::new(Target::Local));
            let device = Device(number);
            let entry = AddressEntry {
                device,
                ..AddressEntry::default()
            };
            plan.ip4.addresses.insert((address(number), 32), entry);
            let vpc = VpcEntry {
                scope: subnet.scope,
                ..VpcEntry::default()
            };
            plan.vpcs.insert(
                VpcKey {
                    bank: Bank(0),
                    vpc: VpcId(number),
                },
                vpc,
            );
        }
        plan
    }

    fn route(table: u32) -> RouteKey<Ip4> {
        RouteKey {
            bank: Bank(0),
            table: RouteTableId(table),
            destination: Ip4([10, 0, 0, 0]),
        }
    }

    fn address(vpc: u32) -> AddressKey<Ip4> {
        AddressKey {
            bank: Bank(0),
            vpc: VpcId(vpc),
            address: Ip4([10, 0, 0, 9]),
        }
    }

    fn changed(change: impl FnOnce(&mut Plan)) -> Vec<u16> {
        let mut new = plan();
        change(&mut new);
        let scopes = changed_scopes(&plan(), &new).into_iter();
        scopes
            .filter(|scope| *scope != ScopeId::EVERYTHING)
            .map(|scope| scope.0)
            .collect()
    }

    #[test]
    fn the_same_plan_changes_nobody() {
        assert!(changed(|_| ()).is_empty());
    }

    #[test]
    fn a_change_in_one_vpc_leaves_the_other_alone() {
        let lost_target = changed(|plan| {
            plan.ip4.routes.insert((route(2), 16), RouteEntry::BLACKHOLE);
        });
        assert_eq!(lost_target, [12]);
        let lost_address = changed(|plan| {
            plan.ip4.addresses.remove(&(address(1), 32));
        });
        assert_eq!(lost_address, [11]);
    }

    /// A transit gateway's tables are no VPC's.
    #[test]
    fn a_route_of_no_vpc_concerns_every_transit_gateway_whether_it_comes_goes_or_changes() {
        const TRANSIT: ScopeId = ScopeId(13);
        let attachment = AttachmentEntry {
            attachment: Attachment {
                scope: TRANSIT,
                ..Attachment::default()
            },
            ..AttachmentEntry::default()
        };
        let route_to = |entry: Option<RouteEntry>| {
            let mut plan = plan();
            plan.attachments.insert(AttachmentKey::default(), attachment);
            plan.ip4.routes.extend(entry.map(|entry| ((route(9), 16), entry)));
            plan
        };
        let without = route_to(None);
        let with = route_to(Some(RouteEntry::BLACKHOLE));
        let other = route_to(Some(RouteEntry::new(Target::Local)));
        for (old, new) in [(&without, &with), (&with, &without), (&with, &other)] {
            let scopes = changed_scopes(old, new);
            assert_eq!(scopes, BTreeSet::from([TRANSIT, ScopeId::EVERYTHING]));
        }
        assert!(changed_scopes(&with, &with).is_empty());
    }

    #[test]
    fn a_new_number_for_a_vpc_names_its_old_scope_and_its_new_one() {
        let renumber = |plan: &mut Plan| {
            for vpc in plan.vpcs.values_mut() {
                vpc.scope = ScopeId(23 - vpc.scope.0);
            }
        };
        assert_eq!(changed(renumber), [11, 12]);
    }

    #[test]
    fn from_nothing_every_vpc_is_new() {
        // And with them what depends on everything.
        assert_eq!(changed_scopes(&Plan::default(), &plan()).len(), 3);
    }
}
