//! What can't be compiled, and how that is told.

use super::rules::nacl;
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
}

#[test]
fn a_route_to_an_eni_of_nobody_or_of_another_vpc_is_a_problem() {
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
