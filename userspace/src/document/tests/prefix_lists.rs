//! Prefix lists.

use super::*;

fn with_list(list: &str) -> String {
    format!("prefix_lists: {{ offices: {list} }}\nvpcs: {{}}\n")
}

/// Lists, and what is wrong with them.
const WRONG_LISTS: &[(&str, &str)] = &[
    (
        "{ MaxEntries: 2, entries: [10.0.1.0/24, \"2001:db8::/32\"] }",
        "1:66 InvalidParameterValue: 2001:db8::/32 isn't of the list's family",
    ),
    (
        "{ MaxEntries: 2, AddressFamily: IPv6, entries: [10.0.1.0/24] }",
        "1:74 InvalidParameterValue: 10.0.1.0/24 isn't of the list's family",
    ),
    (
        "{ MaxEntries: 2, AddressFamily: v6 }",
        "1:58 InvalidParameterValue: AddressFamily must be IPv4 or IPv6, this is \"v6\"",
    ),
    (
        "{ MaxEntries: 1, entries: [10.0.1.0/24, 10.0.2.0/24] }",
        "1:66 InvalidParameterValue: the list has more than its 1 MaxEntries",
    ),
    (
        "{ MaxEntries: 2, entries: [10.0.1.0/24, 10.0.1.9/24] }",
        "1:66 InvalidParameterValue: 10.0.1.0/24 is in the list already",
    ),
    (
        "{ MaxEntries: 1001 }",
        "1:40 InvalidParameterValue: MaxEntries must be a number from 1 to 1000, this is \"1001\"",
    ),
    (
        "{ entries: [10.0.1.0/24] }",
        "1:17 MissingParameter: prefix list \"offices\" is missing MaxEntries",
    ),
    (
        "{ MaxEntries: 1, entries: [10.0.1.0] }",
        "1:53 InvalidParameterValue: entries must be a block such as 10.0.0.0/16 or 2001:db8:a::/56, this is \"10.0.1.0\"",
    ),
];

#[test]
fn a_list_has_entries_of_one_family() {
    let resolved = accept(&with_list("{ MaxEntries: 10, entries: [10.0.1.9/24, 192.0.2.0/25] }"));
    let list = &resolved.resources.prefix_lists[0];
    assert_eq!((&*list.name, list.max_entries), ("offices", 10));
    let entries: Vec<_> = list.entries.iter().map(ToString::to_string).collect();
    assert_eq!(entries, ["10.0.1.0/24", "192.0.2.0/25"]);
    assert!(list.prefix_list_id.starts_with("pl-"), "{}", list.prefix_list_id);
    accept(&with_list(
        "{ MaxEntries: 1000, AddressFamily: IPv6, entries: [\"2001:db8::/32\"] }",
    ));
    for &(list, expected) in WRONG_LISTS {
        check(&with_list(list), &[expected]);
    }
    check(
        "prefix_lists: { com.amazonaws.s3: { MaxEntries: 1 } }\nvpcs: {}\n",
        &["1:17 InvalidParameterValue: names that start with com.amazonaws are AWS's own"],
    );
}

#[test]
fn a_list_counts_as_what_it_may_ever_have() {
    let rules = |max: usize, rules: usize| {
        let list = format!("prefix_lists: {{ l: {{ MaxEntries: {max}, entries: [192.0.2.0/24] }} }}\n");
        let rule = |port: usize| {
            format!("          - {{ IpProtocol: tcp, FromPort: {port}, ToPort: {port}, CidrIpv4: 0.0.0.0/0 }}\n")
        };
        let rules: String = (0..rules).map(rule).collect();
        let group =
            "    security_groups:\n      g:\n        ingress:\n          - { IpProtocol: -1, prefix_list: l }\n";
        t0_with(&list, &format!("{group}{rules}"))
    };
    accept(&rules(30, 30));
    let exceeded = "16:7 M70: more than 60 rules of one family and direction in a security group";
    check(&rules(31, 30), &[exceeded]);
    let problems = parse("a", rules(31, 30).as_bytes()).expect_err("a problem");
    let [problem] = &*problems.problems else {
        panic!("{problems}");
    };
    assert_eq!(problem.code, Some("RulesPerSecurityGroupLimitExceeded"));
    let help = "prefix list \"l\" counts as its 31 MaxEntries and not as its 1 entries: lower MaxEntries";
    assert_eq!(problem.help.as_deref(), Some(help));
    // The other family's rules are counted apart.
    accept(&rules(31, 30).replace("192.0.2.0/24", "\"2001:db8::/32\""));
    let routes = |max: usize| {
        let list = format!("prefix_lists: {{ l: {{ MaxEntries: {max}, entries: [192.0.2.0/24] }} }}\n");
        let routes = "[{ prefix_list: l, instance: fw }, { DestinationCidrBlock: 0.0.0.0/0, instance: fw }]";
        t0_with(&list, &format!("    route_tables:\n      t: {{ routes: {routes} }}\n"))
    };
    accept(&routes(499));
    check(
        &routes(500),
        &["16:7 M70: more than 500 routes of one family in a table"],
    );
}
