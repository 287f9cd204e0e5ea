//! What a plan promises.

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

/// Two VPCs with the same block, subnets and addresses.
fn twins() -> (Resources, Bindings) {
    let mut all = Resources::default();
    let mut bindings = Bindings::new();
    for (device, vpc) in [(10, "blue"), (20, "green")] {
        all.vpcs.push(Vpc {
            vpc_id: vpc.into(),
            name: vpc.into(),
            cidr_block: cidr("10.0.0.0/16"),
        });
        all.subnets.push(subnet(&format!("subnet-{vpc}"), vpc, "10.0.1.0/24"));
        let local = Route {
            destination_cidr_block: cidr("10.0.0.0/16"),
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
        all.security_groups
            .push(group(&format!("sg-{vpc}"), vpc, &[true, false]));
        for last_octet in [10, 11] {
            let id = format!("eni-{vpc}-{last_octet}");
            all.network_interfaces
                .push(eni(&id, vpc, &format!("subnet-{vpc}"), last_octet));
            bindings.insert(
                id,
                Binding {
                    device: Device(device + u32::from(last_octet)),
                    kind: GuestKind::Veth,
                },
            );
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

fn check_problem(change: impl FnOnce(&mut Resources, &mut Bindings), expected: &str) {
    let problems = plan_after(change).expect_err("a problem");
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(texts, [expected]);
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

fn nacl(plan: &Plan, nacl: u32, direction: u32) -> Vec<NaclRule> {
    let entry = plan.nacls[&NaclKey {
        bank: Bank(0),
        nacl: NaclId(nacl),
        direction,
    }];
    entry.rules[..entry.len as usize].to_vec()
}

#[test]
fn nacl_rules_stand_in_order_of_number_in_their_direction() {
    let plan = plan_after(|resources, _| {
        let entries = &mut resources.network_acls[0].entries;
        entries.extend([entry(300, false), entry(7, false), entry(8, true)]);
    });
    let plan = plan.expect("a plan");
    let numbers = |direction| {
        nacl(&plan, 1, direction)
            .iter()
            .map(|rule| rule.number)
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(direction::INGRESS), [7, 100, 300]);
    assert_eq!(numbers(direction::EGRESS), [8, 100]);
}

#[test]
fn a_nacl_without_rules_has_its_rows() {
    let plan = plan_after(|resources, _| resources.network_acls[0].entries.clear()).expect("a plan");
    assert_eq!(
        (
            nacl(&plan, 1, direction::INGRESS).len(),
            nacl(&plan, 1, direction::EGRESS).len()
        ),
        (0, 0)
    );
}

#[test]
fn a_nacl_rule_keeps_what_its_protocol_uses_and_nothing_else() {
    for (protocol, ports, icmp, compiled) in [
        (None, Some((1, 2)), Some((Some(3), Some(4))), (ANY_PROTOCOL, 0, 65535)),
        (Some(6), Some((80, 90)), Some((Some(3), Some(4))), (6, 80, 90)),
        (Some(17), Some((53, 53)), None, (17, 53, 53)),
        (Some(1), Some((1, 2)), Some((Some(8), Some(0))), (1, 8, 0)),
        (Some(1), None, Some((Some(3), None)), (1, 3, ANY_ICMP)),
        (Some(1), None, Some((None, None)), (1, ANY_ICMP, ANY_ICMP)),
        (Some(58), Some((1, 2)), Some((Some(3), Some(4))), (58, 0, 65535)),
        (Some(255), None, None, (255, 0, 65535)),
    ] {
        let plan = plan_after(|resources, _| {
            resources.network_acls[0].entries = vec![NetworkAclEntry {
                protocol,
                port_range: ports,
                icmp_type_code: icmp,
                rule_action: RuleAction::Deny,
                cidr_block: cidr("192.0.2.77/24"),
                ..entry(5, false)
            }];
        });
        let (protocol, from, to) = compiled;
        let network = Ip4([192, 0, 2, 0]);
        let rule = NaclRule {
            network,
            from,
            to,
            number: 5,
            protocol,
            prefix_len: 24,
            allow: 0,
            reserved: 0,
        };
        assert_eq!(nacl(&plan.expect("a plan"), 1, direction::INGRESS), [rule]);
    }
}

#[test]
fn enis_with_the_same_groups_share_a_set_in_whatever_order_they_name_them() {
    let plan = plan_after(|resources, _| {
        resources.security_groups.push(group("sg-a", "blue", &[]));
        resources.network_interfaces[0].groups = vec!["sg-blue".into(), "sg-a".into()];
        resources.network_interfaces[1].groups = vec!["sg-a".into(), "sg-blue".into(), "sg-a".into()];
    });
    let plan = plan.expect("a plan");
    let sets: Vec<_> = plan.enis.values().map(|eni| eni.group_set.0).collect();
    assert_eq!(sets, [1, 1, 2, 2]);
    assert_eq!(plan.group_sets.len(), 4);
}

#[test]
fn a_set_admits_what_one_of_its_groups_admits() {
    let open = group_flag::OPPOSITE_OPEN;
    for (groups, egress, ingress) in [
        (vec![group("sg-1", "blue", &[])], (0, 0), (0, 0)),
        (vec![group("sg-1", "blue", &[true])], (1, 0), (0, open)),
        (vec![group("sg-1", "blue", &[false])], (0, open), (1, 0)),
        (
            vec![group("sg-1", "blue", &[false]), group("sg-2", "blue", &[true])],
            (1, open),
            (1, open),
        ),
    ] {
        let plan = plan_after(|resources, _| {
            for eni in &mut resources.network_interfaces[..2] {
                eni.groups = groups.iter().map(|group| group.group_id.clone()).collect();
            }
            resources.security_groups.extend(groups);
        });
        let rows: Vec<_> = plan.expect("a plan").group_sets.into_values().take(2).collect();
        let row = |(all_rule, flags)| GroupSetEntry { all_rule, flags };
        assert_eq!(rows, [row(egress), row(ingress)]);
    }
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

#[test]
fn an_eni_without_a_usable_device_is_a_problem() {
    let bind = |device| {
        move |_: &mut Resources, bindings: &mut Bindings| {
            bindings.insert(
                "eni-blue-10".into(),
                Binding {
                    device: Device(device),
                    kind: GuestKind::Veth,
                },
            );
        }
    };
    check_problem(
        |_, bindings| _ = bindings.remove("eni-blue-10"),
        "eni-blue-10 has no device",
    );
    check_problem(bind(0), "eni-blue-10 has device index 0, not one of 1 to 16777215");
    check_problem(
        bind(0x0100_0000),
        "eni-blue-10 has device index 16777216, not one of 1 to 16777215",
    );
    check_problem(bind(21), "eni-blue-10 and eni-blue-11 have the same device index 21");
    assert!(plan_after(bind(0x00ff_ffff)).is_ok());
}

#[test]
fn a_reference_to_nothing_or_across_vpcs_is_a_problem() {
    check_problem(
        |resources, _| resources.subnets[0].route_table_id = "rtb-x".into(),
        "subnet-blue names rtb-x, which doesn't exist",
    );
    check_problem(
        |resources, _| resources.subnets[0].route_table_id = "rtb-green".into(),
        "subnet-blue names rtb-green, which belongs to another VPC",
    );
    check_problem(
        |resources, _| resources.subnets[0].network_acl_id = "acl-green".into(),
        "subnet-blue names acl-green, which belongs to another VPC",
    );
    check_problem(
        |resources, _| resources.network_interfaces[0].groups.push("sg-green".into()),
        "eni-blue-10 names sg-green, which belongs to another VPC",
    );
    check_problem(
        |resources, _| {
            resources.network_interfaces[0].subnet_id = "subnet-green".into();
            resources.network_interfaces[0].mac_address = Mac([2, 0, 0, 0, 0, 1]);
        },
        "eni-blue-10 names subnet-green, which belongs to another VPC",
    );
    let target = |eni: &str| {
        let target = RouteTarget::NetworkInterface(eni.into());
        Route {
            destination_cidr_block: cidr("10.0.1.0/24"),
            target,
            state: RouteState::Active,
        }
    };
    check_problem(
        |resources, _| resources.route_tables[0].routes.push(target("eni-green-10")),
        "rtb-blue names eni-green-10, which belongs to another VPC",
    );
    check_problem(
        |resources, _| resources.route_tables[0].routes.push(target("eni-x")),
        "rtb-blue names eni-x, which doesn't exist",
    );
    for change in [
        |all: &mut Resources| {
            all.route_tables.push(RouteTable {
                vpc_id: "red".into(),
                route_table_id: "x".into(),
                ..all.route_tables[0].clone()
            })
        },
        |all: &mut Resources| {
            all.network_acls.push(NetworkAcl {
                vpc_id: "red".into(),
                network_acl_id: "x".into(),
                ..all.network_acls[0].clone()
            })
        },
        |all: &mut Resources| all.security_groups.push(group("x", "red", &[])),
    ] {
        check_problem(|resources, _| change(resources), "x names red, which doesn't exist");
    }
}

#[test]
fn what_two_claim_is_a_problem() {
    check_problem(
        |resources, _| resources.vpcs.push(resources.vpcs[0].clone()),
        "blue is there twice",
    );
    check_problem(
        |resources, _| {
            resources.network_interfaces[1]
                .private_ip_addresses
                .push([10, 0, 1, 10].into())
        },
        "eni-blue-10 and eni-blue-11 have the same address 10.0.1.10 in one VPC",
    );
    check_problem(
        |resources, _| resources.network_interfaces[1].mac_address = Mac([2, 0, 0, 0, 0, 10]),
        "eni-blue-10 and eni-blue-11 have the same MAC address 02:00:00:00:00:0a in one subnet",
    );
    check_problem(
        |resources, _| resources.route_tables[0].routes.extend_from_within(..),
        "rtb-blue has two routes to 10.0.0.0/16",
    );
    check_problem(
        |resources, _| resources.network_acls[0].entries.push(entry(100, true)),
        "acl-blue has two egress rules numbered 100",
    );
}

#[test]
fn an_eni_lacks_nothing() {
    check_problem(
        |resources, _| resources.network_interfaces[0].private_ip_addresses.clear(),
        "eni-blue-10 has no private address",
    );
    check_problem(
        |resources, _| resources.network_interfaces[0].groups.clear(),
        "eni-blue-10 has no security group",
    );
    for mac in [Mac::ROUTER, Mac([0; 6]), Mac([3, 0, 0, 0, 0, 1])] {
        check_problem(
            |resources, _| resources.network_interfaces[0].mac_address = mac,
            &format!("eni-blue-10 can't have {mac}: it is multicast, zero or the router's"),
        );
    }
}

#[test]
fn a_rule_that_no_row_can_express_is_a_problem() {
    for protocol in [1, 6, 17] {
        check_problem(
            |resources, _| resources.network_acls[0].entries[1].protocol = Some(protocol),
            "acl-blue, ingress rule 100: TCP and UDP need a port range, ICMP a type and a code",
        );
    }
    let rules = |count| {
        move |resources: &mut Resources, _: &mut Bindings| {
            resources.network_acls[0].entries = (1..=count).map(|number| entry(number, true)).collect();
        }
    };
    check_problem(rules(41), "acl-blue has 41 egress rules, more than 40");
    assert_eq!(
        nacl(&plan_after(rules(40)).expect("a plan"), 1, direction::EGRESS).len(),
        40
    );
    check_problem(
        |resources, _| resources.security_groups[0].rules[0].ip_protocol = Some(6),
        "sg-blue: egress to 0.0.0.0/0 for protocol 6 isn't supported yet, only rules for all protocols and 0.0.0.0/0 are",
    );
    check_problem(
        |resources, _| resources.security_groups[0].rules[1].cidr_ipv4 = cidr("10.0.0.0/8"),
        "sg-blue: ingress from 10.0.0.0/8 isn't supported yet, only rules for all protocols and 0.0.0.0/0 are",
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = plan_after(|resources, bindings| {
        bindings.remove("eni-green-10");
        resources.subnets[0].network_acl_id = "acl-x".into();
        resources.network_acls[1].entries.push(entry(100, false));
    });
    assert_eq!(problems.expect_err("problems").len(), 3);
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
