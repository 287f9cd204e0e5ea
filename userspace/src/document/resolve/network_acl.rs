//! Network ACLs (semantics 8): the one every VPC comes with, and those of the document.

use super::subnet::Associations;
use super::{Output, Scope, associate, label, selector};
use crate::document::diagnostic::{Problem, Problems};
use crate::document::family::{ByFamily, Family};
use crate::document::quotas::Quota;
use crate::document::schema::{self, kind};
use crate::resources::{NetworkAcl, NetworkAclEntry, RuleAction};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{HashMap, HashSet};

/// The ACL that a VPC comes with.
const DEFAULT: &str = "default";

/// Makes a VPC's ACLs. Returns which subnets use which.
pub(super) fn resolve<'a>(
    scope: &Scope<'a>,
    given: &'a [schema::NetworkAcl<'a>],
    out: &mut Output,
    problems: &mut Problems,
) -> Associations<'a> {
    let given = scope
        .limit(Quota::NetworkAcls)
        .apply(0, given, |acl| acl.name.span, problems);
    if given.iter().all(|acl| acl.name.value != DEFAULT) {
        out.resources.network_acls.push(acl(scope, DEFAULT, None, problems));
    }
    let mut explicit = HashMap::new();
    let mut ids = HashMap::from([(DEFAULT, acl_id(scope, DEFAULT, None))]);
    for given in given {
        let name = given.name.value;
        for &subnet in &given.subnets {
            associate(scope, subnet, ("network ACL", name), &mut explicit, problems);
        }
        let acl = acl(scope, name, Some(given), problems);
        ids.insert(name, acl.network_acl_id.clone());
        out.places.add("network_acls", &acl.network_acl_id, given.name.span);
        out.resources.network_acls.push(acl);
    }
    Associations {
        ids,
        explicit,
        default: DEFAULT,
    }
}

/// An ACL with its entries, or with those AWS gives it where nothing is said of them (semantics 1.2).
fn acl(scope: &Scope<'_>, name: &str, given: Option<&schema::NetworkAcl<'_>>, problems: &mut Problems) -> NetworkAcl {
    let is_default = name == DEFAULT;
    let mut all = Vec::new();
    let directions = [
        (false, given.and_then(|acl| acl.ingress.as_ref())),
        (true, given.and_then(|acl| acl.egress.as_ref())),
    ];
    for (egress, given_entries) in directions {
        let entries = match given_entries {
            Some(given) => entries(given, egress, problems),
            None if is_default => default_entries(scope, egress),
            None => Vec::new(),
        };
        let mut count = ByFamily::default();
        entries
            .iter()
            .for_each(|entry| count.add(ByFamily::of(Family::of(entry.cidr_block), 1)));
        if let Some(given) = given {
            scope
                .limit(Quota::NetworkAclEntries)
                .check(count.most(), given.name.span, problems);
        }
        all.extend(entries);
    }
    NetworkAcl {
        network_acl_id: acl_id(scope, name, given),
        name: label(name, given.map(|acl| &acl.details)),
        vpc_id: scope.vpc_id.clone(),
        is_default,
        entries: all,
        details: scope.details(given.map(|acl| &acl.details)),
    }
}

fn acl_id(scope: &Scope<'_>, name: &str, given: Option<&schema::NetworkAcl<'_>>) -> String {
    scope.id(kind::NETWORK_ACL, name, given.map(|acl| &acl.details))
}

/// Rule 100 allows all IPv4, and rule 101 all IPv6 if the VPC has it (semantics 8.1).
fn default_entries(scope: &Scope<'_>, egress: bool) -> Vec<NetworkAclEntry> {
    let allow = |rule_number, cidr_block| NetworkAclEntry {
        rule_number,
        egress,
        protocol: None,
        rule_action: RuleAction::Allow,
        cidr_block,
        port_range: None,
        icmp_type_code: None,
    };
    let ipv4 = allow(100, IpNet::V4(Ipv4Net::default()));
    let ipv6 = (!scope.blocks.ipv6.is_empty()).then(|| allow(101, IpNet::V6(Ipv6Net::default())));
    std::iter::once(ipv4).chain(ipv6).collect()
}

fn entries(given: &[schema::NetworkAclEntry], egress: bool, problems: &mut Problems) -> Vec<NetworkAclEntry> {
    let mut numbers = HashSet::new();
    let made = given.iter().filter_map(|given| {
        let number = given.rule_number;
        if let Some(number) = number.filter(|number| !numbers.insert(number.value)) {
            let direction = if egress { "egress" } else { "ingress" };
            let message = format!("there is an {direction} entry {} already", number.value);
            let problem = Problem::error(number.span, message).code("NetworkAclEntryAlreadyExists");
            problems.report(problem.help("number each entry of a direction differently"));
        }
        let selector = selector::read_entry(given, problems)?;
        let cidr_block = given.cidr_block?.value;
        selector.warn_of_other_family(ByFamily::of(Family::of(cidr_block), 1), given.span, problems);
        Some(NetworkAclEntry {
            rule_number: u16::try_from(number?.value).ok()?,
            egress,
            protocol: selector.protocol.0,
            rule_action: given.rule_action?,
            cidr_block,
            port_range: selector.port_range,
            icmp_type_code: selector.icmp_type_code,
        })
    });
    made.collect()
}
