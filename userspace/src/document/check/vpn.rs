//! Site-to-site VPN (semantics 19; M57).

use super::context::{Context, Usual, attached, is_there};
use crate::document::diagnostic::Problems;
use crate::document::quotas::Quota;
use crate::resources::{RouteTarget, TunnelOption, VpnConnection};
use ipnet::{IpNet, Ipv4Net};
use std::collections::HashMap;
use std::net::Ipv4Addr;

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    customer_gateways(all, problems);
    let (mut pairs, mut inside) = (HashMap::new(), HashMap::new());
    for connection in there(all) {
        ends(all, connection, &mut pairs, problems);
        let id = &*connection.vpn_connection_id;
        for (index, tunnel) in connection.options.tunnel_options.iter().enumerate() {
            let index = index.to_string();
            inside_block(all, connection, &index, tunnel, &mut inside, problems);
            tunnel_options(all, id, &index, tunnel, problems);
        }
        if connection.options.static_routes_only != Some(true) && !connection.routes.is_empty() {
            let message = "a connection with BGP learns its routes, and has no static ones";
            let help = "write StaticRoutesOnly: true in Options, or remove Routes";
            all.refuse(
                (id, &["Routes"]),
                "InvalidVpnConnection.InvalidType",
                message,
                help,
                problems,
            );
        }
        all.limit(
            Quota::VpnStaticRoutes,
            connection.routes.len(),
            (id, &["Routes"]),
            problems,
        );
    }
    quotas(all, problems);
}

fn quotas(all: &Context<'_>, problems: &mut Problems) {
    all.count(
        Quota::VpnConnections,
        there(all).map(|one| ((), &*one.vpn_connection_id)),
        problems,
    );
    let of_gateways = there(all).filter_map(|one| Some((one.vpn_gateway_id.as_deref()?, &*one.vpn_connection_id)));
    all.count(Quota::VpnConnectionsOfGateway, of_gateways, problems);
    let gateways = all.all.vpn_gateways.iter().filter(|one| is_there(one.state.as_deref()));
    all.count(
        Quota::VpnGateways,
        gateways.map(|one| ((), &*one.vpn_gateway_id)),
        problems,
    );
    let customers = all
        .all
        .customer_gateways
        .iter()
        .filter(|one| is_there(one.state.as_deref()));
    all.count(
        Quota::CustomerGateways,
        customers.map(|one| ((), &*one.customer_gateway_id)),
        problems,
    );
}

fn there<'a>(all: &Context<'a>) -> impl Iterator<Item = &'a VpnConnection> {
    all.all
        .vpn_connections
        .iter()
        .filter(|connection| is_there(connection.state.as_deref()))
}

fn customer_gateways(all: &Context<'_>, problems: &mut Problems) {
    let mut addresses = HashMap::new();
    for gateway in all
        .all
        .customer_gateways
        .iter()
        .filter(|one| is_there(one.state.as_deref()))
    {
        let id = &*gateway.customer_gateway_id;
        if let Some(other) = gateway.ip_address.and_then(|address| addresses.insert(address, id)) {
            let message = format!("customer gateway {} has this address already", all.name(other));
            let code = "InvalidCustomerGateway.DuplicateIpAddress";
            all.refuse((id, &["IpAddress"]), code, message, "use that one for both", problems);
        }
        let numbers = [
            ("BgpAsn", &gateway.bgp_asn),
            ("BgpAsnExtended", &gateway.bgp_asn_extended),
        ];
        for (field, number) in numbers {
            let is_number = |number: &String| number.parse::<u32>().is_ok_and(|number| number > 0);
            if number.as_ref().is_some_and(|number| !is_number(number)) {
                let message = format!("{field} is a number from 1 to 4294967295");
                all.refuse(
                    (id, &[field]),
                    "InvalidParameterValue",
                    message,
                    "65000 is usual",
                    problems,
                );
            }
        }
    }
}

/// A connection joins a customer gateway and one gateway of AWS's kind.
fn ends<'a>(
    all: &Context<'a>,
    connection: &'a VpnConnection,
    pairs: &mut HashMap<(&'a str, &'a str), &'a str>,
    problems: &mut Problems,
) {
    let id = &*connection.vpn_connection_id;
    let gateway = connection.vpn_gateway_id.as_deref();
    if gateway.is_some() && connection.transit_gateway_id.is_some() {
        let message = "a VPN connection ends at a virtual private gateway or at a transit gateway";
        let field: (&str, &[&str]) = (id, &["TransitGatewayId"]);
        let code = "InvalidParameterCombination";
        all.refuse(field, code, message, "remove one of the two", problems);
    }
    let Some(customer) = connection.customer_gateway_id.as_deref() else {
        let message = format!("VPN connection {} is missing CustomerGatewayId", all.name(id));
        let help = "name the customer gateway at its other end";
        return all.refuse((id, &[]), "MissingParameter", message, help, problems);
    };
    if let Some(other) = gateway.and_then(|gateway| pairs.insert((customer, gateway), id)) {
        let message = format!("VPN connection {} joins these two already", all.name(other));
        let field: (&str, &[&str]) = (id, &["CustomerGatewayId"]);
        all.refuse(
            field,
            "InvalidOption.Conflict",
            message,
            "remove one of the two",
            problems,
        );
    }
}

