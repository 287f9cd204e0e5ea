//! Security groups: what their rules mean, and which are refused.

use super::*;
use crate::resources::{Peer, SecurityGroupRule};

/// The rules of a direction, in words.
fn rules(resolved: &Resolved, name: &str, is_egress: bool) -> Vec<String> {
    let rules = group(resolved, name).rules.iter();
    rules
        .filter(|rule| rule.is_egress == is_egress)
        .map(|rule| words(resolved, rule))
        .collect()
}

fn words(resolved: &Resolved, rule: &SecurityGroupRule) -> String {
    let resources = &resolved.resources;
    let peer = match &rule.peer {
        Peer::Cidr(block) => block.to_string(),
        Peer::PrefixList(id) => {
            let list = resources.prefix_lists.iter().find(|list| list.prefix_list_id == *id);
            format!("list {}", list.expect("a list").name)
        }
        Peer::Group(id) => {
            let group = resources.security_groups.iter().find(|group| group.group_id == *id);
            format!("group {}", group.expect("a group").group_name)
        }
    };
    format!(
        "{:?} {:?} {:?} {peer}",
        rule.ip_protocol, rule.port_range, rule.icmp_type_code
    )
    .replace("Some", "")
    .replace("None", "-")
}

/// A group with this ingress rule.
fn with_rule(rule: &str) -> String {
    format!("    security_groups:\n      g:\n        ingress:\n          - {rule}\n")
}

