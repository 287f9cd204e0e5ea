//! Rows of network ACLs.

use super::*;
use groundplane_abi::NaclId;
use groundplane_abi::nacl::{ANY_PROTOCOL, NaclKey, NaclRule, direction};

pub(super) fn nacl<I: Family>(plan: &Plan, direction: u32) -> Vec<NaclRule<I>> {
    let key = NaclKey {
        bank: Bank(0),
        nacl: NaclId(number("acl-blue")),
        direction,
    };
    let entry = I::rows(plan).nacls[&key];
    entry.rules[..entry.len as usize].to_vec()
}

#[test]
fn nacl_rules_stand_in_order_of_number_in_their_direction_and_family() {
    let plan = plan_of(|resources| {
        let ip6 = |number, egress| NetworkAclEntry {
            cidr_block: cidr("::/0"),
            ..entry(number, egress)
        };
        let entries = &mut resources.network_acls[0].entries;
        entries.extend([
            entry(300, false),
            ip6(9, false),
            entry(7, false),
            entry(8, true),
            ip6(5, false),
        ]);
    });
    fn numbers<I: Family>(plan: &Plan, direction: u32) -> Vec<u16> {
        nacl::<I>(plan, direction).iter().map(|rule| rule.number).collect()
    }
    assert_eq!(numbers::<Ip4>(&plan, direction::INGRESS), [7, 100, 300]);
    assert_eq!(numbers::<Ip4>(&plan, direction::EGRESS), [8, 100]);
    assert_eq!(numbers::<Ip6>(&plan, direction::INGRESS), [5, 9]);
    assert_eq!(numbers::<Ip6>(&plan, direction::EGRESS), [0; 0]);
}

#[test]
fn a_nacl_without_rules_has_its_rows() {
    let plan = plan_of(|resources| resources.network_acls[0].entries.clear());
    for direction in [direction::INGRESS, direction::EGRESS] {
        assert_eq!(nacl::<Ip4>(&plan, direction), []);
        assert_eq!(nacl::<Ip6>(&plan, direction), []);
    }
}

#[test]
fn each_family_has_room_for_all_the_rules_of_the_quota() {
    let plan = plan_of(|resources| {
        let ip6 = (41..=80).map(|number| NetworkAclEntry {
            cidr_block: cidr("::/0"),
            ..entry(number, true)
        });
        resources.network_acls[0].entries = (1..=40).map(|number| entry(number, true)).chain(ip6).collect();
    });
    assert_eq!(nacl::<Ip4>(&plan, direction::EGRESS).len(), 40);
    assert_eq!(nacl::<Ip6>(&plan, direction::EGRESS).len(), 40);
}

/// What a row of a family says of protocol, ports or type and code.
fn compiled<I: Family>(block: &str, written: &NetworkAclEntry) -> (u16, u16, u16) {
    let plan = plan_of(|resources| {
        resources.network_acls[0].entries = vec![NetworkAclEntry {
            cidr_block: cidr(block),
            rule_action: RuleAction::Deny,
            ..written.clone()
        }];
    });
    let rules = nacl::<I>(&plan, direction::INGRESS);
    let (network, prefix_len) = I::block(cidr(block)).expect("a block of the family");
    let expected = NaclRule {
        network,
        prefix_len,
        number: 5,
        allow: 0,
        ..rules[0]
    };
    assert_eq!(rules, [expected]);
    (expected.protocol, expected.from, expected.to)
}

#[test]
fn a_nacl_rule_keeps_what_its_protocol_uses_and_nothing_else() {
    let (icmp, any_code, all) = (Some((Some(3), Some(4))), Some((Some(3), None)), Some((None, None)));
    let nothing = |protocol| (protocol, 0, 65535);
    for (protocol, ports, type_code, ip4, ip6) in [
        (None, Some((1, 2)), icmp, nothing(ANY_PROTOCOL), nothing(ANY_PROTOCOL)),
        (Some(6), Some((80, 90)), icmp, (6, 80, 90), (6, 80, 90)),
        (Some(17), Some((53, 53)), None, (17, 53, 53), (17, 53, 53)),
        (Some(1), Some((1, 2)), icmp, (1, 0x0304, 0x0304), nothing(1)),
        (Some(1), None, any_code, (1, 0x0300, 0x03ff), nothing(1)),
        (Some(1), None, all, nothing(1), nothing(1)),
        (Some(58), Some((1, 2)), icmp, nothing(58), (58, 0x0304, 0x0304)),
        (Some(58), None, all, nothing(58), nothing(58)),
        (Some(255), None, None, nothing(255), nothing(255)),
    ] {
        let written = NetworkAclEntry {
            protocol,
            port_range: ports,
            icmp_type_code: type_code,
            ..entry(5, false)
        };
        assert_eq!(compiled::<Ip4>("192.0.2.77/24", &written), ip4);
        assert_eq!(compiled::<Ip6>("2001:db8:b::7/48", &written), ip6);
    }
}
