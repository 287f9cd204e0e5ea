//! The usual misconfigurations (semantics 31): legal, hardly meant, and each told by its number.

use super::*;

/// An ACL of a1 with these entries, each "number action protocol ports block".
fn acl_of_a1(ingress: &[&str], egress: &[&str]) -> String {
    let entry = |entry: &&str| {
        let words: Vec<_> = entry.split(' ').collect();
        let [number, action, protocol, ports, block] = *words else {
            panic!("{entry}");
        };
        let ports = match ports.split_once('-') {
            Some((from, to)) => format!("PortRange: {{ From: {from}, To: {to} }}, "),
            None => String::new(),
        };
        let field = if block.contains(':') {
            "Ipv6CidrBlock"
        } else {
            "CidrBlock"
        };
        format!(
            "          - {{ RuleNumber: {number}, RuleAction: {action}, Protocol: {protocol}, {ports}{field}: \"{block}\" }}\n"
        )
    };
    let list = |name: &str, entries: &[&str]| {
        let entries: String = entries.iter().map(entry).collect();
        format!("        {name}:\n{entries}")
    };
    format!(
        "    network_acls:\n      n:\n        subnets: [a1]\n{}{}",
        list("ingress", ingress),
        list("egress", egress)
    )
}

const ALL: &str = "32000 allow -1 * 0.0.0.0/0";
const ALL_IPV6: &str = "32001 allow -1 * ::/0";
const ANSWERS: &str = "900 allow tcp 1024-65535 0.0.0.0/0";

/// Checks the warnings about an ACL of a1; the first entry of ingress is in line 5.
fn check_acl(ingress: &[&str], egress: &[&str], expected: &[&str]) {
    check_warned(&acl_of_a1(ingress, egress), expected);
}

#[test]
fn m1_answers_that_no_entry_lets_pass() {
    let unanswered = |line: usize, other: &str| {
        format!("{line}:13 M1: the answers to what this entry allows are allowed by no entry of {other}")
    };
    let service = "100 allow tcp 443-443 10.0.2.0/24";
    check_acl(&[service], &["1 deny -1 * ::/0"], &[&unanswered(5, "egress")]);
    check_acl(&["1 deny -1 * ::/0"], &[service], &[&unanswered(7, "ingress")]);
    check_acl(
        &[service],
        &["100 allow tcp 1024-30000 0.0.0.0/0"],
        &[&unanswered(5, "egress")],
    );
    check_acl(
        &[service],
        &["100 allow udp 1024-65535 0.0.0.0/0"],
        &[&unanswered(5, "egress")],
    );
    check_acl(
        &[service],
        &["100 allow tcp 1024-65535 10.0.3.0/24"],
        &[&unanswered(5, "egress")],
    );
    check_acl(
        &[service],
        &["100 deny tcp 1024-65535 0.0.0.0/0"],
        &[&unanswered(5, "egress")],
    );
    // What is denied first needs no answer.
    check_acl(
        &["10 deny tcp 0-65535 10.0.0.0/16", service],
        &["1 deny -1 * ::/0"],
        &[],
    );
    for answers in [
        ANSWERS,
        "1 allow tcp 32768-61000 10.0.2.7/32",
        "1 allow -1 * 10.0.0.0/8",
    ] {
        check_acl(&[service], &[answers], &[]);
    }
    // Nobody answers to a datagram that wants no answer.
    check_acl(&["1 deny -1 * ::/0"], &["100 allow udp 514-514 10.0.2.0/24"], &[]);
}

#[test]
fn m1_says_what_to_allow() {
    let resolved = accept(&t0(&acl_of_a1(
        &["100 allow tcp 443-443 10.0.2.0/24"],
        &["1 deny -1 * ::/0"],
    )));
    let [warning] = &*resolved.warnings.problems else {
        panic!("{}", resolved.warnings);
    };
    assert_eq!(
        warning.help.as_deref(),
        Some("allow tcp 1024 to 65535 of 10.0.2.0/24 in egress")
    );
    assert_eq!(warning.code, Some("SUBNET_ACL_RESTRICTION"));
    assert!(
        resolved
            .warnings
            .to_string()
            .starts_with("warning[M1 SUBNET_ACL_RESTRICTION]: the answers"),
        "{}",
        resolved.warnings
    );
}