/// The /30 inside of a tunnel.
fn inside_block<'a>(
    all: &Context<'a>,
    connection: &'a VpnConnection,
    index: &str,
    tunnel: &TunnelOption,
    taken: &mut HashMap<(Option<&'a str>, IpNet), &'a str>,
    problems: &mut Problems,
) {
    let Some(block) = tunnel.tunnel_inside_cidr else { return };
    let id = &*connection.vpn_connection_id;
    let field: &[&str] = &["Options", "TunnelOptions", index, "TunnelInsideCidr"];
    let link_local = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16));
    let is_reserved = |block: IpNet| match block.network() {
        std::net::IpAddr::V4(first) => {
            let [.., third, last] = first.octets();
            third <= 5 && last < 4 || (third, last & 0xfc) == (169, 252)
        }
        std::net::IpAddr::V6(_) => true,
    };
    if block.prefix_len() != 30 || !link_local.contains(&block) || is_reserved(block) {
        let message = format!("{block} can't be inside of a tunnel");
        let help = "write a /30 of 169.254.0.0/16 that AWS doesn't use itself, such as 169.254.10.0/30";
        all.refuse((id, field), "InvalidParameterValue", message, help, problems);
    }
    let gateway = connection
        .vpn_gateway_id
        .as_deref()
        .or(connection.transit_gateway_id.as_deref());
    if let Some(other) = taken.insert((gateway, block.trunc()), id) {
        let message = format!("{block} is inside of a tunnel of {} already", all.name(other));
        all.refuse(
            (id, field),
            "InvalidCidr.InUse",
            message,
            "choose another block, or leave it out",
            problems,
        );
    }
}

/// The constraints of semantics 19.2.
fn tunnel_options(all: &Context<'_>, id: &str, index: &str, tunnel: &TunnelOption, problems: &mut Problems) {
    let numbers = [
        ("Phase1LifetimeSeconds", tunnel.phase1_lifetime_seconds, 900, 28_800),
        ("Phase2LifetimeSeconds", tunnel.phase2_lifetime_seconds, 900, 3600),
        (
            "RekeyMarginTimeSeconds",
            tunnel.rekey_margin_time_seconds,
            60,
            tunnel.phase2_lifetime_seconds.unwrap_or(3600) / 2,
        ),
        ("RekeyFuzzPercentage", tunnel.rekey_fuzz_percentage, 0, 100),
        ("ReplayWindowSize", tunnel.replay_window_size, 64, 2048),
        ("DpdTimeoutSeconds", tunnel.dpd_timeout_seconds, 30, u32::MAX),
    ];
    let mut refuse = |field: &str, message: String, help: &str| {
        let path: &[&str] = &["Options", "TunnelOptions", index, field];
        all.refuse((id, path), "InvalidParameterValue", message, help, problems);
    };
    for (field, given, first, last) in numbers {
        if let Some(given) = given.filter(|given| !(first..=last).contains(given)) {
            refuse(
                field,
                format!("{field} is {first} to {last}, not {given}"),
                "choose one of them",
            );
        }
    }
    let is_key = |key: &str| {
        let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
        (8..=64).contains(&key.len()) && plain && !key.starts_with('0')
    };
    if tunnel.pre_shared_key.as_deref().is_some_and(|key| !is_key(key)) {
        let message = "a pre-shared key has 8 to 64 letters, digits, '.' and '_', and doesn't begin with 0";
        refuse("PreSharedKey", message.to_owned(), "leave it out to get one");
    }
}

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    for connection in there(all) {
        unreached(all, connection, problems);
    }
}

/// No subnet leads to the gateway, or the gateway knows no prefix (M57).
fn unreached(all: &Context<'_>, connection: &VpnConnection, problems: &mut Problems) {
    let id = &*connection.vpn_connection_id;
    let field: (&str, &[&str]) = (id, &["VpnGatewayId"]);
    let what = Usual("M57", Some("X_VGW_UNKNOWN_PREFIX"));
    if connection.options.static_routes_only == Some(true) && connection.routes.is_empty() {
        let message = "the connection is static and has no routes, so its gateway knows no prefix behind it";
        let help = "add the other side's blocks to Routes";
        all.warn((id, &["Options", "StaticRoutesOnly"]), what, message, help, problems);
    }
    let mut gateways = all.all.vpn_gateways.iter();
    let gateway = gateways.find(|one| Some(&one.vpn_gateway_id) == connection.vpn_gateway_id.as_ref());
    let Some(gateway) = gateway else { return };
    let (name, gateway_id) = (all.name(&gateway.vpn_gateway_id), &gateway.vpn_gateway_id);
    let Some(vpc) = attached(&gateway.attachments).next() else {
        let message = format!("virtual private gateway {name} is attached to no VPC");
        return all.warn(field, what, message, "attach it to one", problems);
    };
    let is_it = |target: &RouteTarget| matches!(target, RouteTarget::Gateway(id) if id == gateway_id);
    let mut tables = all.all.route_tables.iter().filter(|table| table.vpc_id == vpc);
    let leads = tables.any(|table| {
        table.propagating_vgws.contains(gateway_id) || table.routes.iter().any(|route| is_it(&route.target))
    });
    if !leads {
        let vpc = all.name(vpc);
        let message = format!("no route table of VPC {vpc} leads to virtual private gateway {name}");
        let help = "let it propagate into the tables, or add static routes";
        all.warn(
            field,
            Usual("M57", Some("NO_ROUTE_TO_DESTINATION")),
            message,
            help,
            problems,
        );
    }
}
