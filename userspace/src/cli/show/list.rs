//! All objects of a kind in a table.

use crate::cli::resources::vpc_name;
use crate::cli::table::{Column, table};
use groundplane::resources::{Kind, NetworkInterface, Resources, Vpc};
use serde_json::{Map, Value};

pub(super) fn list(resources: &Resources, kind: &'static Kind) -> String {
    let (columns, rows) = match kind.section {
        "vpcs" => vpcs(resources),
        "subnets" => subnets(resources),
        "route_tables" => route_tables(resources),
        "network_acls" => network_acls(resources),
        "security_groups" => security_groups(resources),
        "prefix_lists" => prefix_lists(resources),
        "network_interfaces" => network_interfaces(resources),
        "vpc_links" => vpc_links(resources),
        "rest_vpc_links" => rest_vpc_links(resources),
        _ => others(resources, kind),
    };
    match rows.is_empty() {
        true => format!("No {}.", kind.name),
        false => table(&columns, rows),
    }
}

type Table = (Vec<Column<'static>>, Vec<Vec<String>>);

fn columns(headers: &'static str) -> Vec<Column<'static>> {
    headers.split(", ").map(Column::Text).collect()
}

fn joined(values: impl IntoIterator<Item = impl ToString>) -> String {
    let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
    values.join(" ")
}

fn vpcs(resources: &Resources) -> Table {
    let row = |vpc: &Vpc| vec![vpc.name.clone(), joined(vpc.blocks()), vpc.vpc_id.clone()];
    (columns("NAME, BLOCKS, ID"), resources.vpcs.iter().map(row).collect())
}

fn subnets(resources: &Resources) -> Table {
    let rows = resources.subnets.iter().map(|subnet| {
        let tables = resources.route_tables.iter();
        let mut used = tables.filter(|table| table.route_table_id == subnet.route_table_id);
        let acls = resources.network_acls.iter();
        let mut acl = acls.filter(|acl| acl.network_acl_id == subnet.network_acl_id);
        vec![
            vpc_name(resources, &subnet.vpc_id).to_owned(),
            subnet.name.clone(),
            subnet.cidr_block.to_string(),
            joined(subnet.ipv6_cidr_block),
            subnet.availability_zone.clone(),
            used.next().map(|table| table.name.clone()).unwrap_or_default(),
            acl.next().map(|acl| acl.name.clone()).unwrap_or_default(),
            subnet.subnet_id.clone(),
        ]
    });
    (
        columns("VPC, NAME, BLOCK, IPV6 BLOCK, ZONE, ROUTE TABLE, NETWORK ACL, ID"),
        rows.collect(),
    )
}

fn route_tables(resources: &Resources) -> Table {
    let rows = resources.route_tables.iter().map(|table| {
        let subnets = resources.subnets.iter();
        let used = subnets.filter(|subnet| subnet.route_table_id == table.route_table_id);
        vec![
            vpc_name(resources, &table.vpc_id).to_owned(),
            table.name.clone(),
            if table.main { "yes" } else { "no" }.to_owned(),
            table.routes.len().to_string(),
            joined(used.map(|subnet| &subnet.name)),
            table.route_table_id.clone(),
        ]
    });
    (columns("VPC, NAME, MAIN, ROUTES, SUBNETS, ID"), rows.collect())
}

fn network_acls(resources: &Resources) -> Table {
    let rows = resources.network_acls.iter().map(|acl| {
        let subnets = resources.subnets.iter();
        let used = subnets.filter(|subnet| subnet.network_acl_id == acl.network_acl_id);
        vec![
            vpc_name(resources, &acl.vpc_id).to_owned(),
            acl.name.clone(),
            if acl.is_default { "yes" } else { "no" }.to_owned(),
            acl.entries.len().to_string(),
            joined(used.map(|subnet| &subnet.name)),
            acl.network_acl_id.clone(),
        ]
    });
    (columns("VPC, NAME, DEFAULT, ENTRIES, SUBNETS, ID"), rows.collect())
}

fn security_groups(resources: &Resources) -> Table {
    let rows = resources.security_groups.iter().map(|group| {
        let egress = group.rules.iter().filter(|rule| rule.is_egress).count();
        let enis = resources.network_interfaces.iter();
        let members = enis.filter(|eni| eni.groups.contains(&group.group_id)).count();
        vec![
            vpc_name(resources, &group.vpc_id).to_owned(),
            group.group_name.clone(),
            (group.rules.len() - egress).to_string(),
            egress.to_string(),
            members.to_string(),
            group.group_id.clone(),
        ]
    });
    (columns("VPC, NAME, INGRESS, EGRESS, MEMBERS, ID"), rows.collect())
}

fn prefix_lists(resources: &Resources) -> Table {
    let rows = resources.prefix_lists.iter().map(|list| {
        vec![
            list.name.clone(),
            list.entries.len().to_string(),
            list.max_entries.to_string(),
            list.prefix_list_id.clone(),
        ]
    });
    (columns("NAME, ENTRIES, AT MOST, ID"), rows.collect())
}

fn network_interfaces(resources: &Resources) -> Table {
    let row = |eni: &NetworkInterface| {
        let mut subnets = resources.subnets.iter();
        let subnet = subnets.find(|subnet| subnet.subnet_id == eni.subnet_id);
        let groups = resources.security_groups.iter();
        let groups = groups.filter(|group| eni.groups.contains(&group.group_id));
        let addresses = eni.private_ip_addresses.iter().map(ToString::to_string);
        vec![
            vpc_name(resources, &eni.vpc_id).to_owned(),
            eni.name.clone(),
            subnet.map(|subnet| subnet.name.clone()).unwrap_or_default(),
            joined(addresses.chain(eni.ipv6_addresses.iter().map(ToString::to_string))),
            joined(groups.map(|group| &group.group_name)),
            eni.mac_address.to_string(),
            eni.network_interface_id.clone(),
        ]
    };
    let rows = resources.network_interfaces.iter().map(row).collect();
    (columns("VPC, NAME, SUBNET, ADDRESSES, GROUPS, MAC, ID"), rows)
}

fn vpc_links(resources: &Resources) -> Table {
    let rows = resources.vpc_links.iter().map(|link| {
        let own: Vec<_> = resources.interfaces_of_link(link).collect();
        let vpc = own.first().map(|eni| vpc_name(resources, &eni.vpc_id));
        let groups = resources.security_groups.iter();
        let groups = groups.filter(|group| link.security_group_ids.contains(&group.group_id));
        vec![
            vpc.unwrap_or_default().to_owned(),
            link.name.clone(),
            link.vpc_link_status.clone().unwrap_or_default(),
            joined(own.iter().flat_map(|eni| &eni.private_ip_addresses)),
            joined(groups.map(|group| &group.group_name)),
            link.vpc_link_id.clone(),
        ]
    });
    (columns("VPC, NAME, STATUS, ADDRESSES, GROUPS, ID"), rows.collect())
}

fn rest_vpc_links(resources: &Resources) -> Table {
    let rows = resources.rest_vpc_links.iter().map(|link| {
        let balancer = resources.balancer_of_link(link);
        let nodes = balancer.into_iter().flat_map(|balancer| resources.nodes(balancer));
        vec![
            link.name.clone(),
            link.status.clone().unwrap_or_default(),
            balancer.map(|balancer| balancer.name.clone()).unwrap_or_default(),
            joined(nodes.flat_map(|node| &node.private_ip_addresses)),
            link.id.clone(),
        ]
    });
    (columns("NAME, STATUS, LOAD BALANCER, SEEN AS, ID"), rows.collect())
}

/// Kinds that the API's own fields describe.
fn others(resources: &Resources, kind: &'static Kind) -> Table {
    let rows = resources.write(kind).into_iter().map(|(object, fields)| {
        let vpc = fields.get("VpcId").and_then(Value::as_str).unwrap_or_default();
        vec![
            object.name.to_owned(),
            vpc_name(resources, vpc).to_owned(),
            state(&fields),
            object.id.to_owned(),
        ]
    });
    (columns("NAME, VPC, STATE, ID"), rows.collect())
}

/// A state by one of the ways the API writes it.
fn state(fields: &Map<String, Value>) -> String {
    let state = fields.get("State").or_else(|| fields.get("Status"));
    let code = state.and_then(|state| state.get("Code").or_else(|| state.get("Name")));
    let word = code.or(state).and_then(Value::as_str);
    word.unwrap_or_default().to_owned()
}
