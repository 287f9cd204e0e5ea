//! Instances: an ENI each, with its addresses and its groups.

use super::address::{Addresses, Home, Owner, Refusal};
use super::place::Taken;
use super::{Output, Scope, label, limit, public, security_group, subnet, target};
use crate::document::diagnostic::{Problem, Problems, Span, Spanned, quote};
use crate::document::quotas::Quota;
use crate::document::schema::{self, Instance};
use crate::resources::NetworkInterface;
use ipnet::IpNet;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Makes the ENIs of a VPC. Chosen addresses are taken first, so that an automatic one is never in their way.
pub(super) fn resolve<'a>(scope: &Scope<'a>, out: &mut Output, problems: &mut Problems) {
    let mut addresses = Addresses::default();
    for subnet in scope.subnets {
        let reserved = scope.common.reserved.of_subnet(&subnet::subnet_id(scope, subnet));
        reserved.iter().for_each(|block| addresses.reserve(*block));
    }
    let instances: Vec<_> = scope
        .instances
        .iter()
        .map(|instance| (instance, subnet_of(scope, instance, problems)))
        .collect();
    let home = |subnet: Option<&schema::Subnet<'_>>| subnet.map(Home::of).unwrap_or_default();
    for &(instance, subnet) in &instances {
        let home = home(subnet);
        choose(instance, home, &mut addresses, problems);
    }
    for &(instance, subnet) in &instances {
        let home = home(subnet);
        let place = instance.attachment;
        let place = place.map(|attachment| Taken::of(instance.name.value, attachment, problems));
        let groups = groups(scope, instance, problems);
        let ipv4 = ipv4(instance, home, &mut addresses, problems);
        let ipv6 = ipv6(instance, home, &mut addresses, problems);
        check_count(instance, ipv4.len(), ipv6.len(), problems);
        if let (false, Some(subnet)) = (ipv4.is_empty(), subnet) {
            let associations = public::associations(scope, instance, problems);
            let eni = make(scope, instance, &subnet::subnet_id(scope, subnet), out);
            let network_interface_id = eni.network_interface_id.clone();
            out.places
                .add("network_interfaces", &network_interface_id, instance.name.span);
            out.resources.network_interfaces.push(NetworkInterface {
                private_ip_addresses: ipv4,
                ipv6_addresses: ipv6,
                groups,
                associations,
                ..eni
            });
            let name = label(instance.name.value, Some(&instance.details));
            let guest = place.as_ref().map(|place| place.guest(&name, &network_interface_id));
            out.guests.extend(guest);
            let wish = public::wish(scope, (instance, subnet), &network_interface_id, problems);
            out.wishes.extend(wish);
        }
        out.taken.extend(place);
    }
}

fn subnet_of<'a>(
    scope: &Scope<'a>,
    instance: &Instance<'_>,
    problems: &mut Problems,
) -> Option<&'a schema::Subnet<'a>> {
    instance.subnet.and_then(|name| subnet::find(scope, name, problems))
}

/// Takes the addresses and prefixes that an instance's author chose.
fn choose<'a>(instance: &Instance<'a>, home: Home, addresses: &mut Addresses<'a>, problems: &mut Problems) {
    let owner = Owner::instance(instance.name.value);
    if let schema::Addresses::Chosen(chosen) = &instance.addresses {
        for &Spanned { value, span } in chosen {
            report(addresses.choose(value, home, owner), span, problems);
        }
    }
    for &Spanned { value, span } in &instance.ipv4_prefixes {
        report(addresses.delegate(value, home, owner), span, problems);
    }
    let mut first_ipv6 = instance.ipv6_prefixes.first().map(|prefix| prefix.span);
    if let schema::Ipv6Addresses::Chosen(chosen) = &instance.ipv6_addresses {
        first_ipv6 = chosen.first().map(|address| address.span).or(first_ipv6);
        for &Spanned { value, span } in chosen {
            report(addresses.choose(value, home, owner), span, problems);
        }
    }
    for &Spanned { value, span } in &instance.ipv6_prefixes {
        report(addresses.delegate(value, home, owner), span, problems);
    }
    if let Some(span) = first_ipv6 {
        home.check_ipv6(span, problems);
    }
}

fn report(refusals: Vec<Refusal>, span: Span, problems: &mut Problems) {
    for refusal in refusals {
        problems.report(refusal.at(span));
    }
}

/// The lowest address of a block that is free.
fn lowest_free<'a>(
    block: IpNet,
    instance: &Instance<'a>,
    addresses: &mut Addresses<'a>,
    problems: &mut Problems,
) -> Option<IpAddr> {
    let free = addresses.lowest_free(block, Owner::instance(instance.name.value));
    let refuse = |refusal: Refusal| problems.report(refusal.at(instance.name.span));
    free.map_err(refuse).ok()
}

