//! AWS's quotas, and raising them.

use super::*;

/// A document with quotas and a VPC whose group `g` has so many ingress rules, half of them for each family, and whose
/// instance is in so many groups.
fn document(quotas: &str, rules: usize, groups: usize) -> String {
    let rule = |n: usize| {
        let peer = if n.is_multiple_of(2) {
            "CidrIpv4: 0.0.0.0/0"
        } else {
            "CidrIpv6: \"::/0\""
        };
        format!("          - {{ IpProtocol: tcp, FromPort: {n}, ToPort: {n}, {peer} }}\n")
    };
    let rules: String = (0..rules).map(rule).collect();
    let others: String = (1..groups).map(|n| format!("      g{n}:\n")).collect();
    let names: String = (1..groups).map(|n| format!(", g{n}")).collect();
    format!(
        "quotas: {{ {quotas} }}\n{}",
        t0(&format!(
            "    security_groups:\n      g:\n        ingress:\n{rules}{others}"
        ))
        .replace("namespace: a1 ", &format!("groups: [g{names}], namespace: a1 "))
    )
}

const RULES: &str =
    "16:7 RulesPerSecurityGroupLimitExceeded: more than 60 rules of one family and direction in a security group";
const GROUPS: &str = "11:82 SecurityGroupsPerInterfaceLimitExceeded: more than 5 security groups of an instance";

#[test]
fn a_group_has_60_rules_of_a_direction_and_family_and_an_instance_5_groups() {
    accept(&document("", 120, 5));
    check(&document("", 121, 5), &[RULES]);
    check(&document("", 120, 6), &[GROUPS]);
}

#[test]
fn a_reference_to_a_group_counts_for_both_families() {
    let more = document("", 119, 1).replace(
        "        ingress:\n",
        "        ingress:\n          - { IpProtocol: -1, group: g }\n",
    );
    check(&more, &[RULES]);
}

#[test]
fn quotas_are_raised_as_far_as_aws_does() {
    accept(&document(
        "rules_per_security_group: 62, security_groups_per_network_interface: 16",
        124,
        16,
    ));
    accept(&document(
        "rules_per_security_group: 1000, security_groups_per_network_interface: 1",
        2000,
        1,
    ));
    check(
        &document(
            "rules_per_security_group: 63, security_groups_per_network_interface: 16",
            1,
            1,
        ),
        &["1:9 InvalidParameterCombination: 63 rules in each of 16 security groups are more than 1000 for an instance"],
    );
    for (quota, most) in [
        ("cidr_blocks_per_vpc", 50),
        ("ipv6_cidr_blocks_per_vpc", 50),
        ("routes_per_route_table", 1000),
        ("rules_per_network_acl", 40),
        ("security_groups_per_network_interface", 16),
    ] {
        accept(&document(&format!("{quota}: {most}"), 0, 1));
        let message = format!("{quota} must be a number from 1 to {most}, this is \"{}\"", most + 1);
        check(
            &document(&format!("{quota}: {}", most + 1), 0, 1),
            &[&format!("1:{} InvalidParameterValue: {message}", quota.len() + 13)],
        );
    }
}

#[test]
fn who_exceeds_a_quota_is_told_how_to_raise_it() {
    let problems = parse("x", document("", 121, 1).as_bytes()).expect_err("a problem");
    let help = "AWS raises this quota on request, here rules_per_security_group does below quotas";
    assert_eq!(problems.problems[0].help.as_deref(), Some(help));
}

#[test]
fn an_acl_has_20_entries_of_a_direction_and_family() {
    let acl = |count: usize| {
        let entry = |n: usize| {
            let block = if n.is_multiple_of(2) {
                "CidrBlock: 0.0.0.0/0"
            } else {
                "Ipv6CidrBlock: \"::/0\""
            };
            format!(
                "          - {{ RuleNumber: {}, RuleAction: allow, Protocol: -1, {block} }}\n",
                n + 1
            )
        };
        let entries: String = (0..count).map(entry).collect();
        t0(&format!("    network_acls:\n      n:\n        egress:\n{entries}"))
    };
    accept(&acl(40));
    let message = "NetworkAclEntryLimitExceeded: more than 20 entries of one family and direction in a network ACL";
    check(&acl(41), &[&format!("15:7 {message}")]);
    accept(&format!("quotas: {{ rules_per_network_acl: 40 }}\n{}", acl(80)));
}

#[test]
fn a_vpc_has_5_blocks_of_each_family() {
    let ipv4 = |count: usize| {
        (1..count)
            .map(|n| format!("10.{n}.0.0/16"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let ipv6 = |count: usize| {
        (0..count)
            .map(|n| format!("\"2001:db8:{n}::/56\""))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let document = |quotas: &str, blocks: usize| {
        let (ipv4, ipv6) = (ipv4(blocks), ipv6(blocks));
        format!(
            "quotas: {{ {quotas} }}\nvpcs:\n  a:\n    CidrBlock: 10.255.0.0/16\n    SecondaryCidrBlocks: [{ipv4}]\n    SecondaryIpv6CidrBlocks: [{ipv6}]\n"
        )
    };
    accept(&document("", 5));
    check(
        &document("", 6),
        &[
            "5:79 CidrLimitExceeded: more than 5 IPv4 blocks in a VPC",
            "6:126 CidrLimitExceeded: more than 5 IPv6 blocks in a VPC",
        ],
    );
    accept(&document("cidr_blocks_per_vpc: 50, ipv6_cidr_blocks_per_vpc: 50", 50));
}
