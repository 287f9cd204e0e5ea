//! What leads out of a VPC, and whether it is usable (semantics 5.2): "Blackhole happens when the target is gone or
//! unusable".

use super::{Eni, SubnetAt, VpcAt, World};
use groundplane::resources::{
    GatewayAttachment, NatGateway, Resources, RouteTable, Subnet, TransitGatewayPeeringAttachment,
    TransitGatewayRouteTable, TransitGatewayVpcAttachment, VpcEndpoint, VpcPeeringConnection,
};
use std::net::{IpAddr, Ipv4Addr};

/// A VPC's attachment to a transit gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct VpcAttachment<'a> {
    pub(in super::super) vpc: VpcAt,
    pub(in super::super) said: &'a TransitGatewayVpcAttachment,
}

/// "a subnet's zone".
pub(in super::super) fn zone(subnet: &Subnet) -> &str {
    if subnet.availability_zone_id.is_empty() {
        &subnet.availability_zone
    } else {
        &subnet.availability_zone_id
    }
}

/// Whether something that only serves when it is `available` serves; nothing said means that it does.
fn is_available(state: Option<&String>) -> bool {
    state.is_none_or(|state| state == "available")
}

fn is_attached_to(attachments: &[GatewayAttachment], vpc_id: &str) -> bool {
    let serves = |state: Option<&str>| matches!(state, None | Some("available" | "attached"));
    let mut attachments = attachments.iter();
    attachments.any(|it| it.vpc_id == vpc_id && serves(it.state.as_deref()))
}

impl World {
    pub(in super::super) fn resources(&self) -> &Resources {
        &self.resources
    }

    pub(in super::super) fn vpc_with_id(&self, vpc_id: &str) -> Option<VpcAt> {
        self.vpcs().find(|vpc| self.vpc(*vpc).vpc_id == vpc_id)
    }

    pub(in super::super) fn subnet_with_id(&self, subnet_id: &str) -> Option<SubnetAt> {
        let mut subnets = self.resources.subnets.iter();
        subnets.position(|subnet| subnet.subnet_id == subnet_id).map(SubnetAt)
    }

    /// The internet gateway of a VPC: "At most one IGW per VPC".
    pub(in super::super) fn internet_gateway(&self, vpc: VpcAt) -> Option<&str> {
        let vpc_id = &self.vpc(vpc).vpc_id;
        let mut gateways = self.resources.internet_gateways.iter();
        let found = gateways.find(|gateway| is_attached_to(&gateway.attachments, vpc_id));
        found.map(|gateway| gateway.internet_gateway_id.as_str())
    }

    pub(in super::super) fn is_internet_gateway_of(&self, id: &str, vpc: VpcAt) -> bool {
        let mut gateways = self.resources.internet_gateways.iter();
        let found = gateways.find(|gateway| gateway.internet_gateway_id == id);
        found.is_some_and(|gateway| is_attached_to(&gateway.attachments, &self.vpc(vpc).vpc_id))
    }

    pub(in super::super) fn is_egress_only_gateway_of(&self, id: &str, vpc: VpcAt) -> bool {
        let mut gateways = self.resources.egress_only_internet_gateways.iter();
        let found = gateways.find(|gateway| gateway.egress_only_internet_gateway_id == id);
        found.is_some_and(|gateway| is_attached_to(&gateway.attachments, &self.vpc(vpc).vpc_id))
    }

    /// The egress-only gateway of a VPC.
    pub(in super::super) fn egress_only_gateway(&self, vpc: VpcAt) -> Option<&str> {
        let ids = self.resources.egress_only_internet_gateways.iter();
        let mut ids = ids.map(|gateway| gateway.egress_only_internet_gateway_id.as_str());
        ids.find(|id| self.is_egress_only_gateway_of(id, vpc))
    }

    /// The gateway route table (5.5) of an internet gateway.
    pub(in super::super) fn edge_table(&self, gateway: &str) -> Option<&RouteTable> {
        let mut tables = self.resources.route_tables.iter();
        tables.find(|table| table.gateway_ids.iter().any(|id| id == gateway))
    }

    /// The public address of a private one of an ENI.
    pub(in super::super) fn public_address(&self, eni: Eni, private: Ipv4Addr) -> Option<Ipv4Addr> {
        let mut associations = self.interface(eni).associations.iter();
        let found = associations.find(|it| it.private_ip_address == private);
        found.map(|association| association.public_ip)
    }

    /// The ENI that has a public address, and the private one it stands for there.
    pub(in super::super) fn public_owner(&self, public: Ipv4Addr) -> Option<(Eni, Ipv4Addr)> {
        self.enis().find_map(|eni| {
            let mut associations = self.interface(eni).associations.iter();
            let found = associations.find(|it| it.public_ip == public)?;
            Some((eni, found.private_ip_address))
        })
    }

    /// An Elastic IP of this host, whether anybody has it or not.
    pub(in super::super) fn is_elastic(&self, public: Ipv4Addr) -> bool {
        let mut addresses = self.resources.addresses.iter();
        addresses.any(|address| address.public_ip == Some(public))
    }

