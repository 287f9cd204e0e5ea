//! Tables that nobody uses, and middleboxes on one way only (semantics 5.4, 5.5, 31: M26, M29, M30, M61).

use super::address::leads_to_internet;
use super::context::{Context, Usual, warn_at};
use super::route::{blocks, is_default};
use crate::document::diagnostic::Problems;
use crate::resources::{Destination, Route, RouteOrigin, RouteTable, RouteTarget, Subnet};
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    let mut subnets: HashMap<&str, BTreeMap<IpNet, &Subnet>> = HashMap::new();
    for subnet in &all.all.subnets {
        let of_vpc = subnets.entry(&subnet.vpc_id).or_default();
        of_vpc.extend(blocks(subnet).map(|block| (block, subnet)));
    }
    for table in &all.all.route_tables {
        unused(all, table, problems);
        without_ipv6(all, table, problems);
        let targets = table.routes.targets().iter();
        let middleboxes: HashMap<_, _> = targets.filter_map(|it| Some((it, middlebox(all, it)?))).collect();
        if middleboxes.is_empty() {
            continue;
        }
        // A table may have very many routes, most of them to no subnet and by none that they come back to.
        let subnets = subnets.get(&*table.vpc_id);
        let is_edge = !table.gateway_ids.is_empty();
        let comes_back = middleboxes
            .values()
            .any(|own| own.route_table_id == table.route_table_id);
        for route in table.routes.iter() {
            let there = match &route.destination {
                Destination::Cidr(block) => subnets.and_then(|subnets| subnets.get(block)),
                Destination::PrefixList(_) => None,
            };
            if !is_edge && !comes_back && there.is_none() {
                continue;
            }
            let Some(own) = middleboxes.get(&route.target) else {
                continue;
            };
            if is_edge {
                past(all, (table, route), own, problems);
                continue;
            }
            looping(all, (table, route), own, problems);
            if let Some(there) = there {
                one_way(all, (table, route), (own, there), problems);
            }
        }
    }
}

/// The subnet of a middlebox that a route leads to.
fn middlebox<'a>(all: &Context<'a>, target: &RouteTarget) -> Option<&'a Subnet> {
    match target {
        RouteTarget::NetworkInterface(id) => all.subnet(&all.interface(id)?.subnet_id),
        RouteTarget::VpcEndpoint(id) => {
            let endpoint = all.all.vpc_endpoints.iter().find(|one| one.vpc_endpoint_id == *id)?;
            all.subnet(endpoint.subnet_ids.first()?)
        }
        _ => None,
    }
}

fn target_name(all: &Context<'_>, target: &RouteTarget) -> String {
    match target {
        RouteTarget::NetworkInterface(id) | RouteTarget::VpcEndpoint(id) => all.name(id),
        _ => String::new(),
    }
}

/// Whoever made a table with routes forgot to give it to a subnet (M26).
fn unused(all: &Context<'_>, table: &RouteTable, problems: &mut Problems) {
    let has_routes = table
        .routes
        .iter()
        .any(|route| route.origin == RouteOrigin::CreateRoute);
    if table.main || !has_routes || !table.gateway_ids.is_empty() || all.users_of(table).next().is_some() {
        return;
    }
    let follows = |subnet: &&Subnet| all.table_of(subnet).is_some_and(|table| table.main);
    let who = match all.subnets_of(&table.vpc_id).find(follows) {
        Some(subnet) => format!(", and subnet {} follows the main one", all.name(&subnet.subnet_id)),
        None => String::new(),
    };
    let message = format!("no subnet uses route table {}{who}", all.name(&table.route_table_id));
    let help = "name the subnets that are to use it, or remove it";
    all.warn(
        (&table.route_table_id, &[]),
        Usual("M26", None),
        message,
        help,
        problems,
    );
}

/// IPv4 leads to the internet, and IPv6, which guests have, leads nowhere (M61).
fn without_ipv6(all: &Context<'_>, table: &RouteTable, problems: &mut Problems) {
    let is_ipv6 =
        |route: &&Route| matches!(&route.destination, Destination::Cidr(IpNet::V6(block)) if block.prefix_len() == 0);
    let default = table.routes.iter().find(|route| is_default(route));
    let Some(default) =
        default.filter(|_| leads_to_internet(table) && !table.routes.iter().any(|route| is_ipv6(&route)))
    else {
        return;
    };
    let mut guests = all.users_of(table).flat_map(|subnet| all.guests_of(&subnet.subnet_id));
    if let Some(guest) = guests.find(|eni| !eni.ipv6_addresses.is_empty()) {
        let message = format!(
            "IPv4 leads to the internet, and IPv6, which {} has, leads nowhere",
            all.name(&guest.network_interface_id)
        );
        let help = "add a route of \"::/0\" to the internet gateway or to an egress-only one";
        let what = Usual("M61", Some("NO_ROUTE_TO_DESTINATION"));
        warn_at(all.route_place(table, default), what, message, help, problems);
    }
}

