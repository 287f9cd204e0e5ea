//! Route tables (semantics 5).

use super::answer::{Object, list_in};
use super::build::{Builder, field, get, list, mapping, scalar, text, text_of, word};
use super::vpc::is_associated;
use crate::document::tree::{Entry, Node, Value};

/// The table that every VPC comes with has a name of its own in the document.
const MAIN: &str = "main";

/// The network interfaces tell which one an instance's is.
pub(super) fn entry(table: &Object, enis: &[Object]) -> Entry {
    let associations = list_in(table, "Associations");
    let associated = || associations.iter().filter(|it| is_associated(it, "AssociationState"));
    let is_main = associated().any(|it| text_of(it, "Main") == Some("true"));
    let named = |field: &str| {
        let named: Vec<_> = associated().filter_map(|it| get(it, field).cloned()).collect();
        (!named.is_empty()).then(|| list(named, table.span))
    };
    let mut builder = Builder::new(table);
    builder.put("main", Some(word(is_main.to_string(), table.span)));
    builder
        .put("subnets", named("SubnetId"))
        .put("gateways", named("GatewayId"));
    builder.each("PropagatingVgws", "propagating_vpn_gateways", |it| {
        get(it, "GatewayId").cloned()
    });
    let routes = table.get("Routes").map(|routes| match &routes.value {
        Value::List(items) => {
            let made = items.iter().filter(|it| !is_local(it)).map(|it| route(it, enis));
            list(made.collect(), routes.span)
        }
        _ => routes.clone(),
    });
    builder.put("routes", routes);
    builder.entry(if is_main { MAIN } else { &table.id })
}

/// Every table has local routes; who leads one elsewhere writes a route to the same block.
fn is_local(route: &Node) -> bool {
    text_of(route, "GatewayId") == Some("local")
}

const TARGETS: [(&str, &str); 8] = [
    ("NetworkInterfaceId", "instance"),
    ("NatGatewayId", "nat_gateway"),
    ("EgressOnlyInternetGatewayId", "egress_only_internet_gateway"),
    ("VpcPeeringConnectionId", "vpc_peering_connection"),
    ("TransitGatewayId", "transit_gateway"),
    ("VpcEndpointId", "vpc_endpoint"),
    ("LocalGatewayId", "local_gateway"),
    ("CarrierGatewayId", "carrier_gateway"),
];

fn route(route: &Node, enis: &[Object]) -> Node {
    if !matches!(route.value, Value::Mapping(_)) {
        return route.clone();
    }
    let mut entries = Vec::new();
    let mut put = |own: &str, value: Option<&Node>| entries.extend(value.map(|value| field(own, value.clone())));
    for key in ["DestinationCidrBlock", "DestinationIpv6CidrBlock", "State", "Origin"] {
        put(key, get(route, key));
    }
    put("prefix_list", get(route, "DestinationPrefixListId"));
    for (key, own) in TARGETS {
        put(own, get(route, key));
    }
    put("core_network", get(route, "CoreNetworkArn"));
    let gateway = get(route, "GatewayId");
    let own = match gateway.and_then(scalar).map(|id| id.split('-').next()) {
        Some(Some("vgw")) => "vpn_gateway",
        Some(Some("vpce")) => "gateway_endpoint",
        _ => "internet_gateway",
    };
    put(own, gateway);
    if get(route, "NetworkInterfaceId").is_none() {
        put(
            "instance",
            get(route, "InstanceId").map(|id| primary_eni(id, enis)).as_ref(),
        );
    }
    mapping(entries, route.span)
}

/// The network interface that an instance's id stands for, or the id if there is none.
fn primary_eni(instance: &Node, enis: &[Object]) -> Node {
    let is_primary = |eni: &&Object| {
        let attachment = eni.get("Attachment");
        attachment.is_some_and(|it| {
            text_of(it, "InstanceId") == scalar(instance) && matches!(text_of(it, "DeviceIndex"), None | Some("0"))
        })
    };
    let found = enis.iter().find(is_primary);
    found.map_or_else(|| instance.clone(), |eni| text(eni.id.clone(), instance.span))
}
