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
