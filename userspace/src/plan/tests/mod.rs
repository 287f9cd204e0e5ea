//! What a plan promises.

mod problems;
mod rules;

use super::*;
use crate::resources::*;
use groundplane_abi::eni::eni_flag;
use groundplane_abi::nacl::{ANY_ICMP, ANY_PROTOCOL, NaclRule, direction};
use groundplane_abi::security_group::group_flag;
use groundplane_abi::{Bank, Ip4, Mac, NaclId, RouteTableId, SubnetId, VpcId};
use proptest::prelude::*;

fn group(id: &str, vpc: &str, directions: &[bool]) -> SecurityGroup {
    let rule = |&is_egress| SecurityGroupRule {
        is_egress,
        ip_protocol: None,
        cidr_ipv4: cidr("0.0.0.0/0"),
    };
    SecurityGroup {
        group_id: id.into(),
        group_name: id.into(),
        vpc_id: vpc.into(),
        rules: directions.iter().map(rule).collect(),
    }
}

fn cidr(text: &str) -> ipnet::Ipv4Net {
    text.parse().expect("a block")
}

fn entry(rule_number: u16, egress: bool) -> NetworkAclEntry {
    NetworkAclEntry {
        rule_number,
        egress,
        protocol: None,
        rule_action: RuleAction::Allow,
        cidr_block: cidr("0.0.0.0/0"),
        port_range: None,
        icmp_type_code: None,
    }
}

fn subnet(id: &str, vpc: &str, block: &str) -> Subnet {
    Subnet {
        subnet_id: id.into(),
        name: id.into(),
        vpc_id: vpc.into(),
        cidr_block: cidr(block),
        route_table_id: format!("rtb-{vpc}"),
        network_acl_id: format!("acl-{vpc}"),
    }
}

fn eni(id: &str, vpc: &str, subnet: &str, last_octet: u8) -> NetworkInterface {
    NetworkInterface {
        network_interface_id: id.into(),
        name: id.into(),
        vpc_id: vpc.into(),
        subnet_id: subnet.into(),
        mac_address: Mac([2, 0, 0, 0, 0, last_octet]),
        private_ip_addresses: vec![[10, 0, 1, last_octet].into()],
        groups: vec![format!("sg-{vpc}")],
        source_dest_check: true,
    }
}

fn add_vpc(vpc: &str, all: &mut Resources) {
    let block = cidr("10.0.0.0/16");
    all.vpcs.push(Vpc {
        vpc_id: vpc.into(),
        name: vpc.into(),
        cidr_block: block,
    });
    all.subnets.push(subnet(&format!("subnet-{vpc}"), vpc, "10.0.1.0/24"));
    let local = Route {
        destination_cidr_block: block,
        target: RouteTarget::Local,
        state: RouteState::Active,
    };
    all.route_tables.push(RouteTable {
        route_table_id: format!("rtb-{vpc}"),
        name: "main".into(),
        vpc_id: vpc.into(),
        main: true,
        routes: vec![local],
    });
    all.network_acls.push(NetworkAcl {
        network_acl_id: format!("acl-{vpc}"),
        name: "default".into(),
        vpc_id: vpc.into(),
        is_default: true,
        entries: vec![entry(100, true), entry(100, false)],
    });
    let open = group(&format!("sg-{vpc}"), vpc, &[true, false]);
    all.security_groups.push(open);
}

/// Two VPCs with the same block, subnets and addresses.
fn twins() -> (Resources, Bindings) {
    let mut all = Resources::default();
    let mut bindings = Bindings::new();
    for (device, vpc) in [(10, "blue"), (20, "green")] {
        add_vpc(vpc, &mut all);
        for last_octet in [10, 11] {
            let id = format!("eni-{vpc}-{last_octet}");
            let subnet = format!("subnet-{vpc}");
            all.network_interfaces.push(eni(&id, vpc, &subnet, last_octet));
            let device = Device(device + u32::from(last_octet));
            let kind = GuestKind::Veth;
            bindings.insert(id, Binding { device, kind });
        }
    }
    (all, bindings)
}

/// The plan of the twins after a change.
fn plan_after(change: impl FnOnce(&mut Resources, &mut Bindings)) -> Result<Plan, Vec<PlanProblem>> {
    let (mut resources, mut bindings) = twins();
    change(&mut resources, &mut bindings);
    compile(&resources, &bindings)
}

#[test]
fn vpcs_with_the_same_block_share_no_row() {
    let plan = plan_after(|_, _| ()).expect("a plan");
    let address = |vpc, last| AddressKey {
        bank: Bank(0),
        vpc: VpcId(vpc),
        address: Ip4([10, 0, 1, last]),
    };
    assert_eq!(
        plan.addresses.into_iter().collect::<Vec<_>>(),
        [
            ((address(1, 10), 32), Device(20)),
            ((address(1, 11), 32), Device(21)),
            ((address(2, 10), 32), Device(30)),
            ((address(2, 11), 32), Device(31)),
        ]
    );
    let mac = |subnet, last| MacKey {
        bank: Bank(0),
        subnet: SubnetId(subnet),
        mac: Mac([2, 0, 0, 0, 0, last]),
        reserved: 0,
    };
    assert_eq!(
        plan.macs.into_iter().collect::<Vec<_>>(),
        [
            (mac(1, 10), Device(20)),
            (mac(1, 11), Device(21)),
            (mac(2, 10), Device(30)),
            (mac(2, 11), Device(31))
        ]
    );
}

