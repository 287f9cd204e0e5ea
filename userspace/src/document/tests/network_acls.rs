//! Network ACLs: what their entries mean, and which are refused.

use super::*;
use crate::resources::{NetworkAclEntry, RuleAction};

/// The entries of a direction, in words.
fn entries(resolved: &Resolved, name: &str, egress: bool) -> Vec<String> {
    let entries = acl(resolved, name).entries.iter();
    entries.filter(|entry| entry.egress == egress).map(words).collect()
}

fn words(entry: &NetworkAclEntry) -> String {
    let action = match entry.rule_action {
        RuleAction::Allow => "allow",
        RuleAction::Deny => "deny",
    };
    let NetworkAclEntry {
        rule_number,
        protocol,
        port_range,
        icmp_type_code,
        cidr_block,
        ..
    } = entry;
    format!("{rule_number} {action} {protocol:?} {port_range:?} {icmp_type_code:?} {cidr_block}")
        .replace("Some", "")
        .replace("None", "-")
}

/// An ACL of a2 with this ingress entry, without its number and action.
fn with_entry(entry: &str) -> String {
    format!(
        "    network_acls:\n      n:\n        ingress:\n          - {{ RuleNumber: 7, RuleAction: deny, {entry} }}\n"
    )
}

/// The column at which such an entry's own fields begin.
const COLUMN: usize = 48;

fn acl_of<'a>(resolved: &'a Resolved, subnet: &str) -> &'a str {
    let subnet = named(&resolved.resources.subnets, subnet, |subnet| &subnet.name);
    let mut acls = resolved.resources.network_acls.iter();
    &acls
        .find(|acl| acl.network_acl_id == subnet.network_acl_id)
        .expect("an ACL")
        .name
}

