//! The service's side of VPC links of REST APIs (semantics 17.1): a VPC of API Gateway's own with an interface endpoint
//! in it, and the hidden endpoint service before the customer's load balancer.
//!
//! No document has them and nobody is shown them: they are added where rows are made, so that such a link is
//! PrivateLink in every respect. The service sends by a network interface of its own beside the endpoint's.

use super::{
    EndpointGroup, InterfaceType, LoadBalancer, LoadBalancerZone, NetworkAcl, NetworkAclEntry, NetworkInterface, Peer,
    Resources, RestVpcLink, Route, RouteList, RouteOrigin, RouteState, RouteTable, RouteTarget, RuleAction,
    SecurityGroup, SecurityGroupRule, Subnet, Vpc, VpcEndpoint, VpcEndpointService,
};
use crate::document::{derived_id, derived_mac};
use crate::resources::Destination;
use ipnet::{IpNet, Ipv4Net};
use std::net::Ipv4Addr;

/// Out of the blocks for benchmarks (RFC 2544), which no rule of a customer's speaks of: who calls the service is
/// unknown.
const BLOCK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 19, 0, 0), 16);
/// In each zone's /24.
const SERVICE_HOST: u8 = 10;
const ENDPOINT_HOST: u8 = 20;

/// The service's network interface in one of the zones of a link.
#[must_use]
pub(super) fn service_interface_id(link: &str, zone: usize) -> String {
    hidden("eni", link, &format!("service-{zone}"))
}

/// Where the service finds the endpoint in one of the zones; nothing if there are more zones than blocks.
#[must_use]
pub(super) fn service_endpoint_address(zone: usize) -> Option<Ipv4Addr> {
    address(zone, ENDPOINT_HOST)
}

/// These resources with what they hide; nothing if they hide nothing.
#[must_use]
pub fn with_service_side(all: &Resources) -> Option<Resources> {
    let mut links = all.rest_vpc_links.iter().filter(|link| link.carries()).peekable();
    links.peek()?;
    let mut whole = Resources::clone(all);
    for link in links {
        let balancer = all.balancer_of_link(link);
        let vpc = balancer.and_then(|balancer| all.vpcs.iter().find(|it| Some(&it.vpc_id) == balancer.vpc_id.as_ref()));
        if let (Some(balancer), Some(vpc)) = (balancer, vpc) {
            Side {
                all,
                link,
                balancer,
                region: &vpc.region,
            }
            .add(&mut whole);
        }
    }
    whole.sort();
    Some(whole)
}

/// No object of a document comes from a path that begins with nothing.
fn hidden(prefix: &str, link: &str, what: &str) -> String {
    derived_id(prefix, &["", "api-gateway", link, what])
}

fn address(zone: usize, host: u8) -> Option<Ipv4Addr> {
    let [a, b, ..] = BLOCK.network().octets();
    Some(Ipv4Addr::new(a, b, u8::try_from(zone).ok()?, host))
}

/// What is hidden of one link.
struct Side<'a> {
    all: &'a Resources,
    link: &'a RestVpcLink,
    balancer: &'a LoadBalancer,
    region: &'a str,
}