fn ipv4<'a>(
    instance: &Instance<'a>,
    home: Home,
    addresses: &mut Addresses<'a>,
    problems: &mut Problems,
) -> Vec<Ipv4Addr> {
    match &instance.addresses {
        schema::Addresses::Chosen(chosen) => chosen.iter().map(|address| address.value).collect(),
        schema::Addresses::Automatic => {
            let free = home
                .ipv4
                .and_then(|block| lowest_free(block, instance, addresses, problems));
            match free {
                Some(IpAddr::V4(address)) => vec![address],
                _ => Vec::new(),
            }
        }
        schema::Addresses::Wrong => Vec::new(),
    }
}

fn ipv6<'a>(
    instance: &Instance<'a>,
    home: Home,
    addresses: &mut Addresses<'a>,
    problems: &mut Problems,
) -> Vec<Ipv6Addr> {
    let count = match &instance.ipv6_addresses {
        schema::Ipv6Addresses::Chosen(chosen) => return chosen.iter().map(|address| address.value).collect(),
        schema::Ipv6Addresses::Automatic(count) => count,
    };
    if count.value > 0 {
        home.check_ipv6(count.span, problems);
    }
    let free = |_| match lowest_free(home.ipv6?, instance, addresses, problems)? {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    };
    (0..count.value).map_while(free).collect()
}

fn check_count(instance: &Instance<'_>, ipv4: usize, ipv6: usize, problems: &mut Problems) {
    for count in [ipv4 + instance.ipv4_prefixes.len(), ipv6 + instance.ipv6_prefixes.len()] {
        limit::ADDRESSES.check(count, instance.name.span, problems);
    }
}

/// The ids of an instance's groups: the VPC's own group if it names none (semantics 1.2).
fn groups(scope: &Scope<'_>, instance: &Instance<'_>, problems: &mut Problems) -> Vec<String> {
    let without_groups = instance.interface_type.is_without_groups();
    let Some(names) = &instance.groups else {
        let own = || security_group::find_default(scope);
        return if without_groups { Vec::new() } else { vec![own()] };
    };
    if names.is_empty() && !without_groups {
        let message = format!("instance {} is in no security group", quote(instance.name.value));
        let help = "name at least one group, or leave groups out for the VPC's own, default";
        let problem = Problem::error(instance.name.span, message).code("InvalidParameterValue");
        problems.report(problem.help(help));
    }
    let mut seen = HashSet::new();
    for &Spanned { value: name, span } in names {
        if !seen.insert(name) {
            let message = format!(
                "instance {} is in group {} already",
                quote(instance.name.value),
                quote(name)
            );
            let problem = Problem::error(span, message).code("InvalidParameterValue");
            problems.report(problem.help("remove one of the two"));
        }
    }
    let names = scope
        .limit(Quota::SecurityGroupsOfAnEni)
        .apply(0, names, |name| name.span, problems);
    let found = names
        .iter()
        .filter_map(|&name| security_group::find(scope, name, problems));
    found.collect()
}

/// The ENI, but for its addresses, groups and associations, and its MAC address unless that is chosen.
fn make(scope: &Scope<'_>, instance: &Instance<'_>, subnet: &str, out: &mut Output) -> NetworkInterface {
    let network_interface_id = target::eni_id(scope, instance);
    let mac_address = instance.mac_address.map(|mac| mac.value);
    if mac_address.is_some() {
        out.own_macs.insert(network_interface_id.clone());
    }
    NetworkInterface {
        mac_address: mac_address.unwrap_or_default(),
        network_interface_id,
        name: label(instance.name.value, Some(&instance.details)),
        vpc_id: scope.vpc_id.clone(),
        subnet_id: subnet.to_owned(),
        private_ip_addresses: Vec::new(),
        ipv6_addresses: Vec::new(),
        ipv4_prefixes: instance.ipv4_prefixes.iter().map(|prefix| prefix.value).collect(),
        ipv6_prefixes: instance.ipv6_prefixes.iter().map(|prefix| prefix.value).collect(),
        groups: Vec::new(),
        source_dest_check: instance.source_dest_check,
        interface_type: instance.interface_type,
        connection_tracking: instance.connection_tracking,
        allowance: instance.allowance,
        description: instance.description.to_owned(),
        attachment: instance.part_of.clone(),
        associations: Vec::new(),
        deny_all_igw_traffic: instance.deny_all_igw_traffic,
        requester_managed: instance.requester_managed,
        requester_id: instance.requester_id.map(str::to_owned),
        details: scope.details(Some(&instance.details)),
    }
}
