//! What can't be compiled, and how that is told.

use super::*;

fn check_problem(change: impl FnOnce(&mut Resources, &mut Bindings), expected: &str) {
    let problems = plan_after(change).expect_err("a problem");
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(texts, [expected]);
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
    check_problem(bind(0), "eni-blue-10 has device index 0, not one of 1 to 15728639");
    check_problem(
        bind(0x00f0_0000),
        "eni-blue-10 has device index 15728640, not one of 1 to 15728639",
    );
    check_problem(bind(21), "eni-blue-10 and eni-blue-11 have the same device index 21");
    assert!(plan_after(bind(0x00ef_ffff)).is_ok());
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
}

#[test]
fn a_route_to_an_eni_of_nobody_or_of_another_vpc_is_a_problem() {
    let target = |eni: &str| {
        let target = RouteTarget::NetworkInterface(eni.into());
        route(Destination::Cidr(cidr("10.0.1.0/24")), target, RouteOrigin::CreateRoute)
    };
    check_problem(
        |resources, _| resources.route_tables[0].routes.make_mut().push(target("eni-green-10")),
        "rtb-blue names eni-green-10, which belongs to another VPC",
    );
    check_problem(
        |resources, _| resources.route_tables[0].routes.make_mut().push(target("eni-x")),
        "rtb-blue names eni-x, which doesn't exist",
    );
}

#[test]
fn a_prefix_list_that_is_not_there_is_a_problem() {
    check_problem(
        |resources, _| {
            let destination = Destination::PrefixList("pl-x".into());
            let route = route(destination, RouteTarget::Local, RouteOrigin::CreateRoute);
            resources.route_tables[0].routes.make_mut().push(route);
        },
        "rtb-blue names pl-x, which doesn't exist",
    );
    check_problem(
        |resources, _| {
            let rule = rule("sgr-3", true, Peer::PrefixList("pl-x".into()));
            resources.security_groups[0].rules.push(rule);
        },
        "sg-blue names pl-x, which doesn't exist",
    );
}

#[test]
fn an_object_of_no_vpc_is_a_problem() {
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
        |all: &mut Resources| all.security_groups.push(group("x", "red", vec![])),
    ] {
        check_problem(|resources, _| change(resources), "x names red, which doesn't exist");
    }
}

#[test]
fn an_address_that_two_claim_is_a_problem() {
    check_problem(
        |resources, _| {
            resources.network_interfaces[1]
                .private_ip_addresses
                .push([10, 0, 1, 10].into())
        },
        "eni-blue-10 and eni-blue-11 have the same address 10.0.1.10 in one VPC",
    );
    check_problem(
        |resources, _| {
            let address = "2001:db8:a:1::a".parse().expect("an address");
            resources.network_interfaces[1].ipv6_addresses.push(address);
        },
        "eni-blue-10 and eni-blue-11 have the same address 2001:db8:a:1::a in one VPC",
    );
    check_problem(
        |resources, _| {
            let prefix = "10.0.1.0/28".parse().expect("a block");
            resources.network_interfaces[1].private_ip_addresses = vec![[10, 0, 1, 99].into()];
            resources.network_interfaces[1].ipv4_prefixes.push(prefix);
        },
        "eni-blue-10 and eni-blue-11 have the same address 10.0.1.10 in one VPC",
    );
    check_problem(
        |resources, _| resources.network_interfaces[1].mac_address = Mac([2, 0, 0, 0, 0, 10]),
        "eni-blue-10 and eni-blue-11 have the same MAC address 02:00:00:00:00:0a in one subnet",
    );
}