#[test]
fn strictly_a_warning_is_an_error() {
    let warned = t0(&acl_of_a1(
        &["1 deny -1 * ::/0"],
        &["100 allow tcp 443-443 10.0.2.0/24"],
    ));
    let strict = |text: &str| strict(parse("a.yaml", text.as_bytes()));
    let problems = strict(&warned).expect_err("a warning");
    assert!(
        problems
            .to_string()
            .starts_with("error[M1 SUBNET_ACL_RESTRICTION]: the answers"),
        "{problems}"
    );
    assert!(strict(&t0("")).is_ok());
    let problems = strict(&warned.replace("/16", "/8")).expect_err("an error");
    assert!(
        problems
            .problems
            .iter()
            .all(|problem| problem.severity == Severity::Error)
    );
}

#[test]
fn m2_a_deny_inside_a_subnet() {
    let idle = |line: usize, block: &str| {
        format!(
            "{line}:13 M2: {block} is inside subnet \"a1\", and a network ACL isn't asked about traffic inside a subnet"
        )
    };
    let all: &[&str] = &[ALL, ALL_IPV6];
    check_acl(
        &["1 deny tcp 22-22 10.0.1.11/32", ALL, ALL_IPV6],
        all,
        &[&idle(5, "10.0.1.11/32")],
    );
    check_acl(
        all,
        &["1 deny -1 * 2001:db8:a:1::/64", ALL, ALL_IPV6],
        &[&idle(8, "2001:db8:a:1::/64")],
    );
    check_acl(&["1 deny tcp 22-22 10.0.2.10/32", ALL, ALL_IPV6], all, &[]);
    check_acl(&["1 deny tcp 22-22 10.0.0.0/16", ALL, ALL_IPV6], all, &[]);
    // For another subnet that has the ACL as well, it does something.
    let two = acl_of_a1(&["1 deny tcp 22-22 10.0.1.11/32", ALL, ALL_IPV6], all).replace("[a1]", "[a1, a2]");
    check_warned(&two, &[]);
}

#[test]
fn m3_an_acl_that_says_nothing() {
    let message = "2:7 M3: network ACL \"n\" has no entries, so nothing enters or leaves subnet \"a1\"";
    check_warned("    network_acls:\n      n: { subnets: [a1] }\n", &[message]);
    check_warned(
        "    network_acls:\n      n: { subnets: [a1], ingress: [], egress: [] }\n",
        &[message],
    );
    check_warned("    network_acls:\n      n:\n", &[]);
    check_acl(&["1 deny -1 * 0.0.0.0/0"], &[], &[]);
}

#[test]
fn m4_a_deny_after_what_allows_the_same() {
    let all: &[&str] = &[ALL, ALL_IPV6];
    let ingress = |allow: &str, deny: &str| acl_of_a1(&[deny, allow, ALL_IPV6], all);
    let idle = "5:13 M4: entry 32766 denies nothing: entry 10 allows all of it first";
    for (allow, deny) in [
        ("-1 * 0.0.0.0/0", "-1 * 0.0.0.0/0"),
        ("-1 * 0.0.0.0/0", "tcp 22-22 10.0.2.10/32"),
        ("tcp 0-65535 10.0.0.0/8", "tcp 22-23 10.0.2.0/24"),
        ("47 * 10.0.0.0/8", "47 * 10.0.2.0/24"),
    ] {
        check_warned(
            &ingress(&format!("10 allow {allow}"), &format!("32766 deny {deny}")),
            &[idle],
        );
    }
    for (allow, deny) in [
        ("tcp 1024-65535 10.0.0.0/8", "-1 * 10.0.2.0/24"),
        ("tcp 1024-65535 10.0.0.0/8", "tcp 1023-1024 10.0.2.0/24"),
        ("tcp 1024-65535 10.0.0.0/8", "udp 1024-65535 10.0.2.0/24"),
        ("47 * 10.0.2.0/24", "47 * 10.0.0.0/16"),
        ("-1 * ::/0", "-1 * 0.0.0.0/0"),
    ] {
        check_warned(
            &ingress(&format!("10 allow {allow}"), &format!("32766 deny {deny}")),
            &[],
        );
    }
    check_warned(&ingress("10 allow -1 * 10.0.0.0/16", "9 deny -1 * 10.0.2.0/24"), &[]);
}

#[test]
fn m5_a_port_opened_for_answers() {
    let message = "M5: a port here is the one a packet goes to, and answers go to the one that was asked from";
    let both = "100 allow tcp 443-443 10.0.2.0/24";
    check_acl(
        &[both],
        &[both],
        &[&format!("5:13 {message}"), &format!("7:13 {message}")],
    );
    check_acl(&[both, ANSWERS], &[both], &[&format!("8:13 {message}")]);
    check_acl(&[both, ANSWERS], &[both, ANSWERS], &[]);
}