impl Side<'_> {
    fn id(&self, prefix: &str) -> String {
        hidden(prefix, &self.link.id, "")
    }

    fn add(&self, whole: &mut Resources) {
        whole.vpcs.push(Vpc {
            vpc_id: self.id("vpc"),
            name: format!("api-gateway-{}", self.link.name),
            cidr_block: BLOCK,
            region: self.region.to_owned(),
            ..Vpc::default()
        });
        whole.route_tables.push(self.route_table());
        whole.network_acls.push(self.network_acl());
        whole.security_groups.push(self.group());
        let zones = self.balancer.availability_zones.iter().enumerate();
        let endpoint = zones.filter_map(|(index, zone)| self.add_zone(index, zone, whole));
        let endpoint = self.endpoint(endpoint.collect());
        whole.vpc_endpoints.push(endpoint);
        whole.vpc_endpoint_services.push(VpcEndpointService {
            service_id: self.id("vpce-svc"),
            service_name: Some(self.service_name()),
            service_state: Some("Available".to_owned()),
            acceptance_required: Some(false),
            network_load_balancer_arns: vec![self.balancer.load_balancer_arn.clone()],
            ..VpcEndpointService::default()
        });
    }

    fn service_name(&self) -> String {
        format!("com.amazonaws.vpce.{}.{}", self.region, self.id("vpce-svc"))
    }

    /// A subnet in the zone, with the service's network interface and the endpoint's, whose id is the answer.
    fn add_zone(&self, index: usize, zone: &LoadBalancerZone, whole: &mut Resources) -> Option<String> {
        let of_balancer = self
            .all
            .subnets
            .iter()
            .find(|it| Some(&it.subnet_id) == zone.subnet_id.as_ref())?;
        let subnet_id = hidden("subnet", &self.link.id, &index.to_string());
        whole.subnets.push(Subnet {
            subnet_id: subnet_id.clone(),
            name: format!("api-gateway-{index}"),
            vpc_id: self.id("vpc"),
            cidr_block: Ipv4Net::new(address(index, 0)?, 24).ok()?,
            availability_zone: of_balancer.availability_zone.clone(),
            availability_zone_id: of_balancer.availability_zone_id.clone(),
            route_table_id: self.id("rtb"),
            network_acl_id: self.id("acl"),
            ..Subnet::default()
        });
        let interface = |id: String, host, interface_type| {
            Some(NetworkInterface {
                mac_address: derived_mac(&id),
                name: format!("api-gateway-{index}-{host}"),
                network_interface_id: id,
                vpc_id: self.id("vpc"),
                subnet_id: subnet_id.clone(),
                private_ip_addresses: vec![address(index, host)?],
                groups: vec![self.id("sg")],
                source_dest_check: false,
                interface_type,
                requester_managed: true,
                ..NetworkInterface::default()
            })
        };
        let endpoint = hidden("eni", &self.link.id, &format!("endpoint-{index}"));
        let service = service_interface_id(&self.link.id, index);
        whole.network_interfaces.extend([
            interface(service, SERVICE_HOST, InterfaceType::ApiGatewayManaged)?,
            interface(endpoint.clone(), ENDPOINT_HOST, InterfaceType::VpcEndpoint)?,
        ]);
        Some(endpoint)
    }

    fn endpoint(&self, network_interface_ids: Vec<String>) -> VpcEndpoint {
        VpcEndpoint {
            vpc_endpoint_id: self.id("vpce"),
            vpc_endpoint_type: Some("Interface".to_owned()),
            vpc_id: Some(self.id("vpc")),
            service_name: Some(self.service_name()),
            // Whom the service is, the link's maker has allowed, and nobody is asked.
            state: Some("available".to_owned()),
            groups: vec![EndpointGroup {
                group_id: Some(self.id("sg")),
                group_name: None,
            }],
            network_interface_ids,
            requester_managed: Some(true),
            ..VpcEndpoint::default()
        }
    }

    fn route_table(&self) -> RouteTable {
        RouteTable {
            route_table_id: self.id("rtb"),
            name: "api-gateway".to_owned(),
            vpc_id: self.id("vpc"),
            main: true,
            routes: RouteList::from_iter([Route {
                destination: Destination::Cidr(BLOCK.into()),
                target: RouteTarget::Local,
                state: RouteState::Active,
                origin: RouteOrigin::CreateRouteTable,
            }]),
            ..RouteTable::default()
        }
    }

    fn network_acl(&self) -> NetworkAcl {
        let entries = [false, true].map(|egress| NetworkAclEntry {
            rule_number: 100,
            egress,
            protocol: None,
            rule_action: RuleAction::Allow,
            cidr_block: IpNet::V4(Ipv4Net::default()),
            port_range: None,
            icmp_type_code: None,
        });
        NetworkAcl {
            network_acl_id: self.id("acl"),
            name: "api-gateway".to_owned(),
            vpc_id: self.id("vpc"),
            is_default: true,
            entries: entries.to_vec(),
            ..NetworkAcl::default()
        }
    }

    fn group(&self) -> SecurityGroup {
        let rules = [false, true].map(|is_egress| SecurityGroupRule {
            security_group_rule_id: hidden("sgr", &self.link.id, if is_egress { "egress" } else { "ingress" }),
            is_egress,
            peer: Peer::Cidr(IpNet::V4(Ipv4Net::default())),
            ..SecurityGroupRule::default()
        });
        SecurityGroup {
            group_id: self.id("sg"),
            group_name: "api-gateway".to_owned(),
            vpc_id: self.id("vpc"),
            rules: rules.to_vec(),
            ..SecurityGroup::default()
        }
    }
}
