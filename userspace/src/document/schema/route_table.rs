//! A route table and its routes (semantics 5).

use super::{fields, name, one_of};
use crate::document::diagnostic::{Problem, Problems, Spanned};
use crate::document::fields::{Field, Fields};
use crate::document::tree::{Entry, Node};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

#[derive(Debug)]
pub(in crate::document) struct RouteTable<'a> {
    pub(in crate::document) name: Spanned<&'a str>,
    pub(in crate::document) main: Option<bool>,
    pub(in crate::document) subnets: Vec<Spanned<&'a str>>,
    pub(in crate::document) routes: Vec<Route<'a>>,
}

#[derive(Debug)]
pub(in crate::document) struct Route<'a> {
    pub(in crate::document) destination: Option<Spanned<Destination<'a>>>,
    pub(in crate::document) instance: Option<Spanned<&'a str>>,
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
        routes: Vec::new(),
    };
    let Some(mut fields) = fields(entry, "route table", problems) else {
        return table;
    };
    table.subnets = fields.texts("subnets", "a subnet's name", problems);
    let routes = fields.list("routes", problems).iter();
    table.routes = routes.map(|node| route(node, problems)).collect();
    table.main = fields.boolean("main", problems);
    fields.finish(problems);
    table
}

fn route<'a>(node: &'a Node, problems: &mut Problems) -> Route<'a> {
    let Some(mut fields) = Fields::of(node, "the route".to_owned(), node.start(), problems) else {
        return Route {
            destination: None,
            instance: None,
        };
    };
    let destination = destination(&mut fields, problems);
    let instance = target(&mut fields, problems);
    fields.finish(problems);
    Route { destination, instance }
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

/// Targets that AWS has and this language hasn't. They are refused by name, so that a route that was copied from AWS is
/// told what it can be instead.
const OTHER_TARGETS: [&str; 8] = [
    "GatewayId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "InstanceId",
    "VpcPeeringConnectionId",
    "TransitGatewayId",
    "VpcEndpointId",
    "EgressOnlyInternetGatewayId",
];

fn target<'a>(fields: &mut Fields<'a>, problems: &mut Problems) -> Option<Spanned<&'a str>> {
    let instance = fields.text("instance", problems);
    let mut other = false;
    for name in OTHER_TARGETS {
        if let Some(span) = fields.refuse(name) {
            other = true;
            let message = format!("{name} can't be the target of a route in this language");
            let help = "lead the route to an instance, by its name: `instance: NAME`";
            problems.report(Problem::error(span, message).code("RouteNotSupported").help(help));
        }
    }
    match instance {
        Field::Missing if other => None,
        instance => fields.required(
            "instance",
            "name the instance that gets the packets",
            instance,
            problems,
        ),
    }
}
