//! What leads out of a topology's VPCs: internet gateways, public addresses, egress-only gateways, NAT gateways,
//! peering connections, and what blocks public access.

use super::Topology;
use super::shorthand::address4;
use groundplane::resources::{
    Address, CidrBlock, EgressOnlyInternetGateway, EniAssociation, GatewayAttachment, InterfaceType, InternetGateway,
    Ipv6CidrBlock, NatGateway, NatGatewayAddress, PeeringStatus, PeeringVpcInfo, RouteTarget, Vpc,
    VpcBlockPublicAccessExclusion, VpcBlockPublicAccessOptions, VpcEndpoint, VpcPeeringConnection,
};

impl Topology {
    /// An internet gateway, attached to the VPC.
    pub fn internet_gateway(&mut self, name: &str) -> &mut Self {
        let gateway = InternetGateway {
            name: name.to_owned(),
            internet_gateway_id: self.id("igw"),
            attachments: self.attachment(),
            ..InternetGateway::default()
        };
        self.resources.internet_gateways.push(gateway);
        self
    }

    /// An egress-only internet gateway, attached to the VPC.
    pub fn egress_only(&mut self, name: &str) -> &mut Self {
        let gateway = EgressOnlyInternetGateway {
            name: name.to_owned(),
            egress_only_internet_gateway_id: self.id("eigw"),
            attachments: self.attachment(),
            ..EgressOnlyInternetGateway::default()
        };
        self.resources.egress_only_internet_gateways.push(gateway);
        self
    }

    fn attachment(&self) -> Vec<GatewayAttachment> {
        vec![GatewayAttachment {
            vpc_id: self.resources.vpcs[self.vpc].vpc_id.clone(),
            state: Some("attached".to_owned()),
        }]
    }

    /// Takes an internet gateway, of either kind, from its VPC.
    pub fn detach(&mut self, name: &str) -> &mut Self {
        for gateway in &mut self.resources.internet_gateways {
            if gateway.name == name {
                gateway.attachments.clear();
            }
        }
        for gateway in &mut self.resources.egress_only_internet_gateways {
            if gateway.name == name {
                gateway.attachments.clear();
            }
        }
        self
    }

    /// An Elastic IP for the ENI's primary address.
    pub fn public_address(&mut self, eni: &str, public: &str) -> &mut Self {
        let private = self.interface(eni).private_ip_addresses[0];
        self.public_address_of(eni, &private.to_string(), public)
    }

    /// An Elastic IP for one of the ENI's addresses. Whoever had it before has it no more.
    pub fn public_address_of(&mut self, eni: &str, private: &str, public: &str) -> &mut Self {
        let (private, public_ip) = (address4(private), address4(public));
        self.no_public_address(public);
        if !self
            .resources
            .addresses
            .iter()
            .any(|it| it.public_ip == Some(public_ip))
        {
            self.elastic(public);
        }
        let association_id = self.id("eipassoc");
        let network_interface_id = self.interface(eni).network_interface_id.clone();
        let mut addresses = self.resources.addresses.iter_mut();
        let elastic = addresses.find(|it| it.public_ip == Some(public_ip));
        let elastic = elastic.expect("it has been allocated");
        elastic.association_id = Some(association_id.clone());
        elastic.network_interface_id = Some(network_interface_id);
        elastic.private_ip_address = Some(private);
        let association = EniAssociation {
            private_ip_address: private,
            public_ip,
            allocation_id: Some(elastic.allocation_id.clone()),
            association_id: Some(association_id),
            ip_owner_id: None,
        };
        let associations = &mut self.interface_mut(eni).associations;
        associations.retain(|it| it.private_ip_address != private);
        associations.push(association);
        self
    }

    /// An Elastic IP that nobody has.
    pub fn elastic(&mut self, public: &str) -> &mut Self {
        let address = Address {
            allocation_id: self.id("eipalloc"),
            public_ip: Some(address4(public)),
            domain: Some("vpc".to_owned()),
            ..Address::default()
        };
        self.resources.addresses.push(address);
        self
    }

    /// Nobody has the Elastic IP any more.
    pub fn no_public_address(&mut self, public: &str) -> &mut Self {
        let public = address4(public);
        for eni in &mut self.resources.network_interfaces {
            eni.associations.retain(|it| it.public_ip != public);
        }
        for address in self
            .resources
            .addresses
            .iter_mut()
            .filter(|it| it.public_ip == Some(public))
        {
            address.association_id = None;
            address.network_interface_id = None;
            address.private_ip_address = None;
        }
        self
    }

    /// Neither kind of internet gateway lets the ENI's IPv6 through.
    pub fn deny_all_igw_traffic(&mut self, eni: &str, on: bool) -> &mut Self {
        self.interface_mut(eni).deny_all_igw_traffic = on;
        self
    }

