//! Rows of security groups.

use super::*;
use groundplane_abi::GroupSetId;
use groundplane_abi::nacl::direction::{EGRESS, INGRESS};
use groundplane_abi::security_group::{Selector, group_flag, side};

/// The plan of the twins whose blue ENIs have one group with these rules, and that group set.
fn plan_with(rules: Vec<SecurityGroupRule>) -> Plan {
    plan_of(|resources| resources.security_groups[0].rules = rules)
}

fn blue() -> GroupSetId {
    GroupSetId(number("sg-blue"))
}

fn key(side: u32) -> GroupSetKey {
    GroupSetKey {
        bank: Bank(0),
        group_set: blue(),
        side,
    }
}

fn tcp(ports: (u16, u16), rule: SecurityGroupRule) -> SecurityGroupRule {
    SecurityGroupRule {
        ip_protocol: Some(6),
        port_range: Some(ports),
        ..rule
    }
}

/// The numbers of the rules in a set.
fn numbers(rules: &RuleBits) -> Vec<usize> {
    let is_in = |&rule: &usize| rules.0[rule / 64] >> (rule % 64) & 1 == 1;
    (0..1024).filter(is_in).collect()
}

#[test]
fn enis_with_the_same_groups_share_a_set_in_whatever_order_they_name_them() {
    let plan = plan_of(|resources| {
        resources.security_groups.push(group("sg-a", "blue", vec![]));
        resources.network_interfaces[0].groups = vec!["sg-blue".into(), "sg-a".into()];
        resources.network_interfaces[1].groups = vec!["sg-a".into(), "sg-blue".into(), "sg-a".into()];
    });
    let sets: Vec<_> = plan.enis.values().map(|eni| eni.group_set).collect();
    let (blue, green) = (GroupSetId(hash(["sg-a", "sg-blue"])), GroupSetId(number("sg-green")));
    assert_eq!(sets, [blue, blue, green, green]);
    assert_eq!(plan.group_sets.len(), 2 * 4);
}

#[test]
fn rules_for_everybody_come_first_and_are_counted() {
    let plan = plan_with(vec![
        rule("sgr-1", false, Peer::Cidr(cidr("10.0.0.0/8"))),
        rule("sgr-2", false, Peer::Group("sg-blue".into())),
        rule("sgr-3", false, anywhere()),
        rule("sgr-4", false, Peer::Cidr(cidr("::/0"))),
        tcp((22, 22), rule("sgr-5", false, anywhere())),
    ]);
    let flags = group_flag::REFERENCES;
    let (len, everybody) = (4, 2);
    let expected = GroupSetEntry { len, everybody, flags };
    assert_eq!(plan.group_sets[&key(side(INGRESS, 4))], expected);
    let (len, everybody) = (2, 1);
    let expected = GroupSetEntry { len, everybody, flags };
    assert_eq!(plan.group_sets[&key(side(INGRESS, 6))], expected);
    let peers: Vec<_> = plan
        .ip4
        .peers
        .iter()
        .filter(|((key, _), _)| key.group_set == blue())
        .collect();
    let lens: Vec<_> = peers.iter().map(|((_, len), rules)| (*len, numbers(rules))).collect();
    assert_eq!(lens, [(0, vec![0, 1]), (8, vec![0, 1, 2])]);
}

/// The flags of the four lists: egress and ingress of IPv4, then of IPv6.
fn flags(rules: Vec<SecurityGroupRule>) -> [u32; 4] {
    let plan = plan_with(rules);
    let sides = [side(EGRESS, 4), side(INGRESS, 4), side(EGRESS, 6), side(INGRESS, 6)];
    sides.map(|side| plan.group_sets[&key(side)].flags)
}

#[test]
fn a_direction_is_answered_if_the_other_is_open_to_everybody_on_all_ports() {
    use group_flag::{TCP_ANSWERED, UDP_ANSWERED};
    let udp = |ports, rule| SecurityGroupRule {
        ip_protocol: Some(17),
        ..tcp(ports, rule)
    };
    let everybody = || rule("sgr-1", true, anywhere());
    let everybody6 = || rule("sgr-1", true, Peer::Cidr(cidr("::/0")));
    let both = TCP_ANSWERED | UDP_ANSWERED;
    for (written, expected) in [
        (everybody(), [0, both, 0, 0]),
        (everybody6(), [0, 0, 0, both]),
        (tcp((0, 65535), everybody()), [0, TCP_ANSWERED, 0, 0]),
        (udp((0, 65535), everybody6()), [0, 0, 0, UDP_ANSWERED]),
        (tcp((1, 65535), everybody()), [0; 4]),
        (tcp((0, 65534), everybody()), [0; 4]),
        (rule("sgr-1", true, Peer::Cidr(cidr("0.0.0.0/1"))), [0; 4]),
        (rule("sgr-1", false, anywhere()), [both, 0, 0, 0]),
    ] {
        assert_eq!(flags(vec![written.clone()]), expected, "{written:?}");
    }
}