    /// The VPC that an address of the internet's IPv6 leads into: one that has a gateway for it.
    pub(in super::super) fn vpc_from_outside(&self, address: IpAddr) -> Option<VpcAt> {
        let has_gateway =
            |vpc: &VpcAt| self.internet_gateway(*vpc).is_some() || self.egress_only_gateway(*vpc).is_some();
        let mut vpcs = self.vpcs().filter(has_gateway);
        vpcs.find(|vpc| address.is_ipv6() && self.is_inside(*vpc, address))
    }

    /// "One route per service per table": a gateway endpoint of a VPC that can be used.
    pub(in super::super) fn is_gateway_endpoint_of(&self, id: &str, vpc: VpcAt) -> bool {
        let mut endpoints = self.gateway_endpoints(vpc);
        endpoints.any(|endpoint| endpoint.vpc_endpoint_id == id)
    }

    pub(in super::super) fn has_gateway_endpoint(&self, vpc: VpcAt) -> bool {
        self.gateway_endpoints(vpc).next().is_some()
    }

    fn gateway_endpoints(&self, vpc: VpcAt) -> impl Iterator<Item = &VpcEndpoint> {
        let is_its = move |endpoint: &&VpcEndpoint| {
            let kind = endpoint.vpc_endpoint_type.as_deref().unwrap_or("Gateway");
            kind == "Gateway" && endpoint.vpc_id.as_ref() == Some(&self.vpc(vpc).vpc_id)
        };
        let endpoints = self.resources.vpc_endpoints.iter().filter(is_its);
        endpoints.filter(|endpoint| is_available(endpoint.state.as_ref()))
    }

    /// The ENI of a NAT gateway that can be used.
    pub(in super::super) fn nat_gateway(&self, id: &str) -> Option<Eni> {
        let mut gateways = self.resources.nat_gateways.iter();
        let found = gateways.find(|gateway| gateway.nat_gateway_id == id);
        let usable = found.filter(|gateway| is_available(gateway.state.as_ref()))?;
        self.nat_gateways_eni(usable)
    }

    fn nat_gateways_eni(&self, gateway: &NatGateway) -> Option<Eni> {
        let addresses = gateway.nat_gateway_addresses.iter();
        let mut ids = addresses.filter_map(|address| address.network_interface_id.as_ref());
        ids.find_map(|id| self.eni_of_id(id))
    }

    /// The VPC at the other end of a peering connection: "Only active carries traffic".
    pub(in super::super) fn peer(&self, id: &str, vpc: VpcAt) -> Option<VpcAt> {
        let mut connections = self.resources.vpc_peering_connections.iter();
        let found = connections.find(|it| it.vpc_peering_connection_id == id)?;
        self.other_end(found, vpc)
    }

    /// The VPCs that a VPC is peered with.
    pub(in super::super) fn peers(&self, vpc: VpcAt) -> impl Iterator<Item = VpcAt> {
        let connections = self.resources.vpc_peering_connections.iter();
        connections.filter_map(move |connection| self.other_end(connection, vpc))
    }

    fn other_end(&self, connection: &VpcPeeringConnection, vpc: VpcAt) -> Option<VpcAt> {
        let code = connection.status.code.as_ref();
        if code.is_some_and(|code| code != "active") {
            return None;
        }
        let end = |id: &Option<String>| id.as_ref().and_then(|id| self.vpc_with_id(id));
        let requester = end(&connection.requester_vpc_info.vpc_id)?;
        let accepter = end(&connection.accepter_vpc_info.vpc_id)?;
        match vpc {
            it if it == requester => Some(accepter),
            it if it == accepter => Some(requester),
            _ => None,
        }
    }

    pub(in super::super) fn share_region(&self, one: VpcAt, other: VpcAt) -> bool {
        self.vpc(one).region == self.vpc(other).region
    }

    /// All attachments of VPCs to a transit gateway that can be used.
    pub(in super::super) fn vpc_attachments(&self, gateway: &str) -> impl Iterator<Item = VpcAttachment<'_>> {
        let attachments = self.resources.transit_gateway_vpc_attachments.iter();
        attachments.filter_map(move |said| {
            let is_its = said.transit_gateway_id.as_deref() == Some(gateway);
            let vpc = self.vpc_with_id(said.vpc_id.as_ref()?)?;
            (is_its && is_available(said.state.as_ref())).then_some(VpcAttachment { vpc, said })
        })
    }

    pub(in super::super) fn transit_attachment(&self, gateway: &str, vpc: VpcAt) -> Option<VpcAttachment<'_>> {
        self.vpc_attachments(gateway).find(|attachment| attachment.vpc == vpc)
    }

    /// The attachments that join transit gateways, as far as they can be used.
    pub(in super::super) fn peering_attachments(&self) -> impl Iterator<Item = &TransitGatewayPeeringAttachment> {
        let attachments = self.resources.transit_gateway_peering_attachments.iter();
        attachments.filter(|attachment| is_available(attachment.state.as_ref()))
    }

    pub(in super::super) fn transit_tables(&self, gateway: &str) -> impl Iterator<Item = &TransitGatewayRouteTable> {
        let tables = self.resources.transit_gateway_route_tables.iter();
        tables.filter(move |table| table.transit_gateway_id.as_deref() == Some(gateway))
    }
}