#[test]
fn an_acl_has_the_entries_it_says() {
    let resolved = accept(&t0("    network_acls:
      strict:
        subnets: [a1]
        ingress:
          - { RuleNumber: 100, RuleAction: allow, Protocol: tcp, PortRange: { From: 22, To: 23 }, CidrBlock: 10.0.0.9/16 }
          - { RuleNumber: 90, RuleAction: deny, Protocol: 1, IcmpTypeCode: { Type: 3, Code: 4 }, CidrBlock: 0.0.0.0/0 }
          - { RuleNumber: 32766, RuleAction: deny, Protocol: icmpv6, IcmpTypeCode: { Type: -1, Code: -1 }, Ipv6CidrBlock: \"::/0\" }
        egress: [{ RuleNumber: 100, RuleAction: allow, Protocol: \"-1\", Ipv6CidrBlock: \"2001:db8:a:1::1/64\" }]
"));
    let unanswered = "18:13 M1: the answers to what this entry allows are allowed by no entry of egress";
    assert_eq!(lines(&resolved.warnings), [unanswered]);
    let ingress = [
        "100 allow (6) ((22, 23)) - 10.0.0.0/16",
        "90 deny (1) - (((3), (4))) 0.0.0.0/0",
        "32766 deny (58) - ((-, -)) ::/0",
    ];
    assert_eq!(entries(&resolved, "strict", false), ingress);
    assert_eq!(
        entries(&resolved, "strict", true),
        ["100 allow - - - 2001:db8:a:1::/64"]
    );
    assert_eq!(
        (acl_of(&resolved, "a1"), acl_of(&resolved, "a2")),
        ("strict", "default")
    );
    assert!(!acl(&resolved, "strict").is_default && acl(&resolved, "default").is_default);
}

#[test]
fn s27_a_new_acl_has_no_entries_and_the_default_one_allows_all() {
    let resolved = accept(&t0("    network_acls: { n: }\n"));
    assert_eq!(acl(&resolved, "n").entries, []);
    for egress in [false, true] {
        assert_eq!(
            entries(&resolved, "default", egress),
            ["100 allow - - - 0.0.0.0/0", "101 allow - - - ::/0"]
        );
    }
    let without_ipv6 = accept(SMALL);
    assert_eq!(entries(&without_ipv6, "default", false), ["100 allow - - - 0.0.0.0/0"]);
}

#[test]
fn a_direction_of_the_default_acl_is_aws_s_until_it_is_written() {
    let resolved = accept(&t0("    network_acls: { default: { subnets: [a1], egress: [] } }\n"));
    assert_eq!(entries(&resolved, "default", true), Vec::<String>::new());
    assert_eq!(entries(&resolved, "default", false).len(), 2);
    assert!(acl(&resolved, "default").is_default);
    assert_eq!(resolved.resources.network_acls.len(), 1);
}

#[test]
fn a_subnet_has_one_acl() {
    check_t0(
        "    network_acls: { m: { subnets: [a1] }, n: { subnets: [a1] } }\n",
        &["1:58 Resource.AlreadyAssociated: subnet \"a1\" is in network ACL \"m\" already"],
    );
    check_t0(
        "    network_acls: { m: { subnets: [a3] } }\n",
        &["1:36 InvalidSubnetID.NotFound: VPC \"a\" has no subnet \"a3\""],
    );
}

#[test]
fn a_number_is_given_once_in_a_direction() {
    let entry = "{ RuleNumber: 100, RuleAction: allow, Protocol: -1, CidrBlock: 0.0.0.0/0 }";
    let ipv6 = entry.replace("CidrBlock: 0.0.0.0/0", "Ipv6CidrBlock: \"::/0\"");
    accept(&t0(&format!(
        "    network_acls: {{ n: {{ ingress: [{entry}], egress: [{ipv6}] }} }}\n"
    )));
    check_t0(
        &format!("    network_acls:\n      n:\n        egress:\n          - {entry}\n          - {ipv6}\n"),
        &["5:27 NetworkAclEntryAlreadyExists: there is an egress entry 100 already"],
    );
}

/// Fields of an entry, and what is wrong with them, in the fourth line.
const WRONG_ENTRIES: &[(&str, &str)] = &[
    (
        "Protocol: tcp, CidrBlock: 0.0.0.0/0",
        "13 MissingParameter: the protocol needs PortRange",
    ),
    (
        "Protocol: icmp, CidrBlock: 0.0.0.0/0",
        "13 MissingParameter: the protocol needs IcmpTypeCode",
    ),
    (
        "Protocol: 58, Ipv6CidrBlock: \"::/0\"",
        "13 MissingParameter: the protocol needs IcmpTypeCode",
    ),
    (
        "Protocol: -1",
        "13 MissingParameter: the ingress entry is missing CidrBlock",
    ),
    (
        "CidrBlock: 0.0.0.0/0",
        "13 MissingParameter: the ingress entry is missing Protocol",
    ),
    (
        "Protocol: tcp, PortRange: { From: 1 }, CidrBlock: 0.0.0.0/0",
        "74 MissingParameter: PortRange is missing To",
    ),
    (
        "Protocol: tcp, PortRange: { From: 2, To: 1 }, CidrBlock: 0.0.0.0/0",
        "74 InvalidParameterValue: 2 to 1 is no range of ports",
    ),
    (
        "Protocol: icmp, IcmpTypeCode: { Type: -1, Code: 0 }, CidrBlock: 0.0.0.0/0",
        "78 InvalidParameterValue: all types of ICMP have no common code 0",
    ),
    (
        "Protocol: -1, CidrBlock: 0.0.0.0/0, Ipv6CidrBlock: \"::/0\"",
        "99 InvalidParameterCombination: the ingress entry has both CidrBlock and Ipv6CidrBlock",
    ),
    (
        "Protocol: -1, CidrBlock: 0.0.0.0/0, group: g",
        "84 the ingress entry has no field \"group\"",
    ),
];

#[test]
fn an_entry_says_all_that_its_protocol_needs() {
    for (entry, expected) in WRONG_ENTRIES {
        check_t0(&with_entry(entry), &[&format!("4:{expected}")]);
    }
    let number = |number: &str| with_entry("Protocol: -1, CidrBlock: 0.0.0.0/0").replace("7,", number);
    for wrong in ["0", "32767", "-1", "x"] {
        let message =
            format!("4:27 InvalidParameterValue: RuleNumber must be a number from 1 to 32766, this is \"{wrong}\"");
        check_t0(&number(&format!("{wrong},")), &[&message]);
    }
    check_t0(
        &with_entry("Protocol: -1, CidrBlock: 0.0.0.0/0").replace("deny", "reject"),
        &["4:42 InvalidParameterValue: RuleAction must be allow or deny, this is \"reject\""],
    );
}

#[test]
fn s32_a_port_range_of_all_protocols_is_kept_and_worth_a_warning() {
    let more = with_entry("Protocol: -1, PortRange: { From: 22, To: 22 }, CidrBlock: 0.0.0.0/0");
    let warning = format!(
        "4:{} M69: the protocol has none of these, so they are ignored",
        COLUMN + 25
    );
    check_warned(&more, &[&warning]);
    assert_eq!(
        entries(&accept(&t0(&more)), "n", false),
        ["7 deny - ((22, 22)) - 0.0.0.0/0"]
    );
}

#[test]
fn an_entry_for_the_icmp_of_the_other_family_is_worth_a_warning() {
    let warning = |family: &str| format!("4:13 M61: no packet is ever matched: this is not the ICMP of {family}");
    check_warned(
        &with_entry("Protocol: 1, IcmpTypeCode: { Type: 8, Code: 0 }, Ipv6CidrBlock: \"::/0\""),
        &[&warning("IPv6")],
    );
    check_warned(&with_entry("Protocol: 58, CidrBlock: 0.0.0.0/0"), &[&warning("IPv4")]);
}
