//! AWS's quotas that can be raised, and how far (semantics 29).

use super::diagnostic::{Problem, Problems};
use super::fields::Fields;

#[derive(Clone, Copy, Debug)]
pub(super) struct Quotas {
    pub(super) cidr_blocks_per_vpc: usize,
    pub(super) ipv6_cidr_blocks_per_vpc: usize,
    pub(super) routes_per_route_table: usize,
    pub(super) rules_per_network_acl: usize,
    pub(super) rules_per_security_group: usize,
    pub(super) security_groups_per_network_interface: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            cidr_blocks_per_vpc: 5,
            ipv6_cidr_blocks_per_vpc: 5,
            routes_per_route_table: 500,
            rules_per_network_acl: 20,
            rules_per_security_group: 60,
            security_groups_per_network_interface: 5,
        }
    }
}

/// How many rules the groups of one ENI may have together, in each direction and family.
const RULES_PER_NETWORK_INTERFACE: usize = 1000;

/// The quotas of a document that says something of them.
pub(super) fn read(fields: &mut Fields<'_>, problems: &mut Problems) -> Quotas {
    let mut quotas = Quotas::default();
    let Some(mut fields) = fields.mapping("quotas", problems).known() else {
        return quotas;
    };
    let mut read = |name, most, quota: &mut usize| {
        let given = fields.number(name, 1..=most, problems).known();
        if let Some(given) = given.and_then(|given| usize::try_from(given.value).ok()) {
            *quota = given;
        }
    };
    read("cidr_blocks_per_vpc", 50, &mut quotas.cidr_blocks_per_vpc);
    read("ipv6_cidr_blocks_per_vpc", 50, &mut quotas.ipv6_cidr_blocks_per_vpc);
    read("routes_per_route_table", 1000, &mut quotas.routes_per_route_table);
    read("rules_per_network_acl", 40, &mut quotas.rules_per_network_acl);
    read("rules_per_security_group", 1000, &mut quotas.rules_per_security_group);
    read(
        "security_groups_per_network_interface",
        16,
        &mut quotas.security_groups_per_network_interface,
    );
    let span = fields.span();
    fields.finish(problems);
    let (rules, groups) = (
        quotas.rules_per_security_group,
        quotas.security_groups_per_network_interface,
    );
    if rules * groups > RULES_PER_NETWORK_INTERFACE {
        let message = format!(
            "{rules} rules in each of {groups} security groups are more than {RULES_PER_NETWORK_INTERFACE} for an instance"
        );
        let help = "lower rules_per_security_group or security_groups_per_network_interface";
        problems.report(
            Problem::error(span, message)
                .code("InvalidParameterCombination")
                .help(help),
        );
    }
    quotas
}