#[test]
fn a_group_has_the_rules_it_says_and_aws_s_egress() {
    let more = "    security_groups:
      app:
      web:
        ingress:
          - { IpProtocol: tcp, FromPort: 80, ToPort: 81, CidrIpv4: 10.0.1.77/24 }
          - { IpProtocol: 17, FromPort: 53, ToPort: 53, prefix_list: offices }
          - { IpProtocol: tcp, FromPort: 5432, ToPort: 5432, group: app }
          - { IpProtocol: icmp, FromPort: 8, ToPort: -1, group: web }
          - { IpProtocol: icmpv6, CidrIpv6: \"2001:db8:a::/56\" }
          - { IpProtocol: 47, CidrIpv4: 10.0.0.0/16 }
          - { IpProtocol: \"-1\", FromPort: -1, ToPort: -1, CidrIpv6: \"::/0\" }
";
    let lists = "prefix_lists: { offices: { MaxEntries: 1 } }\n";
    let resolved = accept(&t0_with(lists, more));
    assert_eq!(resolved.warnings.problems, []);
    let expected = [
        "(6) ((80, 81)) - 10.0.1.0/24",
        "(17) ((53, 53)) - list offices",
        "(6) ((5432, 5432)) - group app",
        "(1) - (((8), -)) group web",
        "(58) - ((-, -)) 2001:db8:a::/56",
        "(47) - - 10.0.0.0/16",
        "- - - ::/0",
    ];
    assert_eq!(rules(&resolved, "web", false), expected);
    assert_eq!(rules(&resolved, "web", true), ["- - - 0.0.0.0/0", "- - - ::/0"]);
    assert_eq!(rules(&resolved, "app", false), Vec::<String>::new());
}

#[test]
fn without_ipv6_no_group_speaks_of_it_by_default() {
    let resolved = accept(&small("    instances:", "    security_groups: { g: }\n    instances:"));
    for name in ["g", "default"] {
        assert_eq!(rules(&resolved, name, true), ["- - - 0.0.0.0/0"]);
    }
}

#[test]
fn an_empty_direction_is_empty_and_an_absent_one_is_aws_s() {
    let resolved = accept(&t0(
        "    security_groups: { none: { egress: [] }, void: { egress: }, default: { egress: [] } }\n",
    ));
    for name in ["none", "void", "default"] {
        assert_eq!(rules(&resolved, name, true), Vec::<String>::new(), "{name}");
    }
    assert_eq!(rules(&resolved, "default", false), ["- - - group default"]);
    let resolved = accept(&t0("    security_groups: { default: { ingress: [] } }\n"));
    assert_eq!(rules(&resolved, "default", false), Vec::<String>::new());
    assert_eq!(resolved.resources.security_groups.len(), 1);
}

#[test]
fn s3_an_instance_without_groups_is_in_its_vpcs_own_whose_members_may_talk() {
    let resolved = accept(&t0("    security_groups: { g: }\n"));
    let default = &group(&resolved, "default").group_id;
    assert_eq!(eni(&resolved, "a1").groups, std::slice::from_ref(default));
    assert_eq!(rules(&resolved, "default", false), ["- - - group default"]);
    assert_eq!(rules(&resolved, "default", true), ["- - - 0.0.0.0/0", "- - - ::/0"]);
}

#[test]
fn an_instance_is_in_the_groups_it_names() {
    let document =
        t0("    security_groups: { g: , h: }\n").replace("namespace: a1 ", "groups: [h, default, g], namespace: a1 ");
    let resolved = accept(&document);
    let ids = ["h", "default", "g"].map(|name| group(&resolved, name).group_id.clone());
    assert_eq!(eni(&resolved, "a1").groups, ids);
    for (groups, expected) in [
        (
            "[]",
            "10:7 InvalidParameterValue: instance \"a1\" is in no security group",
        ),
        (
            "[g, g]",
            "10:66 InvalidParameterValue: instance \"a1\" is in group \"g\" already",
        ),
        (
            "[k]",
            "10:63 InvalidGroup.NotFound: VPC \"a\" has no security group \"k\"",
        ),
        (
            "[{}]",
            "10:63 a security group's name must be a word, this is a mapping",
        ),
    ] {
        check(&document.replace("[h, default, g]", groups), &[expected]);
    }
}

#[test]
fn a_groups_name_is_its_own() {
    let named = |names: &str| format!("    security_groups: {{ {names} }}\n");
    check_t0(
        &named("web: , Web: "),
        &["1:31 InvalidGroup.Duplicate: \"Web\" differs from another group's name in upper and lower case only"],
    );
    check_t0(
        &named("Default: "),
        &["1:24 InvalidGroup.Reserved: \"Default\" is the VPC's own group in other letters"],
    );
    check_t0(
        &named("sg-1: "),
        &["1:24 InvalidParameterValue: a group's name can't start with sg-, as ids do"],
    );
}

/// Rules, and what is wrong with them.
const WRONG_RULES: &[(&str, &[&str])] = &[
    (
        "{}",
        &[
            "4:13 MissingParameter: the ingress rule is missing IpProtocol",
            "4:13 MissingParameter: the ingress rule is missing CidrIpv4",
        ],
    ),
    (
        "{ IpProtocol: tcp, FromPort: 80, CidrIpv4: 0.0.0.0/0 }",
        &["4:13 MissingParameter: the protocol needs ToPort"],
    ),
    (
        "{ IpProtocol: icmp, CidrIpv4: 0.0.0.0/0 }",
        &[
            "4:13 MissingParameter: the protocol needs FromPort",
            "4:13 MissingParameter: the protocol needs ToPort",
        ],
    ),
    (
        "{ IpProtocol: icmpv6, FromPort: 1, CidrIpv6: \"::/0\" }",
        &["4:13 MissingParameter: the protocol needs ToPort"],
    ),
    (
        "{ IpProtocol: tcp, FromPort: 81, ToPort: 80, CidrIpv4: 0.0.0.0/0 }",
        &["4:42 InvalidPermission.Malformed: 81 to 80 is no range of ports"],
    ),
    (
        "{ IpProtocol: udp, FromPort: -1, ToPort: -1, CidrIpv4: 0.0.0.0/0 }",
        &["4:42 InvalidPermission.Malformed: -1 to -1 is no range of ports"],
    ),
    (
        "{ IpProtocol: icmp, FromPort: -1, ToPort: 0, CidrIpv4: 0.0.0.0/0 }",
        &["4:43 InvalidPermission.Malformed: all types of ICMP have no common code 0"],
    ),
    (
        "{ IpProtocol: icmp, FromPort: 256, ToPort: 0, CidrIpv4: 0.0.0.0/0 }",
        &["4:43 InvalidPermission.Malformed: ICMP has no type 256 with code 0"],
    ),
    (
        "{ IpProtocol: tcp, FromPort: 0, ToPort: 65536, CidrIpv4: 0.0.0.0/0 }",
        &["4:53 InvalidParameterValue: ToPort must be a number from -1 to 65535, this is \"65536\""],
    ),
    (
        "{ IpProtocol: gre, CidrIpv4: 0.0.0.0/0 }",
        &[
            "4:27 InvalidParameterValue: IpProtocol must be tcp, udp, icmp, icmpv6, the number of a protocol, or -1 for all, this is \"gre\"",
        ],
    ),
    (
        "{ IpProtocol: 256, CidrIpv4: 0.0.0.0/0 }",
        &[
            "4:27 InvalidParameterValue: IpProtocol must be tcp, udp, icmp, icmpv6, the number of a protocol, or -1 for all, this is \"256\"",
        ],
    ),
    (
        "{ IpProtocol: -1, CidrIpv4: 0.0.0.0/0, group: g }",
        &["4:59 InvalidParameterCombination: the ingress rule has both CidrIpv4 and group"],
    ),
    (
        "{ IpProtocol: -1, group: h }",
        &["4:38 InvalidGroup.NotFound: VPC \"a\" has no security group \"h\""],
    ),
    (
        "{ IpProtocol: -1, prefix_list: h }",
        &["4:44 InvalidPrefixListID.NotFound: there is no prefix list \"h\""],
    ),
    (
        "{ IpProtocol: -1, CidrIpv4: \"::/0\" }",
        &["4:41 InvalidParameterValue: CidrIpv4 must be an IPv4 block such as 10.0.0.0/16, this is \"::/0\""],
    ),
    ("web", &["4:13 the ingress rule must be a mapping, this is \"web\""]),
];

#[test]
fn a_rule_has_a_protocol_a_range_and_one_peer() {
    for &(rule, expected) in WRONG_RULES {
        check_t0(&with_rule(rule), expected);
    }
}

#[test]
fn a_rule_is_there_once() {
    let twice = |one: &str, other: &str| with_rule(&format!("{one}\n          - {other}"));
    let duplicate = ["5:13 InvalidPermission.Duplicate: security group \"g\" has this rule already"];
    for (one, other) in [
        (
            "{ IpProtocol: tcp, FromPort: 1, ToPort: 2, group: g }",
            "{ IpProtocol: 6, FromPort: 1, ToPort: 2, group: g }",
        ),
        (
            "{ IpProtocol: -1, CidrIpv4: 10.0.0.0/8 }",
            "{ IpProtocol: -1, CidrIpv4: 10.1.0.0/8 }",
        ),
        (
            "{ IpProtocol: icmpv6, group: g }",
            "{ IpProtocol: 58, FromPort: -1, ToPort: -1, group: g }",
        ),
    ] {
        check_t0(&twice(one, other), &duplicate);
    }
    // The same in the other direction is another rule.
    accept(&t0(
        "    security_groups: { g: { ingress: [{ IpProtocol: -1, group: g }], egress: [{ IpProtocol: -1, group: g }] } }\n",
    ));
}

#[test]
fn a_rules_id_stays_when_other_rules_come_and_go() {
    let rule = "{ IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 0.0.0.0/0 }";
    let one = accept(&t0(&with_rule(rule)));
    let two = accept(&t0(&with_rule(&format!(
        "{{ IpProtocol: -1, group: g }}\n          - {rule}"
    ))));
    let id = &group(&one, "g").rules[0].security_group_rule_id;
    assert!(id.starts_with("sgr-") && id.len() == 21, "{id}");
    assert_eq!(&group(&two, "g").rules[1].security_group_rule_id, id);
    let ids: std::collections::HashSet<_> = two
        .resources
        .security_groups
        .iter()
        .flat_map(|g| &g.rules)
        .map(|r| &r.security_group_rule_id)
        .collect();
    assert_eq!(ids.len(), 2 + 3 + 2, "as many ids as rules");
}

#[test]
fn ports_of_a_protocol_without_them_are_ignored_with_a_warning() {
    let message = "M69: the protocol has none of these, so they are ignored";
    check_warned(
        &with_rule("{ IpProtocol: -1, FromPort: 22, ToPort: 22, group: g }"),
        &[&format!("4:41 {message}")],
    );
    check_warned(
        &with_rule("{ IpProtocol: 47, FromPort: -1, ToPort: 22, group: g }"),
        &[&format!("4:53 {message}")],
    );
}

#[test]
fn the_icmp_of_the_other_family_is_worth_a_warning() {
    let warning = |family: &str| format!("4:13 M61: no packet is ever matched: this is not the ICMP of {family}");
    check_warned(
        &with_rule("{ IpProtocol: icmp, FromPort: 8, ToPort: 0, CidrIpv6: \"::/0\" }"),
        &[&warning("IPv6")],
    );
    check_warned(
        &with_rule("{ IpProtocol: icmpv6, CidrIpv4: 0.0.0.0/0 }"),
        &[&warning("IPv4")],
    );
    check_warned(&with_rule("{ IpProtocol: icmpv6, group: g }"), &[]);
}

/// Routes that lead a1 and a2 to each other through fw.
const INSPECTED: &str = "    route_tables:
      there: { subnets: [a1], routes: [{ DestinationCidrBlock: 10.0.2.0/24, instance: fw }] }
      back: { subnets: [a2], routes: [{ DestinationCidrBlock: 10.0.1.0/24, instance: fw }] }
";

#[test]
fn s10_a_reference_to_a_group_behind_a_middlebox_is_worth_a_warning() {
    let groups = "    security_groups:
      app:
        ingress: [{ IpProtocol: -1, group: app }]
      db:
        ingress: [{ IpProtocol: tcp, FromPort: 5432, ToPort: 5432, group: app }, { IpProtocol: 6, FromPort: 80, ToPort: 80, group: db }]
        egress: [{ IpProtocol: tcp, FromPort: 80, ToPort: 80, group: db }]
      fw:
";
    let document = |more: &str| {
        t0(&format!("{groups}{more}"))
            .replace("namespace: a1 ", "groups: [app], namespace: a1 ")
            .replace("namespace: a1x ", "groups: [app], namespace: a1x ")
            .replace("namespace: a2 ", "groups: [db], namespace: a2 ")
            .replace("namespace: fw ", "groups: [fw], namespace: fw ")
    };
    let message = "matches nothing between subnets \"a2\" and \"a1\": a route leads through an instance, and what it passes on is in no other's group";
    let warnings = |more: &str| {
        let mut told = lines_after(&accept(&document(more)).warnings, T0_LINES);
        told.retain(|line| line.contains("M12"));
        told
    };
    assert_eq!(warnings(INSPECTED), [format!("5:75 M12: this rule {message}")]);
    assert_eq!(warnings(""), Vec::<String>::new());
    // One direction is enough: the answers of the other are judged with the connection, not its first packets.
    let one_way = INSPECTED.lines().take(2).collect::<Vec<_>>().join("\n") + "\n";
    assert_eq!(warnings(&one_way).len(), 1);
    let replaced =
        "    route_tables: { t: { subnets: [a2], routes: [{ DestinationCidrBlock: 10.0.0.0/16, instance: fw }] } }\n";
    assert_eq!(warnings(replaced).len(), 1);
}

#[test]
fn s10_the_vpcs_own_group_behind_a_middlebox_is_worth_a_warning() {
    let message = "the rule of the VPC's own group, default, that admits its members, matches nothing between subnets \"a1\" and \"a2\": a route leads through an instance, and what it passes on is in no other's group";
    let resolved = accept(&t0(INSPECTED));
    assert_eq!(lines(&resolved.warnings), [format!("10:7 M12: {message}")]);
    let edited = "    security_groups: { default: { ingress: [{ IpProtocol: -1, CidrIpv4: 10.0.0.0/16 }] } }\n";
    assert_eq!(accept(&t0(&format!("{edited}{INSPECTED}"))).warnings.problems, []);
}
