//! Where routes lead (semantics 5.3, 5.4; M10, M27).

use super::context::{Context, Usual, attached, is_there, refuse_at, says, warn_at};
use super::gateway;
use crate::document::diagnostic::{Problems, Span};
use crate::resources::{Destination, Route, RouteState, RouteTable, RouteTarget, Subnet, Vpc};
use ipnet::{IpNet, Ipv6Net};
use std::net::Ipv6Addr;

/// Where NAT64 leads (semantics 10.8).
const NAT64: IpNet = IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96));

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    for table in &all.all.route_tables {
        let Some(vpc) = all.vpc(&table.vpc_id) else { continue };
        for route in table.routes.iter() {
            let checked = Checked { all, table, vpc, route };
            if !matches!(route.target, RouteTarget::Local | RouteTarget::NetworkInterface(_))
                && !route.origin.is_propagated()
            {
                checked.target(problems);
                checked.inside(problems);
            }
        }
    }
}

pub(super) fn warn(all: &Context<'_>, problems: &mut Problems) {
    for table in &all.all.route_tables {
        let Some(vpc) = all.vpc(&table.vpc_id) else { continue };
        for route in table.routes.iter() {
            let checked = Checked { all, table, vpc, route };
            if route.state == RouteState::Blackhole {
                checked.warn_of_black_hole("the target is gone or unusable", problems);
            } else if !matches!(route.target, RouteTarget::Local | RouteTarget::NetworkInterface(_)) {
                checked.warn_of_state(problems);
            }
            if route.origin.is_propagated() {
                checked.warn_of_better(problems);
            }
        }
    }
}

/// A subnet's blocks.
pub(super) fn blocks(subnet: &Subnet) -> impl Iterator<Item = IpNet> + use<> {
    let ipv6 = subnet.ipv6_cidr_block.map(IpNet::V6);
    std::iter::once(IpNet::V4(subnet.cidr_block)).chain(ipv6)
}

/// Whether a route leads everything somewhere that nothing else leads.
pub(super) fn is_default(route: &Route) -> bool {
    matches!(&route.destination, Destination::Cidr(block) if block.prefix_len() == 0)
}

/// Whether a route is for IPv4, as far as that can be told from it alone.
pub(super) fn is_ipv4(route: &Route) -> bool {
    matches!(&route.destination, Destination::Cidr(IpNet::V4(_)))
}

struct Checked<'c, 'a> {
    all: &'c Context<'a>,
    table: &'a RouteTable,
    vpc: &'a Vpc,
    route: &'a Route,
}

impl Checked<'_, '_> {
    fn place(&self) -> Span {
        self.all.route_place(self.table, self.route)
    }

    fn refuse(&self, code: &'static str, message: impl Into<String>, help: &str, problems: &mut Problems) {
        refuse_at(self.place(), code, message, help, problems);
    }

    /// That a target isn't on the table's VPC. A route that is a black hole says so itself.
    fn not_attached(&self, id: &str, help: &str, problems: &mut Problems) {
        if self.route.state == RouteState::Active {
            let (target, vpc) = (self.all.name(id), self.all.name(&self.vpc.vpc_id));
            self.refuse(
                "Gateway.NotAttached",
                format!("{target} isn't attached to VPC {vpc}"),
                help,
                problems,
            );
        }
    }

    fn target(&self, problems: &mut Problems) {
        match &self.route.target {
            RouteTarget::Gateway(id) if id.starts_with("vpce-") => self.gateway_endpoint(id, problems),
            RouteTarget::Gateway(id)
                if gateway::vpc_of(self.all, id).is_some_and(|vpc| vpc != Some(&self.vpc.vpc_id)) =>
            {
                self.not_attached(id, "attach the gateway to the table's VPC", problems);
            }
            RouteTarget::EgressOnlyInternetGateway(id) => self.egress_only(id, problems),
            RouteTarget::NatGateway(id) => self.nat_gateway(id, problems),
            RouteTarget::VpcPeeringConnection(id) => self.peering(id, problems),
            RouteTarget::TransitGateway(id) => self.transit_gateway(id, problems),
            RouteTarget::VpcEndpoint(id) => self.endpoint(id, problems),
            _ => {}
        }
    }