    /// A NAT gateway in the subnet, with an ENI of the same name. It is public if it has a public address.
    pub fn nat_gateway(&mut self, name: &str, private: &str, public: Option<&str>) -> &mut Self {
        self.component(name, private, InterfaceType::NatGateway);
        let subnet = &self.resources.subnets[self.subnet];
        let (subnet_id, vpc_id) = (subnet.subnet_id.clone(), subnet.vpc_id.clone());
        let connectivity_type = if public.is_some() { "public" } else { "private" };
        let gateway = NatGateway {
            name: name.to_owned(),
            nat_gateway_id: self.id("nat"),
            subnet_id: Some(subnet_id),
            vpc_id: Some(vpc_id),
            connectivity_type: Some(connectivity_type.to_owned()),
            state: Some("available".to_owned()),
            ..NatGateway::default()
        };
        self.resources.nat_gateways.push(gateway);
        self.note_nat_address(name, private, public)
    }

    /// One more address of a NAT gateway.
    pub fn nat_address(&mut self, name: &str, private: &str, public: Option<&str>) -> &mut Self {
        self.secondary_address(name, private)
            .note_nat_address(name, private, public)
    }

    fn note_nat_address(&mut self, name: &str, private: &str, public: Option<&str>) -> &mut Self {
        if let Some(public) = public {
            self.public_address_of(name, private, public);
        }
        let eni = self.interface(name);
        let private_ip = address4(private);
        let mut associations = eni.associations.iter();
        let association = associations.find(|it| it.private_ip_address == private_ip);
        let address = NatGatewayAddress {
            allocation_id: association.and_then(|it| it.allocation_id.clone()),
            association_id: association.and_then(|it| it.association_id.clone()),
            public_ip: association.map(|it| it.public_ip),
            private_ip: Some(private_ip),
            network_interface_id: Some(eni.network_interface_id.clone()),
            ..NatGatewayAddress::default()
        };
        let gateway = self.nat_named(name);
        gateway.nat_gateway_addresses.push(NatGatewayAddress {
            is_primary: Some(gateway.nat_gateway_addresses.is_empty()),
            ..address
        });
        self
    }

    /// A NAT gateway that was public is private.
    pub fn nat_is_private(&mut self, name: &str) -> &mut Self {
        self.interface_mut(name).associations.clear();
        let gateway = self.nat_named(name);
        gateway.connectivity_type = Some("private".to_owned());
        for address in &mut gateway.nat_gateway_addresses {
            (address.allocation_id, address.association_id, address.public_ip) = (None, None, None);
        }
        self
    }

    /// Deletes a NAT gateway: its ENI goes, and what it says of itself stays for a while.
    pub fn delete_nat_gateway(&mut self, name: &str) -> &mut Self {
        self.resources.network_interfaces.retain(|eni| eni.name != name);
        self.nat_named(name).state = Some("deleted".to_owned());
        self
    }

    fn nat_named(&mut self, name: &str) -> &mut NatGateway {
        let mut gateways = self.resources.nat_gateways.iter_mut();
        let found = gateways.find(|gateway| gateway.name == name);
        found.unwrap_or_else(|| panic!("no NAT gateway {name}"))
    }

    /// What AWS says of the addresses that one of its services has.
    pub fn service_list(&mut self, name: &str, entries: &[&str]) -> &mut Self {
        self.prefix_list(name, entries);
        let list = self.resources.prefix_lists.iter_mut().find(|list| list.name == name);
        list.expect("just made").details.owner_id = "AWS".to_owned();
        self
    }

    /// A gateway endpoint that leads some subnets of a VPC to a service, by routes in their tables.
    pub fn gateway_endpoint(&mut self, name: &str, service: &str, subnets: &[&str]) -> &mut Self {
        let vpc_endpoint_id = self.id("vpce");
        let target = RouteTarget::Gateway(vpc_endpoint_id.clone());
        let mut route_table_ids = Vec::new();
        for subnet in subnets {
            self.route_to(subnet, service, target.clone());
            let table = self.subnet_mut(subnet).route_table_id.clone();
            if !route_table_ids.contains(&table) {
                route_table_ids.push(table);
            }
        }
        let first = subnets.first().expect("some subnet");
        let vpc_id = self.subnet_mut(first).vpc_id.clone();
        self.resources.vpc_endpoints.push(VpcEndpoint {
            name: name.to_owned(),
            vpc_endpoint_id,
            vpc_endpoint_type: Some("Gateway".to_owned()),
            vpc_id: Some(vpc_id),
            service_name: Some(service.to_owned()),
            state: Some("available".to_owned()),
            route_table_ids,
            ..VpcEndpoint::default()
        });
        self
    }

