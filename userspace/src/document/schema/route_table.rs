//! A route table and its routes (semantics 5).

use super::{Details, details, fields, kind, name, one_of};
use crate::document::diagnostic::{Problem, Problems, Spanned};
use crate::document::fields::Fields;
use crate::document::tree::{Entry, Node};
use crate::resources::{RouteOrigin, RouteState};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

#[derive(Debug)]
pub(in crate::document) struct RouteTable<'a> {
    pub(in crate::document) name: Spanned<&'a str>,
    pub(in crate::document) main: Option<bool>,
    pub(in crate::document) subnets: Vec<Spanned<&'a str>>,
    /// Gateways whose arriving traffic it routes.
    pub(in crate::document) gateways: Vec<Spanned<&'a str>>,
    /// Virtual private gateways whose prefixes it takes over.
    pub(in crate::document) propagating: Vec<Spanned<&'a str>>,
    pub(in crate::document) details: Details<'a>,
    pub(in crate::document) routes: Vec<Route<'a>>,
}

#[derive(Debug)]
pub(in crate::document) struct Route<'a> {
    pub(in crate::document) destination: Option<Spanned<Destination<'a>>>,
    pub(in crate::document) target: Option<Spanned<Target<'a>>>,
    pub(in crate::document) state: RouteState,
    /// `None` is what AWS makes it.
    pub(in crate::document) origin: Option<RouteOrigin>,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::document) enum Destination<'a> {
    Cidr(IpNet),
    PrefixList(&'a str),
}

pub(super) fn read<'a>(entry: &'a Entry, problems: &mut Problems) -> RouteTable<'a> {
    let mut table = RouteTable {
        name: name(entry),
        main: None,
        subnets: Vec::new(),
        gateways: Vec::new(),
        propagating: Vec::new(),
        details: Details::default(),
        routes: Vec::new(),
    };
    let Some(mut fields) = fields(entry, "route table", problems) else {
        return table;
    };
    table.subnets = fields.texts("subnets", "a subnet's name", problems);
    let routes = fields.list("routes", problems).iter();
    table.routes = routes.map(|node| route(node, problems)).collect();
    table.main = fields.boolean("main", problems);
    table.gateways = fields.texts("gateways", "a gateway's name", problems);
    table.propagating = fields.texts("propagating_vpn_gateways", "a virtual private gateway's name", problems);
    table.details = details::read(&mut fields, kind::ROUTE_TABLE, problems);
    fields.finish(problems);
    table
}

fn route<'a>(node: &'a Node, problems: &mut Problems) -> Route<'a> {
    let mut route = Route {
        destination: None,
        target: None,
        state: RouteState::Active,
        origin: None,
    };
    let Some(mut fields) = Fields::of(node, "the route".to_owned(), node.start(), problems) else {
        return route;
    };
    route.destination = destination(&mut fields, problems);
    route.target = target(&mut fields, problems);
    route.state = state(&mut fields, problems);
    route.origin = origin(&mut fields, problems);
    fields.finish(problems);
    route
}

fn destination<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<Spanned<Destination<'a>>> {
    let ipv4 = fields.value::<Ipv4Net>("DestinationCidrBlock", problems);
    let ipv6 = fields.value::<Ipv6Net>("DestinationIpv6CidrBlock", problems);
    let list = fields.text("prefix_list", problems);
    let ways = [
        (
            "DestinationCidrBlock",
            ipv4.map(|block| Destination::Cidr(block.into())),
        ),
        (
            "DestinationIpv6CidrBlock",
            ipv6.map(|block| Destination::Cidr(block.into())),
        ),
        ("prefix_list", list.map(Destination::PrefixList)),
    ];
    let help = "say where the route leads, by DestinationCidrBlock, DestinationIpv6CidrBlock or prefix_list";
    one_of(fields, "DestinationCidrBlock", help, ways, problems)
}

/// Where a route leads: an object of some kind by its name or id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::document) struct Target<'a> {
    pub(in crate::document) kind: TargetKind,
    pub(in crate::document) name: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::document) enum TargetKind {
    /// An instance, or a network interface.
    Instance,
    InternetGateway,
    VpnGateway,
    NatGateway,
    EgressOnlyInternetGateway,
    VpcPeeringConnection,
    TransitGateway,
    /// A Gateway Load Balancer endpoint.
    VpcEndpoint,
    /// A gateway endpoint, which AWS writes as a gateway.
    GatewayEndpoint,
    LocalGateway,
    CarrierGateway,
    /// By its ARN.
    CoreNetwork,
}

/// The fields that name a target.
pub(in crate::document) const TARGETS: [(&str, TargetKind); 12] = [
    ("instance", TargetKind::Instance),
    ("internet_gateway", TargetKind::InternetGateway),
    ("vpn_gateway", TargetKind::VpnGateway),
    ("nat_gateway", TargetKind::NatGateway),
    ("egress_only_internet_gateway", TargetKind::EgressOnlyInternetGateway),
    ("vpc_peering_connection", TargetKind::VpcPeeringConnection),
    ("transit_gateway", TargetKind::TransitGateway),
    ("vpc_endpoint", TargetKind::VpcEndpoint),
    ("gateway_endpoint", TargetKind::GatewayEndpoint),
    ("local_gateway", TargetKind::LocalGateway),
    ("carrier_gateway", TargetKind::CarrierGateway),
    ("core_network", TargetKind::CoreNetwork),
];

/// What AWS calls the fields. They are refused by name, so that a route that was copied from AWS is told how it is
/// written here.
const FOREIGN: [(&str, &str); 11] = [
    ("GatewayId", "internet_gateway or vpn_gateway"),
    ("NatGatewayId", "nat_gateway"),
    ("NetworkInterfaceId", "instance"),
    ("InstanceId", "instance"),
    ("VpcPeeringConnectionId", "vpc_peering_connection"),
    ("TransitGatewayId", "transit_gateway"),
    ("VpcEndpointId", "vpc_endpoint"),
    ("EgressOnlyInternetGatewayId", "egress_only_internet_gateway"),
    ("LocalGatewayId", "local_gateway"),
    ("CarrierGatewayId", "carrier_gateway"),
    ("CoreNetworkArn", "core_network"),
];

fn target<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<Spanned<Target<'a>>> {
    let ways = TARGETS.map(|(field, kind)| {
        let text = fields.text(field, problems);
        (field, text.map(|name| Target { kind, name }))
    });
    let mut foreign = false;
    for (name, own) in FOREIGN {
        if let Some(span) = fields.refuse(name) {
            foreign = true;
            let message = format!("the route has no field {name}");
            let help = format!("name the target, or write its id, in the field {own}");
            problems.report(Problem::error(span, message).help(help));
        }
    }
    if foreign {
        return None;
    }
    let help = "name what gets the packets, such as `instance: NAME` or `internet_gateway: NAME`";
    one_of(fields, "instance", help, ways, problems)
}

fn state(fields: &mut Fields<'_>, problems: &mut Problems) -> RouteState {
    let ways = [
        ("active", RouteState::Active),
        ("blackhole", RouteState::Blackhole),
        ("filtered", RouteState::Filtered),
    ];
    fields.word("State", &ways, problems).unwrap_or(RouteState::Active)
}

fn origin(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<RouteOrigin> {
    let ways = [
        ("CreateRouteTable", RouteOrigin::CreateRouteTable),
        ("CreateRoute", RouteOrigin::CreateRoute),
        ("EnableVgwRoutePropagation", RouteOrigin::EnableVgwRoutePropagation),
        ("Advertisement", RouteOrigin::Advertisement),
    ];
    fields.word("Origin", &ways, problems)
}
