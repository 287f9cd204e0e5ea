//! What a document promises: what it means, what is refused and how that is told.

mod addresses;
mod api;
mod around;
mod broken;
mod cache;
mod gateway_endpoints;
mod groups;
mod listed;
mod meaning;
mod network_acls;
mod objects;
mod prefix_lists;
mod quotas;
mod refused;
mod routes;
mod sources;
mod told;
mod uplinks;
mod usual;
mod yaml;

use super::*;
use crate::plan::{self, Binding, Bindings, GuestKind, Plan};
use crate::resources::{NetworkAcl, NetworkInterface, RouteTable, RouteTarget, SecurityGroup};
use groundplane_abi::Device;

/// A VPC with two subnets and an instance, of which each line can be exchanged.
const SMALL: &str = "\
vpcs:
  blue:
    CidrBlock: 10.0.0.0/16
    subnets:
      web: { CidrBlock: 10.0.1.0/24 }
      db: { CidrBlock: 10.0.2.0/24 }
    instances:
      web-1: { subnet: web, namespace: n1 }
    route_tables:
      custom: { subnets: [db] }
";

const INSTANCE: &str = "{ subnet: web, namespace: n1 }";

/// The small document with one piece of text exchanged.
fn small(from: &str, to: &str) -> String {
    assert_eq!(SMALL.matches(from).count(), 1, "{from}");
    SMALL.replace(from, to)
}

fn lines(diagnostics: &Diagnostics) -> Vec<String> {
    let line = |problem: &Diagnostic| {
        let Diagnostic {
            place: Place { line, column, .. },
            message,
            ..
        } = problem;
        let label = problem
            .number
            .or(problem.code)
            .map(|label| format!("{label}: "))
            .unwrap_or_default();
        format!("{line}:{column} {label}{message}")
    };
    diagnostics.problems.iter().map(line).collect()
}

/// Checks that a document is refused with exactly these problems, each as "line:column code: message".
fn check(document: &str, expected: &[&str]) {
    let diagnostics = parse("blue.yaml", document.as_bytes()).expect_err("problems");
    assert_eq!(lines(&diagnostics), expected, "{document}");
    assert_eq!(diagnostics.omitted, 0);
}

/// Checks the problems of the small document with one piece of text exchanged.
fn check_small(from: &str, to: &str, expected: &[&str]) {
    check(&small(from, to), expected);
}

/// What a document means that has nothing wrong.
fn accept(document: &str) -> Resolved {
    match parse("blue.yaml", document.as_bytes()) {
        Ok(resolved) => resolved,
        Err(problems) => panic!("{problems}"),
    }
}

fn compile(resolved: &Resolved) -> Plan {
    let enis = resolved.resources.network_interfaces.iter();
    let binding = |device| Binding {
        device: Device(device),
        kind: GuestKind::Veth,
    };
    let bindings: Bindings = enis
        .zip(1..)
        .map(|(eni, device)| (eni.network_interface_id.clone(), binding(device)))
        .collect();
    plan::compile(&resolved.resources, &bindings).expect("a plan")
}

/// A VPC like that of the conformance scenarios (semantics 32.0): A1 and A2 with hosts a1, a1x and a2, and a firewall
/// in a subnet of its own. `more` stands below the VPC, and `first` before `vpcs`.
fn t0_with(first: &str, more: &str) -> String {
    format!(
        "{first}vpcs:
  a:
    CidrBlock: 10.0.0.0/16
    Ipv6CidrBlock: 2001:db8:a::/56
    subnets:
      a1: {{ CidrBlock: 10.0.1.0/24, Ipv6CidrBlock: \"2001:db8:a:1::/64\" }}
      a2: {{ CidrBlock: 10.0.2.0/24, Ipv6CidrBlock: \"2001:db8:a:2::/64\" }}
      a-fw: {{ CidrBlock: 10.0.20.0/24 }}
    instances:
      a1: {{ subnet: a1, PrivateIpAddress: 10.0.1.10, namespace: a1 }}
      a1x: {{ subnet: a1, PrivateIpAddress: 10.0.1.11, namespace: a1x }}
      a2: {{ subnet: a2, PrivateIpAddress: 10.0.2.10, namespace: a2 }}
      fw: {{ subnet: a-fw, PrivateIpAddress: 10.0.20.10, SourceDestCheck: false, namespace: fw }}
{more}"
    )
}

/// The line after which `more` stands in `t0_with`, if `first` is empty.
const T0_LINES: usize = 13;

fn t0(more: &str) -> String {
    t0_with("", more)
}

/// Checks the errors of such a VPC; their lines are counted from where `more` begins, at 1.
fn check_t0(more: &str, expected: &[&str]) {
    let mut diagnostics = parse("a.yaml", t0(more).as_bytes()).expect_err(more);
    diagnostics
        .problems
        .retain(|problem| problem.severity == Severity::Error);
    assert_eq!(lines_after(&diagnostics, T0_LINES), expected, "{diagnostics}");
}

/// Checks that such a VPC is accepted with exactly these warnings.
fn check_warned(more: &str, expected: &[&str]) {
    let resolved = accept(&t0(more));
    assert_eq!(
        lines_after(&resolved.warnings, T0_LINES),
        expected,
        "{}",
        resolved.warnings
    );
    assert!(
        resolved
            .warnings
            .problems
            .iter()
            .all(|problem| problem.severity == Severity::Warning)
    );
}

fn lines_after(diagnostics: &Diagnostics, lines_before: usize) -> Vec<String> {
    let mut moved = diagnostics.clone();
    for problem in &mut moved.problems {
        problem.place.line -= lines_before;
    }
    lines(&moved)
}

/// The one of a list with this name.
fn named<'a, T>(all: &'a [T], name: &str, name_of: impl Fn(&T) -> &str) -> &'a T {
    all.iter()
        .find(|one| name_of(one) == name)
        .unwrap_or_else(|| panic!("no {name}"))
}

fn eni<'a>(resolved: &'a Resolved, name: &str) -> &'a NetworkInterface {
    named(&resolved.resources.network_interfaces, name, |eni| &eni.name)
}

fn group<'a>(resolved: &'a Resolved, name: &str) -> &'a SecurityGroup {
    named(&resolved.resources.security_groups, name, |group| &group.group_name)
}

fn acl<'a>(resolved: &'a Resolved, name: &str) -> &'a NetworkAcl {
    named(&resolved.resources.network_acls, name, |acl| &acl.name)
}

fn table<'a>(resolved: &'a Resolved, name: &str) -> &'a RouteTable {
    named(&resolved.resources.route_tables, name, |table| &table.name)
}
