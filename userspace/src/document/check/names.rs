//! DHCP options and hosted zones (semantics 22; M46).

use super::context::{Context, Usual};
use crate::document::diagnostic::Problems;
use crate::resources::{DhcpConfiguration, HostedZone};
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    for vpc in &all.all.vpcs {
        if vpc.enable_dns_hostnames && !vpc.enable_dns_support {
            let message = "EnableDnsHostnames needs EnableDnsSupport";
            let field: (&str, &[&str]) = (&vpc.vpc_id, &["EnableDnsHostnames"]);
            all.refuse(
                field,
                "InvalidParameterCombination",
                message,
                "set both, or neither",
                problems,
            );
        }
    }
    for options in &all.all.dhcp_options {
        for (index, option) in options.dhcp_configurations.iter().enumerate() {
            if let Some((message, help)) = fault(option) {
                let field: &[&str] = &["DhcpConfigurations", &index.to_string()];
                all.refuse(
                    (&options.dhcp_options_id, field),
                    "InvalidParameterValue",
                    message,
                    help,
                    problems,
                );
            }
        }
    }
}

/// What is wrong with an option of DHCP (semantics 22.5).
fn fault(option: &DhcpConfiguration) -> Option<(String, &'static str)> {
    let values: Vec<_> = option.values.iter().map(|value| &*value.value).collect();
    let addresses: Vec<IpAddr> = values.iter().filter_map(|value| value.parse().ok()).collect();
    let families = [
        addresses.iter().filter(|address| address.is_ipv4()).count(),
        addresses.iter().filter(|address| address.is_ipv6()).count(),
    ];
    let all_addresses = addresses.len() == values.len();
    let fits = match &*option.key {
        "domain-name" => values.len() == 1,
        "domain-name-servers" => values == ["AmazonProvidedDNS"] || all_addresses && values.len() <= 4,
        "ntp-servers" => all_addresses && families.iter().all(|count| *count <= 4),
        "netbios-name-servers" => all_addresses && values.len() <= 4,
        "netbios-node-type" => values.len() == 1 && matches!(values.first(), Some(&("1" | "2" | "4" | "8"))),
        "ipv6-address-preferred-lease-time" => {
            let seconds = values.first().and_then(|value| value.parse::<u32>().ok());
            values.len() == 1 && seconds.is_some_and(|seconds| (140..=2_147_483_647).contains(&seconds))
        }
        key => {
            let message = format!("there is no DHCP option {}", crate::document::diagnostic::quote(key));
            let help = "the options are domain-name, domain-name-servers, ntp-servers, netbios-name-servers, netbios-node-type and ipv6-address-preferred-lease-time";
            return Some((message, help));
        }
    };
    if fits && !values.is_empty() {
        return None;
    }
    let help = "four name servers or AmazonProvidedDNS, four time servers of each family, four NetBIOS servers, a node type of 1, 2, 4 or 8";
    Some((format!("{} can't have these values", option.key), help))
}

/// A private zone hides all names of the public one that it doesn't have itself (M46).
pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    let is_private = |zone: &&HostedZone| zone.config.private_zone == Some(true) || !zone.vpcs.is_empty();
    let (private, public): (Vec<_>, Vec<_>) = all.all.hosted_zones.iter().partition(is_private);
    for zone in private {
        let Some(same) = public
            .iter()
            .find(|other| other.domain.is_some() && other.domain == zone.domain)
        else {
            continue;
        };
        let own = names(zone);
        if let Some(hidden) = names(same).into_iter().find(|name| !own.contains(name)) {
            let message = format!("in its VPCs this zone hides the public one, and has no {hidden}");
            let help = "add the record, or make a zone for a narrower domain";
            all.warn((&zone.id, &["Name"]), Usual("M46", None), message, help, problems);
        }
    }
}

/// The names of a zone's records, but for those that every zone has.
fn names(zone: &HostedZone) -> BTreeSet<&str> {
    let records = zone.resource_record_sets.iter();
    let records = records.filter(|record| !matches!(&*record.record_type, "NS" | "SOA"));
    records.map(|record| &*record.name).collect()
}