#[test]
fn a_prefix_list_of_everybody_is_not_everybody() {
    let plan = plan_of(|resources| {
        resources.prefix_lists = vec![prefix_list("pl-1", &["0.0.0.0/0", "192.0.2.0/24"])];
        resources.security_groups[0].rules = vec![rule("sgr-1", true, Peer::PrefixList("pl-1".into()))];
    });
    let (len, everybody, flags) = (1, 0, 0);
    assert_eq!(
        plan.group_sets[&key(side(EGRESS, 4))],
        GroupSetEntry { len, everybody, flags }
    );
    assert_eq!(plan.group_sets[&key(side(INGRESS, 4))].flags, 0);
    assert_eq!(plan.group_sets[&key(side(EGRESS, 6))].len, 0);
}

#[test]
fn the_members_of_a_group_are_all_sets_of_the_vpc_that_it_is_in() {
    let plan = plan_of(|resources| {
        resources.security_groups.push(group("sg-a", "blue", vec![]));
        resources.network_interfaces[1].groups.push("sg-a".into());
        resources.security_groups[0].rules = vec![
            rule("sgr-1", false, Peer::Group("sg-a".into())),
            rule("sgr-2", false, Peer::Group("sg-blue".into())),
            rule("sgr-3", false, Peer::Group("sg-green".into())),
            rule("sgr-4", false, Peer::Group("sg-gone".into())),
        ];
    });
    let (one, two) = (blue(), GroupSetId(hash(["sg-a", "sg-blue"])));
    for version in [4, 6] {
        for group_set in [one, two] {
            let rows = plan
                .references
                .iter()
                .filter(|(key, _)| (key.group_set, key.side) == (group_set, side(INGRESS, version)));
            let rows: BTreeMap<_, _> = rows.map(|(key, rules)| (key.member_of, numbers(rules))).collect();
            assert_eq!(rows, [(one, vec![1]), (two, vec![0, 1])].into());
        }
    }
    assert_eq!(plan.references.len(), 8);
}

#[test]
fn an_icmp_rule_is_in_the_lists_of_its_family_only() {
    let icmp = |protocol, type_code| SecurityGroupRule {
        ip_protocol: Some(protocol),
        icmp_type_code: type_code,
        ..rule("sgr-1", false, Peer::Group("sg-blue".into()))
    };
    for (written, lens) in [
        (icmp(1, Some((Some(8), None))), [1, 0]),
        (icmp(58, Some((Some(128), None))), [0, 1]),
        (icmp(58, None), [0, 1]),
    ] {
        let plan = plan_with(vec![written]);
        assert_eq!(
            [4, 6].map(|version| plan.group_sets[&key(side(INGRESS, version))].len),
            lens
        );
    }
}

#[test]
fn a_selector_has_a_row_only_where_it_says_more_than_a_shorter_one() {
    let plan = plan_with(vec![
        rule("sgr-1", false, anywhere()),
        tcp((0, 65535), rule("sgr-2", false, anywhere())),
        tcp((6, 8), rule("sgr-3", false, anywhere())),
        tcp((8, 8), rule("sgr-4", false, anywhere())),
    ]);
    let rows = plan.selectors.iter().filter(|((key, _), _)| key.group_set == blue());
    let rows: Vec<_> = rows
        .map(|((key, len), rules)| (key.selector, *len, numbers(rules)))
        .collect();
    assert_eq!(
        rows,
        [
            (Selector::default(), 0, vec![0]),
            (Selector::new(6, [0, 0]), 16, vec![0, 1]),
            (Selector::new(6, [0, 6]), 31, vec![0, 1, 2]),
            (Selector::new(6, [0, 8]), 32, vec![0, 1, 2, 3]),
            (Selector::absent(6), 16, vec![0, 1]),
        ]
    );
}

#[test]
fn a_range_the_wrong_way_round_holds_no_port() {
    let plan = plan_with(vec![tcp((9, 8), rule("sgr-1", false, anywhere()))]);
    assert!(!plan.selectors.keys().any(|(key, _)| key.group_set == blue()));
    assert_eq!(plan.group_sets[&key(side(INGRESS, 4))].len, 1);
}

#[test]
fn a_thousand_ragged_ranges_fit_many_times_over() {
    let mut random = Random(3);
    let ragged = |number| {
        let (a, b) = (random.below(65_536) as u16, random.below(65_536) as u16);
        let id = format!("sgr-{number}");
        tcp((a.min(b) | 1, a.max(b) & !1), rule(&id, false, anywhere()))
    };
    let plan = plan_with((0..1000).map(ragged).collect());
    assert!(plan.selectors.len() < 12_000, "{} rows", plan.selectors.len());
}

#[test]
fn block_that_a_list_names_twice_is_named_once() {
    let with_list = |entries: &[&str]| {
        plan_of(|resources| {
            resources.prefix_lists = vec![prefix_list("pl-1", entries)];
            resources.security_groups[0].rules = vec![rule("sgr-1", false, Peer::PrefixList("pl-1".into()))];
        })
    };
    let once = with_list(&["10.1.0.0/16", "10.2.0.0/16"]);
    assert_eq!(with_list(&["10.1.0.0/16", "10.2.0.0/16", "10.1.0.0/16"]), once);
}