    fn egress_only(&self, id: &str, problems: &mut Problems) {
        if is_ipv4(self.route) {
            let message = "an egress-only internet gateway is for IPv6 alone";
            self.refuse(
                "InvalidParameterValue",
                message,
                "lead IPv4 to a NAT gateway or an internet gateway",
                problems,
            );
        }
        let mut gateways = self.all.all.egress_only_internet_gateways.iter();
        if let Some(gateway) = gateways.find(|one| one.egress_only_internet_gateway_id == id)
            && !attached(&gateway.attachments).any(|vpc| vpc == self.vpc.vpc_id)
        {
            self.not_attached(id, "attach the gateway to the table's VPC", problems);
        }
    }

    fn nat_gateway(&self, id: &str, problems: &mut Problems) {
        if let Destination::Cidr(block @ IpNet::V6(_)) = &self.route.destination
            && !NAT64.contains(block)
        {
            let message = format!("of IPv6, a NAT gateway takes {NAT64} alone");
            self.refuse(
                "InvalidParameterValue",
                message,
                "lead IPv6 to an egress-only internet gateway",
                problems,
            );
        }
        let mut gateways = self.all.all.nat_gateways.iter();
        let vpc = gateways
            .find(|one| one.nat_gateway_id == id)
            .and_then(|one| super::nat_gateway::vpc_of(self.all, one));
        if vpc.is_some_and(|vpc| vpc != self.vpc.vpc_id) {
            let message = format!("NAT gateway {} is in another VPC", self.all.name(id));
            self.refuse(
                "InvalidParameterValue",
                message,
                "a NAT gateway serves its own VPC: make one in this one",
                problems,
            );
        }
    }

    fn peering(&self, id: &str, problems: &mut Problems) {
        let mut all = self.all.all.vpc_peering_connections.iter();
        if let Some(peering) = all.find(|one| one.vpc_peering_connection_id == id) {
            let sides = [&peering.requester_vpc_info, &peering.accepter_vpc_info];
            if !sides
                .iter()
                .any(|side| side.vpc_id.as_deref() == Some(&*self.vpc.vpc_id))
            {
                let message = format!(
                    "VPC {} isn't a side of {}",
                    self.all.name(&self.vpc.vpc_id),
                    self.all.name(id)
                );
                self.refuse(
                    "InvalidParameterValue",
                    message,
                    "choose a peering connection of the table's VPC",
                    problems,
                );
            }
        }
    }

    fn transit_gateway(&self, id: &str, problems: &mut Problems) {
        let attachments = || self.all.all.transit_gateway_vpc_attachments.iter();
        let is_attached = attachments().any(|one| {
            one.transit_gateway_id.as_deref() == Some(id)
                && one.vpc_id.as_deref() == Some(&*self.vpc.vpc_id)
                && is_there(one.state.as_deref())
        });
        // Whoever names no attachment at all hasn't said which there are.
        if !is_attached && attachments().next().is_some() {
            self.not_attached(id, "attach the VPC to the transit gateway first", problems);
        }
    }

    fn endpoint(&self, id: &str, problems: &mut Problems) {
        let mut all = self.all.all.vpc_endpoints.iter();
        let Some(endpoint) = all.find(|one| one.vpc_endpoint_id == id) else {
            return;
        };
        if !says(endpoint.vpc_endpoint_type.as_deref(), "GatewayLoadBalancer") {
            let message = format!("{} isn't a Gateway Load Balancer endpoint", self.all.name(id));
            let help =
                "an interface endpoint needs no route, and a gateway endpoint makes its own in the tables it names";
            self.refuse("RouteNotSupported", message, help, problems);
        } else if endpoint.vpc_id.as_deref().is_some_and(|vpc| vpc != self.vpc.vpc_id) {
            let message = format!("{} is in another VPC", self.all.name(id));
            self.refuse(
                "InvalidParameterValue",
                message,
                "choose an endpoint of the table's VPC",
                problems,
            );
        }
    }

