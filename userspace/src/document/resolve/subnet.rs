//! Subnets (semantics 2.2).

use super::{Output, PREFIX_LENS, Scope, default_nacl_id, route_table::main_table_id};
use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::names;
use crate::document::schema;
use crate::resources::Subnet;
use ipnet::Ipv4Net;
use std::collections::HashMap;

/// Checks the blocks of a VPC's subnets.
pub(super) fn check(scope: &Scope<'_>, problems: &mut Problems) {
    let mut earlier: Vec<(&str, Ipv4Net)> = Vec::new();
    for subnet in scope.subnets {
        let Some(Spanned { value: block, span }) = subnet.cidr_block else {
            continue;
        };
        if !PREFIX_LENS.contains(&block.prefix_len()) {
            let message = format!("a subnet's block is a /16 to a /28, this is a /{}", block.prefix_len());
            problems.report(
                Problem::error(span, message)
                    .code("InvalidSubnet.Range")
                    .help("choose another length"),
            );
        } else if let Some(vpc) = scope.block.filter(|vpc| !vpc.contains(&block)) {
            let message = format!("{block} isn't inside the VPC's block {vpc}");
            let help = format!("choose a block out of {vpc}");
            problems.report(Problem::error(span, message).code("InvalidSubnet.Range").help(help));
        } else if let Some((name, other)) = earlier.iter().find(|(_, other)| overlap(*other, block)) {
            let message = format!("{block} overlaps {other} of subnet {}", quote(name));
            let help = "subnets of one VPC can't share addresses: choose another block";
            problems.report(Problem::error(span, message).code("InvalidSubnet.Conflict").help(help));
        }
        earlier.push((subnet.name.value, block));
    }
}

/// Two blocks are either apart or one inside the other.
fn overlap(a: Ipv4Net, b: Ipv4Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// Makes the subnets, each with its explicit association or the main table.
pub(super) fn resolve(scope: &Scope<'_>, associations: &HashMap<&str, String>, out: &mut Output<'_>) {
    for subnet in scope.subnets {
        let Some(block) = subnet.cidr_block else { continue };
        let name = subnet.name.value;
        out.resources.subnets.push(Subnet {
            subnet_id: scope.id("subnet", name),
            name: name.to_owned(),
            vpc_id: scope.vpc_id.clone(),
            cidr_block: block.value,
            ipv6_cidr_block: None,
            route_table_id: associations.get(name).cloned().unwrap_or_else(|| main_table_id(scope)),
            network_acl_id: default_nacl_id(scope),
        });
    }
}

/// The subnet of a name; a problem if there is none.
pub(super) fn find<'a>(
    scope: &Scope<'a>,
    name: Spanned<&str>,
    problems: &mut Problems,
) -> Option<&'a schema::Subnet<'a>> {
    let found = scope.subnets.iter().find(|subnet| subnet.name.value == name.value);
    if found.is_none() {
        let message = format!("VPC {} has no subnet {}", quote(scope.name), quote(name.value));
        let names = scope.subnets.iter().map(|subnet| subnet.name.value);
        let help = match names::nearest(name.value, names, problems) {
            Some(name) => format!("did you mean {name}?"),
            None => "add it below the VPC's subnets".to_owned(),
        };
        problems.report(
            Problem::error(name.span, message)
                .code("InvalidSubnetID.NotFound")
                .help(help),
        );
    }
    found
}