/// What a middlebox passes on follows the same table back to it (M29 for an instance, M64 for an endpoint).
fn looping(all: &Context<'_>, (table, route): (&RouteTable, &Route), own: &Subnet, problems: &mut Problems) {
    let is_interface = matches!(route.target, RouteTarget::NetworkInterface(_));
    let is_own = |block: &IpNet| blocks(own).any(|other| other == *block);
    let inside = matches!(&route.destination, Destination::Cidr(block) if is_own(block));
    if is_interface && own.route_table_id == table.route_table_id && !inside {
        let (middlebox, subnet) = (target_name(all, &route.target), all.name(&own.subnet_id));
        let message = format!("what {middlebox} passes on comes back to it: its own subnet {subnet} uses this table");
        let help = "put it into a subnet of its own, with another table";
        warn_at(
            all.route_place(table, route),
            Usual("M29", None),
            message,
            help,
            problems,
        );
    }
}

/// One direction leads through it and the other one past it (M30).
fn one_way(
    all: &Context<'_>,
    (table, route): (&RouteTable, &Route),
    (own, there): (&Subnet, &Subnet),
    problems: &mut Problems,
) {
    let Destination::Cidr(block) = &route.destination else {
        return;
    };
    let Some(back) = all.table_of(there).filter(|_| there.subnet_id != own.subnet_id) else {
        return;
    };
    let mut users = all.users_of(table);
    let past = users.find(|user| {
        let is_other = user.subnet_id != there.subnet_id && user.subnet_id != own.subnet_id;
        let same_family = |other: &IpNet| matches!(other, IpNet::V4(_)) == matches!(block, IpNet::V4(_));
        let mut blocks = blocks(user).filter(same_family);
        is_other && blocks.any(|block| !leads(all, back, block, &route.target))
    });
    if let Some(user) = past {
        let (here, there) = (all.name(&user.subnet_id), all.name(&there.subnet_id));
        let middlebox = target_name(all, &route.target);
        let message = format!("from subnet {here} to {there} leads through {middlebox}, and the way back past it");
        let help = format!("lead {} to it in the table of subnet {there}, too", user.cidr_block);
        warn_at(
            all.route_place(table, route),
            Usual("M30", None),
            message,
            &help,
            problems,
        );
    }
}

/// Whether a table leads a subnet's block to a target.
fn leads(all: &Context<'_>, table: &RouteTable, block: IpNet, target: &RouteTarget) -> bool {
    let covers = |route: &&Route| match &route.destination {
        Destination::Cidr(other) => other.contains(&block),
        Destination::PrefixList(id) => {
            let list = all.all.prefix_lists.iter().find(|list| list.prefix_list_id == *id);
            list.is_some_and(|list| list.entries.iter().any(|entry| entry.contains(&block)))
        }
    };
    let len = |route: &&Route| match &route.destination {
        Destination::Cidr(other) => other.prefix_len(),
        Destination::PrefixList(_) => block.prefix_len(),
    };
    let chosen = table.routes.iter().filter(covers).max_by_key(len);
    chosen.is_some_and(|route| route.target == *target)
}

/// What comes from the internet is led through it, and what answers isn't (M30).
fn past(all: &Context<'_>, (table, route): (&RouteTable, &Route), own: &Subnet, problems: &mut Problems) {
    let Destination::Cidr(block) = &route.destination else {
        return;
    };
    let is_led =
        |subnet: &Subnet| subnet.subnet_id != own.subnet_id && blocks(subnet).any(|other| block.contains(&other));
    for subnet in all.subnets_of(&table.vpc_id).filter(|subnet| is_led(subnet)) {
        if all.table_of(subnet).is_some_and(leads_to_internet) {
            let middlebox = target_name(all, &route.target);
            let message = format!(
                "what comes for subnet {} is led through {middlebox}, and its own table leads past it",
                all.name(&subnet.subnet_id)
            );
            let help = "lead 0.0.0.0/0 to it in the subnet's table";
            let what = Usual("M30", Some("INGRESS_RTB_TRAFFIC_REDIRECTION"));
            return warn_at(all.route_place(table, route), what, message, help, problems);
        }
    }
}