#[test]
fn a_subnet_points_to_its_own_vpcs_tables() {
    let plan = plan_after(|_, _| ()).expect("a plan");
    for (number, (key, row)) in (1..).zip(&plan.subnets) {
        let expected = SubnetEntry {
            vpc: VpcId(number),
            route_table: RouteTableId(number),
            nacl: NaclId(number),
            network: Ip4([10, 0, 1, 0]),
            resolver: Ip4([10, 0, 0, 2]),
            prefix_len: 24,
            reserved: 0,
            scope: ScopeId(number as u16),
        };
        assert_eq!((key.subnet, *row), (SubnetId(number), expected));
    }
    assert_eq!(plan.subnets.len(), 2);
    assert_eq!(
        plan.scopes,
        [("blue".into(), ScopeId(1)), ("green".into(), ScopeId(2))].into()
    );
}

#[test]
fn flags_say_tap_and_source_check() {
    for (kind, source_dest_check, flags) in [
        (GuestKind::Veth, true, eni_flag::SOURCE_DEST_CHECK),
        (GuestKind::Veth, false, 0),
        (GuestKind::Tap, true, eni_flag::SOURCE_DEST_CHECK | eni_flag::TAP),
        (GuestKind::Tap, false, eni_flag::TAP),
    ] {
        let plan = plan_after(|resources, bindings| {
            resources.network_interfaces[0].source_dest_check = source_dest_check;
            bindings.insert(
                "eni-blue-10".into(),
                Binding {
                    device: Device(5),
                    kind,
                },
            );
        });
        let entry = plan.expect("a plan").enis[&EniKey {
            bank: Bank(0),
            device: Device(5),
        }];
        let expected = EniEntry {
            vpc: VpcId(1),
            subnet: SubnetId(1),
            group_set: groundplane_abi::GroupSetId(1),
            mac: Mac([2, 0, 0, 0, 0, 10]),
            flags,
        };
        assert_eq!(entry, expected);
    }
}

#[test]
fn every_private_address_of_an_eni_leads_to_it() {
    let plan = plan_after(|resources, _| {
        resources.network_interfaces[0]
            .private_ip_addresses
            .push([10, 0, 1, 99].into());
    });
    let key = AddressKey {
        bank: Bank(0),
        vpc: VpcId(1),
        address: Ip4([10, 0, 1, 99]),
    };
    assert_eq!(plan.expect("a plan").addresses.get(&(key, 32)), Some(&Device(20)));
}

#[test]
fn routes_lead_to_the_vpc_to_a_middlebox_or_nowhere() {
    let route = |destination: &str, target: &str, state| Route {
        destination_cidr_block: cidr(destination),
        target: RouteTarget::NetworkInterface(target.into()),
        state,
    };
    let plan = plan_after(|resources, _| {
        resources.route_tables[1].routes.extend([
            // Host bits are cleared, and nobody asks where a blackhole leads.
            route("10.0.2.9/24", "eni-green-11", RouteState::Active),
            route("10.0.3.0/24", "eni-gone", RouteState::Blackhole),
        ]);
    });
    let key = |table, destination| RouteKey {
        bank: Bank(0),
        table: RouteTableId(table),
        destination: Ip4(destination),
    };
    let eni = RouteEntry::new(groundplane_abi::route::Target::Eni(Device(31)));
    let local = RouteEntry::new(groundplane_abi::route::Target::Local);
    assert_eq!(
        plan.expect("a plan").routes.into_iter().collect::<Vec<_>>(),
        [
            ((key(1, [10, 0, 0, 0]), 16), local),
            ((key(2, [10, 0, 0, 0]), 16), local),
            ((key(2, [10, 0, 2, 0]), 24), eni),
            ((key(2, [10, 0, 3, 0]), 24), RouteEntry::BLACKHOLE),
        ]
    );
}

#[test]
fn with_more_vpcs_than_slots_some_share_a_scope_and_none_has_none() {
    let vpc = |number: u32| Vpc {
        vpc_id: format!("vpc-{number:05}"),
        name: String::new(),
        cidr_block: cidr("10.0.0.0/16"),
    };
    let resources = Resources {
        vpcs: (0..1025).map(vpc).collect(),
        ..Resources::default()
    };
    let plan = compile(&resources, &Bindings::new()).expect("a plan");
    let scopes: Vec<_> = plan.scopes.values().map(|scope| scope.0).collect();
    assert_eq!(scopes, (1..=1023).chain([1, 2]).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn the_order_of_the_lists_does_not_matter(seed in any::<u64>(), broken in any::<bool>()) {
        let (mut resources, mut bindings) = twins();
        if broken {
            bindings.remove("eni-blue-10");
            resources.network_interfaces[1].mac_address = Mac([2, 0, 0, 0, 0, 10]);
            resources.network_interfaces[3].private_ip_addresses = vec![[10, 0, 1, 10].into()];
        }
        let before = compile(&resources, &bindings);
        let mut shuffle = Shuffle(seed);
        shuffle.list(&mut resources.vpcs);
        shuffle.list(&mut resources.subnets);
        shuffle.list(&mut resources.route_tables);
        shuffle.list(&mut resources.network_acls);
        shuffle.list(&mut resources.security_groups);
        shuffle.list(&mut resources.network_interfaces);
        for acl in &mut resources.network_acls {
            shuffle.list(&mut acl.entries);
        }
        for group in &mut resources.security_groups {
            shuffle.list(&mut group.rules);
        }
        prop_assert_eq!(compile(&resources, &bindings), before);
    }
}

/// A linear congruential generator, which is random enough to stir lists.
struct Shuffle(u64);

impl Shuffle {
    fn list<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            list.swap(end, (self.0 >> 33) as usize % (end + 1));
        }
    }
}
