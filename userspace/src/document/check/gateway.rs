//! Gateways on a VPC's edge, and the tables that route what arrives there (semantics 5.5, 9.1, 19.1).

use super::context::{Context, attached, refuse_at};
use super::route::blocks;
use crate::document::diagnostic::Problems;
use crate::resources::{Destination, GatewayAttachment, Route, RouteOrigin, RouteTable, RouteTarget};
use std::collections::HashMap;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    let internet = all.all.internet_gateways.iter();
    let internet = internet.map(|gateway| (&*gateway.internet_gateway_id, &*gateway.attachments));
    one_each(all, internet, "an internet gateway", "InvalidParameterValue", problems);
    let egress_only = all.all.egress_only_internet_gateways.iter();
    let egress_only = egress_only.map(|gateway| (&*gateway.egress_only_internet_gateway_id, &*gateway.attachments));
    one_each(
        all,
        egress_only,
        "an egress-only internet gateway",
        "InvalidParameterValue",
        problems,
    );
    let vpn = all.all.vpn_gateways.iter();
    let vpn = vpn.map(|gateway| (&*gateway.vpn_gateway_id, &*gateway.attachments));
    one_each(all, vpn, "a virtual private gateway", "InvalidVpcState", problems);
    edge_tables(all, problems);
    for table in &all.all.route_tables {
        for gateway in &table.propagating_vgws {
            propagated(all, table, gateway, problems);
        }
    }
}

/// A gateway is on one VPC, and a VPC has one gateway of a kind.
fn one_each<'a>(
    all: &Context<'_>,
    gateways: impl Iterator<Item = (&'a str, &'a [GatewayAttachment])>,
    what: &str,
    second: &'static str,
    problems: &mut Problems,
) {
    let mut taken: HashMap<&str, &str> = HashMap::new();
    for (id, attachments) in gateways {
        let mut vpcs = attached(attachments);
        let Some(vpc) = vpcs.next() else { continue };
        if let Some(other) = vpcs.next() {
            let message = format!("{} is attached to VPC {} already", all.name(id), all.name(vpc));
            let help = format!("{what} is on one VPC: make another one for VPC {}", all.name(other));
            all.refuse(
                (id, &["Attachments", "1"]),
                "Resource.AlreadyAssociated",
                message,
                &help,
                problems,
            );
        }
        if let Some(other) = taken.insert(vpc, id) {
            let message = format!("VPC {} has {what} already: {}", all.name(vpc), all.name(other));
            let help = "a VPC has one: detach one of the two";
            all.refuse((id, &["Attachments", "0", "VpcId"]), second, message, help, problems);
        }
    }
}

/// The VPC that an internet or virtual private gateway is on. `None` if there is no such gateway.
pub(super) fn vpc_of<'a>(all: &Context<'a>, gateway: &str) -> Option<Option<&'a str>> {
    let internet = all
        .all
        .internet_gateways
        .iter()
        .find(|one| one.internet_gateway_id == gateway);
    let vpn = || all.all.vpn_gateways.iter().find(|one| one.vpn_gateway_id == gateway);
    let attachments = internet
        .map(|one| &one.attachments)
        .or_else(|| vpn().map(|one| &one.attachments))?;
    Some(attached(attachments).next())
}

fn propagated(all: &Context<'_>, table: &RouteTable, gateway: &str, problems: &mut Problems) {
    if let Some(vpc) = vpc_of(all, gateway)
        && vpc != Some(&table.vpc_id)
    {
        let message = format!(
            "{} isn't attached to VPC {}",
            all.name(gateway),
            all.name(&table.vpc_id)
        );
        let help = "attach it, or don't take its prefixes over";
        let field: (&str, &[&str]) = (&table.route_table_id, &["propagating_vpn_gateways"]);
        all.refuse(field, "Gateway.NotAttached", message, help, problems);
    }
}

/// Tables that route what arrives at a gateway.
fn edge_tables(all: &Context<'_>, problems: &mut Problems) {
    let mut taken: HashMap<&str, &RouteTable> = HashMap::new();
    for table in all
        .all
        .route_tables
        .iter()
        .filter(|table| !table.gateway_ids.is_empty())
    {
        let mut refuse = |code, message: String, help: &str| {
            let field: (&str, &[&str]) = (&table.route_table_id, &["gateways"]);
            all.refuse(field, code, message, help, problems);
        };
        for gateway in &table.gateway_ids {
            let name = all.name(gateway);
            if vpc_of(all, gateway).is_some_and(|vpc| vpc != Some(&table.vpc_id)) {
                let message = format!("{name} isn't attached to VPC {}", all.name(&table.vpc_id));
                refuse("Gateway.NotAttached", message, "attach it to the table's VPC");
            }
            if let Some(other) = taken.insert(gateway, table) {
                let message = format!("{name} is in route table {} already", all.name(&other.route_table_id));
                let help = "a gateway has one table: remove it from one of the two";
                refuse("Resource.AlreadyAssociated", message, help);
            }
        }
        if table.main {
            let message = "the main route table can't route what arrives at a gateway".to_owned();
            refuse("InvalidParameterValue", message, "make a table for the gateway");
        }
        if !table.propagating_vgws.is_empty() {
            let message = "a gateway's table can't take a virtual private gateway's prefixes over".to_owned();
            refuse("InvalidParameterValue", message, "remove propagating_vpn_gateways");
        }
        let is_own = |route: &&Route| route.origin == RouteOrigin::CreateRoute || route.target != RouteTarget::Local;
        for route in table.routes.iter().filter(is_own) {
            edge_route(all, table, route, problems);
        }
    }
}

/// A route of such a table leads from a whole block of the VPC, or of a subnet, into a middlebox.
fn edge_route(all: &Context<'_>, table: &RouteTable, route: &Route, problems: &mut Problems) {
    let place = all.route_place(table, route);
    let whole = match &route.destination {
        Destination::PrefixList(_) => false,
        Destination::Cidr(block) => {
            let vpc = all.vpc(&table.vpc_id);
            let of_vpc = vpc.is_some_and(|vpc| vpc.blocks().any(|other| other == *block));
            of_vpc
                || all
                    .subnets_of(&table.vpc_id)
                    .any(|subnet| blocks(subnet).any(|other| other == *block))
        }
    };
    let (message, help) = if !whole {
        let message = "a route of a gateway's table leads to a whole block of the VPC or of one of its subnets";
        (message, "write such a block")
    } else if !matches!(
        route.target,
        RouteTarget::Local | RouteTarget::NetworkInterface(_) | RouteTarget::VpcEndpoint(_)
    ) {
        let message = "a gateway's table leads to a network interface or a Gateway Load Balancer endpoint, or is local";
        (message, "choose another target")
    } else {
        return;
    };
    refuse_at(place, "InvalidParameterValue", message, help, problems);
}
