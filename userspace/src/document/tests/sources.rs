//! A configuration of several sources.

use super::*;

fn read_all(texts: &[&str]) -> Result<Resolved, Diagnostics> {
    let named = texts.iter().zip('a'..);
    let sources: Vec<_> = named.map(|(text, name)| Source::new(name, text.as_bytes())).collect();
    read(&sources, None)
}

/// Problems as "file:line:column message".
fn told(problems: &Diagnostics) -> Vec<String> {
    let problem = |problem: &Diagnostic| format!("{} {}", problem.place, problem.message);
    problems.problems.iter().map(problem).collect()
}

const PINK: &str = "vpcs: { pink: { CidrBlock: 10.0.0.0/16 } }\n";

#[test]
fn the_objects_of_all_sources_are_one_configuration() {
    let lists = "prefix_lists: { l: { MaxEntries: 1 } }\n";
    let group = "{ ingress: [{ IpProtocol: tcp, FromPort: 1, ToPort: 1, prefix_list: l }] }";
    let user = small(
        "    subnets:",
        &format!("    security_groups: {{ g: {group} }}\n    subnets:"),
    );
    let together = read_all(&[&user, lists, "vpcs:\n  pink: { CidrBlock: 10.0.0.0/16 }\n"]).expect("no problems");
    let one = accept(&format!("{lists}{user}  pink: {{ CidrBlock: 10.0.0.0/16 }}\n"));
    assert_eq!((&together.resources, &together.guests), (&one.resources, &one.guests));
}

#[test]
fn problems_of_all_sources_are_told_with_their_files() {
    let problems = read_all(&[&small("10.0.2.0/24", "10.0.1.0/25"), "vpcs: { pink: {} }\n", "vps: {}"]);
    assert_eq!(
        told(&problems.expect_err("problems")),
        [
            "a:6:24 10.0.1.0/25 overlaps 10.0.1.0/24 of subnet \"web\"",
            "b:1:9 VPC \"pink\" is missing CidrBlock",
            "c:1:1 the document has no field \"vps\"",
        ]
    );
}

#[test]
fn a_binding_says_where_the_guest_of_a_network_interface_is() {
    let interfaces = "vpcs:
  blue:
    CidrBlock: 10.0.0.0/16
    subnets: { s: { CidrBlock: 10.0.1.0/24 } }
    network_interfaces: { a: { subnet: s }, b: { subnet: s }, c: { subnet: s }, d: { subnet: s } }
";
    let bind = |bindings: &str| read_all(&[interfaces, &format!("bindings:\n{bindings}")]);
    let id = accept(interfaces).resources.network_interfaces[0].clone();
    let (first, id) = (id.name, id.network_interface_id);
    let others: Vec<_> = ["a", "b", "c", "d"].into_iter().filter(|name| *name != first).collect();
    let [x, y, _] = &*others else { panic!("three others") };
    let address = |resolved: &Resolved, name: &str| eni(resolved, name).private_ip_addresses[0];
    let y = address(&accept(interfaces), y);
    let text = format!("  {id}: {{ namespace: n1 }}\n  blue/{x}: {{ tap: t1 }}\n  blue/{y}: {{ device: d1 }}\n");
    let bound = bind(&text).expect("no problems");
    let attachments: Vec<_> = bound.guests.iter().map(|guest| guest.attachment.clone()).collect();
    let tap = |device: &str| Attachment::Tap {
        device: device.to_owned(),
    };
    assert_eq!(attachments[1], tap("t1"));
    assert_eq!(attachments.len(), 3);
    assert_eq!(accept(interfaces).guests, []);
    let problems =
        bind("  e: { tap: t1 }\n  a: { tap: t2 }\n  10.0.1.4: { tap: t2 }\n  b: {}\n").expect_err("problems");
    let told = told(&problems);
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[0], "b:2:3 no network interface is called \"e\"");
    assert_eq!(told[3], "b:5:3 binding \"b\" is missing namespace");
}

#[test]
fn what_there_can_be_one_of_is_in_one_source() {
    let one = format!("{PINK}quotas: {{ rules_per_security_group: 70 }}\nprefix_lists: {{ l: {{ MaxEntries: 1 }} }}\n");
    let problems = read_all(&[&one, &one]).expect_err("problems");
    assert_eq!(
        told(&problems),
        [
            "b:1:9 VPC \"pink\" is there twice",
            "b:2:1 there are quotas already",
            "b:3:17 prefix list \"l\" is there twice",
        ]
    );
    let others: Vec<_> = problems
        .problems
        .iter()
        .filter_map(|problem| problem.other.as_ref())
        .collect();
    assert_eq!(
        others.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["a:1:9", "a:2:1", "a:3:17"]
    );
    assert!(problems.to_string().contains("  = other: a:1:9\n"), "{problems}");
}

#[test]
fn a_source_that_cant_be_read_doesnt_hide_the_problems_of_the_others() {
    let problems = read_all(&["vpcs: {", "vpcs: { pink: {} }\n"]).expect_err("problems");
    assert_eq!(
        told(&problems),
        [
            "a:1:7 not YAML: unclosed bracket '{'",
            "b:1:9 VPC \"pink\" is missing CidrBlock"
        ]
    );
}

#[test]
fn one_source_at_least_has_vpcs() {
    let problems = read_all(&["prefix_lists: {}", "quotas: {}"]).expect_err("a problem");
    assert_eq!(told(&problems), ["a:1:1 the document is missing vpcs"]);
}
