//! One object with what is in it.

use crate::cli::get::answer;
use crate::cli::resources::vpc_name;
use crate::cli::table::{Column, table};
use groundplane::resources::{
    Destination, Kind, NetworkAcl, NetworkAclEntry, Peer, PrefixList, Resources, Route, RouteOrigin, RouteState,
    RouteTable, RouteTarget, RuleAction, SecurityGroup, SecurityGroupRule, kind_of_id,
};
use serde_json::Value;

pub(super) fn detail(resources: &Resources, kind: &'static Kind, id: &str) -> String {
    let detail = match kind.section {
        "route_tables" => {
            let found = resources.route_tables.iter().find(|it| it.route_table_id == id);
            found.map(|table| routes(resources, table))
        }
        "network_acls" => {
            let found = resources.network_acls.iter().find(|it| it.network_acl_id == id);
            found.map(|acl| entries(resources, acl))
        }
        "security_groups" => {
            let found = resources.security_groups.iter().find(|it| it.group_id == id);
            found.map(|group| rules(resources, group))
        }
        "prefix_lists" => resources
            .prefix_lists
            .iter()
            .find(|it| it.prefix_list_id == id)
            .map(blocks),
        _ => None,
    };
    // Everything else is best described by the API's own fields.
    detail.unwrap_or_else(|| {
        let value = answer(resources, kind, Some(id)).unwrap_or(Value::Null);
        format!("{:#}", value[kind.key][0])
    })
}

fn title(resources: &Resources, what: &str, vpc_id: &str, name: &str, id: &str) -> String {
    format!("{what} {}/{name} ({id})\n\n", vpc_name(resources, vpc_id))
}

/// An object by the name people gave it.
fn named(resources: &Resources, id: &str) -> String {
    let objects = kind_of_id(id).map(|kind| resources.objects(kind)).unwrap_or_default();
    let mut objects = objects.into_iter();
    match objects.find(|object| object.id == id) {
        Some(object) if object.name != id => format!("{} ({id})", object.name),
        _ => id.to_owned(),
    }
}

fn routes(resources: &Resources, found: &RouteTable) -> String {
    let columns = ["DESTINATION", "TARGET", "STATE", "ORIGIN"].map(Column::Text);
    let rows = found.routes.iter().map(|route| row(resources, route));
    let title = title(
        resources,
        "Route table",
        &found.vpc_id,
        &found.name,
        &found.route_table_id,
    );
    title + &table(&columns, rows)
}

fn row(resources: &Resources, route: &Route) -> [String; 4] {
    let destination = match &route.destination {
        Destination::Cidr(block) => block.to_string(),
        Destination::PrefixList(id) => named(resources, id),
    };
    let state = match route.state {
        RouteState::Active => "active",
        RouteState::Blackhole => "blackhole",
        RouteState::Filtered => "filtered",
    };
    let origin = match route.origin {
        RouteOrigin::CreateRouteTable => "the table",
        RouteOrigin::CreateRoute => "static",
        _ => "propagated",
    };
    [
        destination,
        target(resources, &route.target),
        state.to_owned(),
        origin.to_owned(),
    ]
}

fn target(resources: &Resources, target: &RouteTarget) -> String {
    match target {
        RouteTarget::Local => "local".to_owned(),
        RouteTarget::NetworkInterface(id)
        | RouteTarget::Gateway(id)
        | RouteTarget::NatGateway(id)
        | RouteTarget::EgressOnlyInternetGateway(id)
        | RouteTarget::VpcPeeringConnection(id)
        | RouteTarget::TransitGateway(id)
        | RouteTarget::VpcEndpoint(id)
        | RouteTarget::LocalGateway(id)
        | RouteTarget::CarrierGateway(id)
        | RouteTarget::CoreNetwork(id) => named(resources, id),
    }
}

fn entries(resources: &Resources, acl: &NetworkAcl) -> String {
    let columns = ["DIRECTION", "RULE", "ACTION", "PROTOCOL", "PORTS", "BLOCK"].map(Column::Text);
    let mut entries: Vec<_> = acl.entries.iter().collect();
    entries.sort_by_key(|entry| (entry.egress, entry.rule_number));
    let rows = entries.into_iter().map(entry);
    let title = title(resources, "Network ACL", &acl.vpc_id, &acl.name, &acl.network_acl_id);
    title + &table(&columns, rows)
}

fn entry(entry: &NetworkAclEntry) -> [String; 6] {
    let action = match entry.rule_action {
        RuleAction::Allow => "allow",
        RuleAction::Deny => "deny",
    };
    [
        direction(entry.egress),
        entry.rule_number.to_string(),
        action.to_owned(),
        protocol(entry.protocol),
        ports(entry.port_range, entry.icmp_type_code),
        entry.cidr_block.to_string(),
    ]
}

fn rules(resources: &Resources, group: &SecurityGroup) -> String {
    let columns = ["DIRECTION", "PROTOCOL", "PORTS", "WHOSE", "DESCRIPTION", "ID"].map(Column::Text);
    let mut rules: Vec<_> = group.rules.iter().collect();
    rules.sort_by_key(|rule| rule.is_egress);
    let rows = rules.into_iter().map(|it| rule(resources, it));
    let title = title(
        resources,
        "Security group",
        &group.vpc_id,
        &group.group_name,
        &group.group_id,
    );
    title + &table(&columns, rows)
}

fn rule(resources: &Resources, rule: &SecurityGroupRule) -> [String; 6] {
    let whose = match &rule.peer {
        Peer::Cidr(block) => block.to_string(),
        Peer::PrefixList(id) | Peer::Group(id) => named(resources, id),
    };
    [
        direction(rule.is_egress),
        protocol(rule.ip_protocol),
        ports(rule.port_range, rule.icmp_type_code),
        whose,
        rule.description.clone().unwrap_or_default(),
        rule.security_group_rule_id.clone(),
    ]
}

fn blocks(list: &PrefixList) -> String {
    let rows = list.entries.iter().map(|block| {
        let description = list.descriptions.get(block).cloned();
        [block.to_string(), description.unwrap_or_default()]
    });
    let columns = ["BLOCK", "DESCRIPTION"].map(Column::Text);
    format!(
        "Prefix list {} ({}), at most {} entries\n\n{}",
        list.name,
        list.prefix_list_id,
        list.max_entries,
        table(&columns, rows)
    )
}

fn direction(egress: bool) -> String {
    if egress { "egress" } else { "ingress" }.to_owned()
}

fn protocol(number: Option<u8>) -> String {
    number.map_or_else(|| "all".to_owned(), groundplane::flows::protocol_name)
}

/// Ports, or type and code; nothing is all.
fn ports(range: Option<(u16, u16)>, icmp: Option<(Option<u8>, Option<u8>)>) -> String {
    let number = |number: Option<u8>| number.map_or_else(|| "all".to_owned(), |number| number.to_string());
    match (range, icmp) {
        (Some((0, u16::MAX)), _) | (None, None) => "all".to_owned(),
        (Some((from, to)), _) if from == to => from.to_string(),
        (Some((from, to)), _) => format!("{from} to {to}"),
        (None, Some((icmp_type, code))) => format!("type {} code {}", number(icmp_type), number(code)),
    }
}
