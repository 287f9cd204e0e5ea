//! Rows of network ACLs and security groups.

use super::*;

pub(super) fn nacl(plan: &Plan, nacl: u32, direction: u32) -> Vec<NaclRule> {
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
