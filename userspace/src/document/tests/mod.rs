//! What a document promises: what it means, what is refused and how that is told.

mod meaning;
mod refused;
mod told;
mod yaml;

use super::*;
use crate::plan::{self, Binding, Bindings, GuestKind, Plan};
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
            line,
            column,
            code,
            message,
            ..
        } = problem;
        let code = code.map(|code| format!("{code}: ")).unwrap_or_default();
        format!("{line}:{column} {code}{message}")
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
