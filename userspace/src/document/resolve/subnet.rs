//! Subnets (semantics 2.2).

use super::vpc::{PREFIX_LENS, is_step_of_four, overlap};
use super::{Output, Scope, label, not_found, zone};
use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::ids::is_id;
use crate::document::schema::{self, kind};
use crate::resources::Subnet;
use ipnet::IpNet;
use std::collections::HashMap;

/// Which subnets name a table or an ACL of their own, and which one it is; and the one of all others.
pub(super) struct Associations<'a> {
    /// By name.
    pub(super) ids: HashMap<&'a str, String>,
    pub(super) explicit: HashMap<&'a str, &'a str>,
    pub(super) default: &'a str,
}

impl<'a> Associations<'a> {
    pub(super) fn of(&self, subnet: &str) -> &'a str {
        self.explicit.get(subnet).copied().unwrap_or(self.default)
    }

    fn id_of(&self, subnet: &str) -> String {
        self.ids.get(self.of(subnet)).cloned().unwrap_or_default()
    }
}

/// Checks the blocks of a VPC's subnets.
pub(super) fn check(scope: &Scope<'_>, problems: &mut Problems) {
    let mut earlier: Vec<(&str, IpNet)> = Vec::new();
    for subnet in scope.subnets {
        for Spanned { value: block, span } in blocks(subnet) {
            if let Some((code, message, help)) = fault(scope, block, &earlier) {
                problems.report(Problem::error(span, message).code(code).help(help));
            }
            earlier.push((subnet.name.value, block));
        }
    }
}

/// A subnet's blocks, as far as they can be told.
pub(super) fn blocks(subnet: &schema::Subnet<'_>) -> impl Iterator<Item = Spanned<IpNet>> {
    let ipv4 = subnet.cidr_block.map(|Spanned { value, span }| Spanned {
        value: IpNet::V4(value),
        span,
    });
    let ipv6 = subnet.ipv6_cidr_block.map(IpNet::V6).known();
    ipv4.into_iter().chain(ipv6)
}

/// What is wrong with a subnet's block: the code, the message, the help.
fn fault(scope: &Scope<'_>, block: IpNet, earlier: &[(&str, IpNet)]) -> Option<(&'static str, String, String)> {
    let range = "InvalidSubnet.Range";
    if !has_usable_length(block) {
        let expected = match block {
            IpNet::V4(_) => "a subnet's block is a /16 to a /28",
            IpNet::V6(_) => "a subnet's IPv6 block is a /64, or a /44 to a /60 in steps of 4",
        };
        let message = format!("{expected}, this is a /{}", block.prefix_len());
        return Some((range, message, "choose another length".to_owned()));
    }
    if scope.blocks.around(block).is_none() && !scope.blocks.incomplete {
        let is_ipv4 = matches!(block, IpNet::V4(_));
        let around = scope.blocks.all().filter(|vpc| matches!(vpc, IpNet::V4(_)) == is_ipv4);
        let around: Vec<_> = around.map(|vpc| vpc.to_string()).collect();
        return Some(match &*around {
            [] => {
                let help = "give the VPC an Ipv6CidrBlock".to_owned();
                (
                    range,
                    format!("{block} isn't inside the VPC, which has no IPv6 block"),
                    help,
                )
            }
            [one] => {
                let message = format!("{block} isn't inside the VPC's block {one}");
                (range, message, format!("choose a block out of {one}"))
            }
            several => {
                let several = several.join(", ");
                let message = format!("{block} isn't inside one of the VPC's blocks {several}");
                (range, message, "choose a block out of one of them".to_owned())
            }
        });
    }
    let (name, other) = earlier.iter().find(|(_, other)| overlap(*other, block))?;
    let message = format!("{block} overlaps {other} of subnet {}", quote(name));
    let help = "subnets of one VPC can't share addresses: choose another block".to_owned();
    Some(("InvalidSubnet.Conflict", message, help))
}

/// Whether a block has addresses of the usual kind.
pub(super) fn has_usable_length(block: IpNet) -> bool {
    match block {
        IpNet::V4(block) => PREFIX_LENS.contains(&block.prefix_len()),
        IpNet::V6(block) => is_step_of_four(block.prefix_len(), 44..=64),
    }
}

/// Makes the subnets, each with its table and its ACL.
pub(super) fn resolve(
    scope: &Scope<'_>,
    tables: &Associations<'_>,
    acls: &Associations<'_>,
    out: &mut Output,
    problems: &mut Problems,
) {
    for subnet in scope.subnets {
        let Some(block) = subnet.cidr_block else { continue };
        let name = subnet.name.value;
        let subnet_id = subnet_id(scope, subnet);
        let (availability_zone, availability_zone_id) = zone::of(scope, subnet, problems);
        let default_for_az = subnet.default_for_az.unwrap_or(false);
        out.places.add("subnets", &subnet_id, subnet.name.span);
        out.resources.subnets.push(Subnet {
            subnet_id,
            name: label(name, Some(&subnet.details)),
            vpc_id: scope.vpc_id.clone(),
            cidr_block: block.value,
            ipv6_cidr_block: subnet.ipv6_cidr_block.known().map(|block| block.value),
            availability_zone,
            availability_zone_id,
            map_public_ip_on_launch: maps_public_ips(subnet),
            assign_ipv6_address_on_creation: subnet.assign_ipv6_address_on_creation,
            enable_dns64: subnet.enable_dns64,
            default_for_az,
            route_table_id: tables.id_of(name),
            network_acl_id: acls.id_of(name),
            details: scope.details(Some(&subnet.details)),
        });
    }
}

/// Whether instances get a public address (semantics 1.2).
pub(super) fn maps_public_ips(subnet: &schema::Subnet<'_>) -> bool {
    let default = subnet.default_for_az.unwrap_or(false);
    subnet.map_public_ip_on_launch.unwrap_or(default)
}

pub(super) fn subnet_id(scope: &Scope<'_>, subnet: &schema::Subnet<'_>) -> String {
    scope.id(kind::SUBNET, subnet.name.value, Some(&subnet.details))
}

/// The subnet of a name or an id; a problem if there is none.
pub(super) fn find<'a>(
    scope: &Scope<'a>,
    name: Spanned<&str>,
    problems: &mut Problems,
) -> Option<&'a schema::Subnet<'a>> {
    let is_named = |subnet: &&schema::Subnet<'_>| subnet.name.value == name.value;
    let has_id = |subnet: &&schema::Subnet<'_>| subnet_id(scope, subnet) == name.value;
    let found = scope.subnets.iter().find(is_named).or_else(|| {
        let is_id = is_id(kind::SUBNET.prefix, name.value);
        scope.subnets.iter().filter(|_| is_id).find(has_id)
    });
    if found.is_none() {
        let what = format!("VPC {} has no subnet", quote(scope.name));
        let names = scope.subnets.iter().map(|subnet| subnet.name.value);
        let otherwise = "add it below the VPC's subnets";
        not_found(&what, name, "InvalidSubnetID.NotFound", names, otherwise, problems);
    }
    found
}