/// Groups with these rules of `g`, in line 4 and in line 6, of which a1 is a member and has IPv6.
fn group(ingress: &str, egress: &str) -> String {
    format!(
        "    security_groups:
      g:
        ingress:
          - {{ {ingress} }}
        egress:
          - {{ {egress} }}
"
    )
}

fn check_group(ingress: &str, egress: &str, expected: &[&str]) {
    let document = t0(&group(ingress, egress)).replace(
        "PrivateIpAddress: 10.0.1.10,",
        "groups: [g], Ipv6AddressCount: 1, PrivateIpAddress: 10.0.1.10,",
    );
    assert_eq!(
        lines_after(&accept(&document).warnings, T0_LINES),
        expected,
        "{document}"
    );
}

const HTTP: &str = "IpProtocol: tcp, FromPort: 80, ToPort: 80";

#[test]
fn m16_members_who_may_ask_and_not_be_asked() {
    let itself = format!("{HTTP}, group: g");
    let message = "6:13 M16: members may ask each other, and no rule of ingress lets a member answer";
    check_group(&format!("{HTTP}, group: default"), &itself, &[message]);
    check_group(&format!("{HTTP}, CidrIpv4: 192.0.2.0/24"), &itself, &[message]);
    check_group(&itself, &itself, &[]);
    check_group(&format!("{HTTP}, CidrIpv4: 10.0.0.0/8"), &itself, &[]);
    check_group(
        &format!("{HTTP}, group: default"),
        &format!("{HTTP}, group: default"),
        &[],
    );
}

#[test]
fn m61_rules_for_everybody_by_ipv4_alone() {
    let out = "IpProtocol: -1, CidrIpv4: 0.0.0.0/0";
    let message = "4:13 M61: everybody is admitted by IPv4 and nobody by IPv6, which members have";
    let everybody = format!("{HTTP}, CidrIpv4: 0.0.0.0/0");
    check_group(&everybody, out, &[message]);
    check_group(&format!("{HTTP}, CidrIpv4: 10.0.0.0/8"), out, &[]);
    check_group(
        "IpProtocol: icmp, FromPort: 8, ToPort: -1, CidrIpv4: 0.0.0.0/0",
        out,
        &[],
    );
    for same in [HTTP, "IpProtocol: -1", "IpProtocol: tcp, FromPort: 0, ToPort: 1024"] {
        let both = format!("{everybody} }}\n          - {{ {same}, CidrIpv6: \"::/0\"");
        check_group(&both, out, &[]);
    }
    let other = format!("{everybody} }}\n          - {{ IpProtocol: udp, FromPort: 80, ToPort: 80, CidrIpv6: \"::/0\"");
    check_group(&other, out, &[message]);
    // Members without IPv6 miss nothing.
    check_warned(&group(&everybody, out), &[]);

    let message = "5:13 M61: ingress allows all IPv4 and no IPv6, which the subnet has";
    check_acl(&[ALL], &[ALL, ALL_IPV6], &[message]);
    check_acl(&[ALL, "1 deny -1 * ::/0"], &[ALL, ALL_IPV6], &[]);
    check_warned(&acl_of_a1(&[ALL], &[ALL]).replace("[a1]", "[a-fw]"), &[]);
}

#[test]
fn m68_a_ping_given_as_a_port() {
    let out = "IpProtocol: -1, CidrIpv4: 0.0.0.0/0";
    let icmp =
        |kind: i32, code: i32| format!("IpProtocol: icmp, FromPort: {kind}, ToPort: {code}, CidrIpv4: 10.0.0.0/16");
    check_group(
        &icmp(8, 8),
        out,
        &["4:13 M68: this is type 8 with code 8, which no packet has"],
    );
    check_group(
        &icmp(0, 255),
        out,
        &["4:13 M68: this is type 0 with code 255, which no packet has"],
    );
    check_group(
        &icmp(0, 0),
        out,
        &["4:13 M68: this is type 0, the answer to a ping, which needs no rule"],
    );
    for (kind, code) in [(8, -1), (8, 0), (-1, -1), (3, 4), (11, 0)] {
        check_group(&icmp(kind, code), out, &[]);
    }
    let ipv6 = "IpProtocol: icmpv6, FromPort: 128, ToPort: 128, CidrIpv6: \"2001:db8:a::/56\"";
    check_group(
        ipv6,
        out,
        &["4:13 M68: this is type 128 with code 128, which no packet has"],
    );
    check_group(&ipv6.replace("ToPort: 128", "ToPort: 0"), out, &[]);
}
