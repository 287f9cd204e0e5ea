//! `describe-route-tables`.

use super::{Context, Fields, add_details, block_field, fields, joint};
use crate::resources::{Destination, Route, RouteOrigin, RouteState, RouteTable, RouteTarget};
use serde_json::{Value, json};

pub(super) fn route_table(context: &Context<'_>, table: &RouteTable) -> Fields {
    let id = &*table.route_table_id;
    let propagating = table
        .propagating_vgws
        .iter()
        .map(|gateway| json!({"GatewayId": gateway}));
    let mut said = fields(json!({
        "RouteTableId": id,
        "VpcId": table.vpc_id,
        "Associations": associations(context, table),
        "PropagatingVgws": propagating.collect::<Vec<_>>(),
        "Routes": table.routes.iter().map(route).collect::<Vec<_>>(),
    }));
    add_details(&mut said, &table.details, Some((&table.name, id)));
    said
}

fn associations(context: &Context<'_>, table: &RouteTable) -> Vec<Value> {
    let id = &*table.route_table_id;
    let association = |with: Option<(&str, &str)>| {
        let mut said = fields(json!({
            "Main": with.is_none(),
            "RouteTableAssociationId": joint("rtbassoc", &[id, with.map_or("main", |(_, id)| id)]),
            "RouteTableId": id,
            "AssociationState": {"State": "associated"},
        }));
        said.extend(with.map(|(field, id)| (field.to_owned(), id.into())));
        Value::Object(said)
    };
    let main = table.main.then_some(None);
    let subnets = context.users(id).iter().map(|subnet| Some(("SubnetId", *subnet)));
    let gateways = table.gateway_ids.iter().map(|gateway| Some(("GatewayId", &**gateway)));
    main.into_iter()
        .chain(subnets)
        .chain(gateways)
        .map(association)
        .collect()
}

fn route(route: &Route) -> Value {
    let (field, target) = match &route.target {
        RouteTarget::Local => ("GatewayId", "local"),
        RouteTarget::NetworkInterface(id) => ("NetworkInterfaceId", &**id),
        RouteTarget::Gateway(id) => ("GatewayId", &**id),
        RouteTarget::NatGateway(id) => ("NatGatewayId", &**id),
        RouteTarget::EgressOnlyInternetGateway(id) => ("EgressOnlyInternetGatewayId", &**id),
        RouteTarget::VpcPeeringConnection(id) => ("VpcPeeringConnectionId", &**id),
        RouteTarget::TransitGateway(id) => ("TransitGatewayId", &**id),
        RouteTarget::VpcEndpoint(id) => ("VpcEndpointId", &**id),
        RouteTarget::LocalGateway(id) => ("LocalGatewayId", &**id),
        RouteTarget::CarrierGateway(id) => ("CarrierGatewayId", &**id),
        RouteTarget::CoreNetwork(arn) => ("CoreNetworkArn", &**arn),
    };
    let destination = match &route.destination {
        Destination::Cidr(block) => block_field(*block, "DestinationCidrBlock", "DestinationIpv6CidrBlock"),
        Destination::PrefixList(id) => ("DestinationPrefixListId".to_owned(), id.clone().into()),
    };
    let mut said = fields(json!({field: target, "Origin": origin(route.origin), "State": state(route.state)}));
    said.extend([destination]);
    Value::Object(said)
}

const fn origin(origin: RouteOrigin) -> &'static str {
    match origin {
        RouteOrigin::CreateRouteTable => "CreateRouteTable",
        RouteOrigin::CreateRoute => "CreateRoute",
        RouteOrigin::EnableVgwRoutePropagation => "EnableVgwRoutePropagation",
        RouteOrigin::Advertisement => "Advertisement",
    }
}

const fn state(state: RouteState) -> &'static str {
    match state {
        RouteState::Active => "active",
        RouteState::Blackhole => "blackhole",
        RouteState::Filtered => "filtered",
    }
}