#[test]
fn what_is_there_twice_is_a_problem() {
    check_problem(
        |resources, _| resources.vpcs.push(resources.vpcs[0].clone()),
        "blue is there twice",
    );
    check_problem(
        |resources, _| resources.prefix_lists = vec![prefix_list("pl-1", &[]), prefix_list("pl-1", &[])],
        "pl-1 is there twice",
    );
    check_problem(
        |resources, _| resources.route_tables[0].routes.make_mut().extend_from_within(..1),
        "rtb-blue has two routes to 10.0.0.0/16",
    );
    check_problem(
        |resources, _| resources.network_acls[0].entries.push(entry(100, true)),
        "acl-blue has two egress rules numbered 100",
    );
    // Both families share the numbers.
    check_problem(
        |resources, _| {
            let cidr_block = cidr("::/0");
            let entry = NetworkAclEntry {
                cidr_block,
                ..entry(100, true)
            };
            resources.network_acls[0].entries.push(entry);
        },
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
fn a_timeout_outside_its_range_is_a_problem() {
    let set = |change: fn(&mut ConnectionTracking)| {
        move |resources: &mut Resources, _: &mut Bindings| {
            change(&mut resources.network_interfaces[0].connection_tracking)
        }
    };
    check_problem(
        set(|timeouts| timeouts.tcp_established_timeout = 432_001),
        "eni-blue-10 can't have a TCP timeout of 432001 s, only 60 to 432000",
    );
    check_problem(
        set(|timeouts| timeouts.udp_stream_timeout = 59),
        "eni-blue-10 can't have a UDP stream timeout of 59 s, only 60 to 180",
    );
    check_problem(
        set(|timeouts| timeouts.udp_timeout = 61),
        "eni-blue-10 can't have a UDP timeout of 61 s, only 30 to 60",
    );
}

#[test]
fn a_nacl_rule_that_no_row_can_express_is_a_problem() {
    for (protocol, block) in [(1, "0.0.0.0/0"), (6, "0.0.0.0/0"), (17, "::/0"), (58, "::/0")] {
        check_problem(
            |resources, _| {
                resources.network_acls[0].entries[1].protocol = Some(protocol);
                resources.network_acls[0].entries[1].cidr_block = cidr(block);
            },
            "acl-blue, ingress rule 100: TCP and UDP need a port range, ICMP a type and a code",
        );
    }
    for (block, version) in [("0.0.0.0/0", 4), ("::/0", 6)] {
        check_problem(
            |resources, _| {
                let cidr_block = cidr(block);
                let rules = (1..=41).map(|number| NetworkAclEntry {
                    cidr_block,
                    ..entry(number, true)
                });
                resources.network_acls[0].entries = rules.collect();
            },
            &format!("acl-blue has 41 egress rules for IPv{version}, more than 40"),
        );
    }
}

#[test]
fn a_group_rule_that_no_row_can_express_is_a_problem() {
    let any_type = Some((None, Some(3)));
    for (protocol, type_code) in [(6, None), (17, None), (1, None), (1, any_type), (58, any_type)] {
        check_problem(
            |resources, _| {
                let rule = &mut resources.security_groups[0].rules[0];
                rule.ip_protocol = Some(protocol);
                rule.icmp_type_code = type_code;
            },
            "sg-blue, sgr-1: TCP and UDP need a port range, ICMP a type and a code, and a code needs a type",
        );
    }
    let rules = |count| {
        move |resources: &mut Resources, _: &mut Bindings| {
            let rules = (0..count).map(|number| rule(&format!("sgr-{number}"), true, anywhere()));
            resources
                .security_groups
                .push(group("sg-more", "blue", rules.collect()));
            resources.network_interfaces[0].groups.push("sg-more".into());
        }
    };
    check_problem(
        rules(1024),
        "sg-blue and sg-more together have 1025 egress rules for IPv4, more than 1024",
    );
    assert!(plan_after(rules(1023)).is_ok());
}

#[test]
fn more_rows_than_a_table_takes_are_a_problem() {
    check_problem(
        |resources, _| {
            let block =
                |number: u32| IpNet::new([10, (number >> 8) as u8, number as u8, 0].into(), 24).expect("a block");
            let mut list = prefix_list("pl-1", &[]);
            list.entries = (0..65_536).map(block).collect();
            resources.prefix_lists = vec![list];
            for is_egress in [false, true] {
                let rule = rule("sgr-3", is_egress, Peer::PrefixList("pl-1".into()));
                resources.security_groups[0].rules.push(rule);
            }
        },
        "all rules of all groups together make 131076 rows of IPv4 peers, more than 131072",
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = plan_after(|resources, bindings| {
        bindings.get_mut("eni-green-10").expect("a binding").device = Device(0);
        resources.subnets[0].network_acl_id = "acl-x".into();
        resources.network_acls[1].entries.push(entry(100, false));
    });
    assert_eq!(problems.expect_err("problems").len(), 3);
}