    /// An active peering connection.
    pub fn peering(&mut self, name: &str, requester: &str, accepter: &str) -> &mut Self {
        let connection = VpcPeeringConnection {
            name: name.to_owned(),
            vpc_peering_connection_id: self.id("pcx"),
            requester_vpc_info: peering_side(self.vpc_named(requester)),
            accepter_vpc_info: peering_side(self.vpc_named(accepter)),
            ..VpcPeeringConnection::default()
        };
        self.resources.vpc_peering_connections.push(connection);
        self.peering_status(name, "active")
    }

    /// `pending-acceptance` and the like.
    pub fn peering_status(&mut self, name: &str, code: &str) -> &mut Self {
        let mut connections = self.resources.vpc_peering_connections.iter_mut();
        let found = connections.find(|connection| connection.name == name);
        found.unwrap_or_else(|| panic!("no peering connection {name}")).status = PeeringStatus {
            code: Some(code.to_owned()),
            message: None,
        };
        self
    }

    /// Another Region for a VPC.
    pub fn region(&mut self, vpc: &str, region: &str) -> &mut Self {
        let mut vpcs = self.resources.vpcs.iter_mut();
        let found = vpcs.find(|it| it.name == vpc);
        found.unwrap_or_else(|| panic!("no VPC {vpc}")).region = region.to_owned();
        self
    }

    /// `off`, `block-bidirectional` or `block-ingress`, for all VPCs.
    pub fn block_public_access(&mut self, mode: &str) -> &mut Self {
        let options = VpcBlockPublicAccessOptions {
            internet_gateway_block_mode: Some(mode.to_owned()),
            ..VpcBlockPublicAccessOptions::default()
        };
        self.resources.vpc_block_public_access_options = vec![options];
        self
    }

    /// `allow-bidirectional` or `allow-egress`, for a VPC or a subnet.
    pub fn exclude(&mut self, name: &str, mode: &str) -> &mut Self {
        let mut subnets = self.resources.subnets.iter();
        let subnet = subnets.find(|subnet| subnet.name == name);
        let id = subnet.map_or_else(
            || format!("vpc/{}", self.vpc_named(name).vpc_id),
            |subnet| format!("subnet/{}", subnet.subnet_id),
        );
        let exclusion = VpcBlockPublicAccessExclusion {
            exclusion_id: self.id("vpcbpa-exclude"),
            internet_gateway_exclusion_mode: Some(mode.to_owned()),
            resource_arn: Some(format!("arn:aws:ec2:eu-central-1:111122223333:{id}")),
            ..VpcBlockPublicAccessExclusion::default()
        };
        self.resources.vpc_block_public_access_exclusions.push(exclusion);
        self
    }

    /// A static route to a gateway of any kind.
    pub fn route_out(&mut self, subnet: &str, destination: &str, gateway: &str) -> &mut Self {
        let target = self.gateway(gateway);
        self.route_to(subnet, destination, target)
    }

    /// The target that a gateway of this name is.
    #[must_use]
    pub fn gateway(&self, name: &str) -> RouteTarget {
        let resources = &self.resources;
        macro_rules! named {
            ($list:ident, $id:ident, $target:ident) => {
                if let Some(found) = resources.$list.iter().find(|it| it.name == name) {
                    return RouteTarget::$target(found.$id.clone());
                }
            };
        }
        named!(internet_gateways, internet_gateway_id, Gateway);
        named!(
            egress_only_internet_gateways,
            egress_only_internet_gateway_id,
            EgressOnlyInternetGateway
        );
        named!(nat_gateways, nat_gateway_id, NatGateway);
        named!(vpc_peering_connections, vpc_peering_connection_id, VpcPeeringConnection);
        named!(transit_gateways, transit_gateway_id, TransitGateway);
        panic!("no gateway {name}")
    }

    pub(super) fn vpc_named(&self, name: &str) -> &Vpc {
        let found = self.resources.vpcs.iter().find(|vpc| vpc.name == name);
        found.unwrap_or_else(|| panic!("no VPC {name}"))
    }
}

fn peering_side(vpc: &Vpc) -> PeeringVpcInfo {
    let ipv4 = std::iter::once(vpc.cidr_block).chain(vpc.secondary_cidr_blocks.iter().copied());
    let ipv6 = vpc.ipv6_cidr_blocks.iter().copied();
    PeeringVpcInfo {
        vpc_id: Some(vpc.vpc_id.clone()),
        cidr_block: Some(vpc.cidr_block),
        cidr_block_set: ipv4
            .map(|block| CidrBlock {
                cidr_block: Some(block),
            })
            .collect(),
        ipv6_cidr_block_set: ipv6
            .map(|block| Ipv6CidrBlock {
                ipv6_cidr_block: Some(block),
            })
            .collect(),
        ..PeeringVpcInfo::default()
    }
}