    /// Such a route comes and goes with the table's association.
    fn gateway_endpoint(&self, id: &str, problems: &mut Problems) {
        let mut all = self.all.all.vpc_endpoints.iter();
        let Some(endpoint) = all.find(|one| one.vpc_endpoint_id == id) else {
            return;
        };
        if !endpoint.route_table_ids.contains(&self.table.route_table_id) {
            let message = format!(
                "gateway endpoint {} isn't associated with this table",
                self.all.name(id)
            );
            let help = "name the table in the endpoint's RouteTableIds, which makes the route";
            self.refuse("RouteNotSupported", message, help, problems);
        }
    }

    /// More specific than the local route, only a middlebox may be the target.
    fn inside(&self, problems: &mut Problems) {
        let Destination::Cidr(block) = &self.route.destination else {
            return;
        };
        let is_middlebox = matches!(
            self.route.target,
            RouteTarget::NatGateway(_) | RouteTarget::VpcEndpoint(_)
        );
        if !is_middlebox && self.vpc.blocks().any(|own| own.contains(block)) {
            let message = format!(
                "{block} is inside the VPC, where a route leads to a NAT gateway, a network interface or a Gateway Load Balancer endpoint"
            );
            self.refuse(
                "InvalidParameterValue",
                message,
                "choose another target, or remove the route",
                problems,
            );
        }
    }

    fn warn_of_black_hole(&self, why: &str, problems: &mut Problems) {
        let message = format!("what follows this route is dropped: {why}");
        let help = "bring the target back, or remove the route: nothing shorter is tried instead";
        warn_at(
            self.place(),
            Usual("M10", Some("BAD_STATE_ROUTE")),
            message,
            help,
            problems,
        );
    }

    /// A target that is there and can't be used.
    fn warn_of_state(&self, problems: &mut Problems) {
        let resources = self.all.all;
        let state = match &self.route.target {
            RouteTarget::NatGateway(id) => {
                let found = resources.nat_gateways.iter().find(|one| one.nat_gateway_id == *id);
                found
                    .and_then(|one| one.state.as_deref())
                    .filter(|state| !is_there(Some(state)))
            }
            RouteTarget::VpcPeeringConnection(id) => {
                let found = resources
                    .vpc_peering_connections
                    .iter()
                    .find(|one| one.vpc_peering_connection_id == *id);
                found
                    .and_then(|one| one.status.code.as_deref())
                    .filter(|state| !says(Some(state), "active"))
            }
            RouteTarget::VpcEndpoint(id) => {
                let found = resources.vpc_endpoints.iter().find(|one| one.vpc_endpoint_id == *id);
                found
                    .and_then(|one| one.state.as_deref())
                    .filter(|state| !says(Some(state), "available"))
            }
            _ => None,
        };
        if let Some(state) = state {
            self.warn_of_black_hole(&format!("the target is {}", state.to_lowercase()), problems);
        }
    }

    /// A propagated route that another one is always preferred to.
    fn warn_of_better(&self, problems: &mut Problems) {
        let Destination::Cidr(block) = &self.route.destination else {
            return;
        };
        let equal = |other: &Route| !other.origin.is_propagated() && other.destination == self.route.destination;
        let why = if self.vpc.blocks().any(|own| own.contains(block)) {
            "it is inside the VPC, and the local route is preferred"
        } else if self.table.routes.iter().any(equal) {
            "a static route to the same block is preferred"
        } else {
            return;
        };
        let message = format!("the propagated route to {block} is never followed: {why}");
        let help = "have the other side announce another block, or remove what is preferred";
        warn_at(
            self.place(),
            Usual("M27", Some("HIGHER_PRIORITY_ROUTE")),
            message,
            help,
            problems,
        );
    }
}
