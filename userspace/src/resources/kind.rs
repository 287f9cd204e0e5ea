//! The table of all kinds of objects, which everything reads that treats kinds alike.

use super::rest::{difference, lay_over};
use super::*;
use serde::de::DeserializeOwned;
use serde::{Deserializer, Serialize};
use serde_json::{Map, Value};

/// A kind of objects.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The list in [`Resources`], and the section of a document, such as `nat_gateways`.
    pub section: &'static str,
    /// What people call one: `NAT gateway`.
    pub name: &'static str,
    /// What of AWS's command line answers with them: `describe-nat-gateways`, with the service's name before it if that
    /// isn't ec2.
    pub call: &'static str,
    /// The field of the answer that they are in: `NatGateways`.
    pub key: &'static str,
    /// The field with an object's id: `NatGatewayId`.
    pub id_field: &'static str,
    /// What ids begin with, without the hyphen after it (semantics 1.1): `nat`; nothing if they have no such form.
    pub prefix: &'static str,
    /// Whether packets depend on them already, so that they have structs of their own making rather than the API's.
    pub is_core: bool,
}

/// Fields of the API that say what people call an object, where it isn't only the tag `Name`.
const NAME_FIELDS: [(&str, &str); 12] = [
    ("security_groups", "GroupName"),
    ("prefix_lists", "PrefixListName"),
    ("load_balancers", "LoadBalancerName"),
    ("target_groups", "TargetGroupName"),
    ("hosted_zones", "Name"),
    ("resolver_endpoints", "Name"),
    ("resolver_rules", "Name"),
    ("resolver_rule_associations", "Name"),
    ("vpc_links", "Name"),
    ("rest_vpc_links", "name"),
    ("virtual_interfaces", "virtualInterfaceName"),
    ("direct_connect_gateways", "directConnectGatewayName"),
];

impl Kind {
    /// The field that says what people call an object of this kind, if there is one.
    #[must_use]
    pub fn name_field(&self) -> Option<&'static str> {
        let found = NAME_FIELDS.iter().find(|(section, _)| *section == self.section);
        found.map(|(_, field)| *field)
    }
}

/// An object of any kind, as far as all kinds are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    pub kind: &'static Kind,
    pub id: &'a str,
    pub name: &'a str,
}

/// All kinds, those that packets depend on first.
#[must_use]
pub fn kinds() -> &'static [Kind] {
    KINDS
}

/// The kind of a section of a document.
#[must_use]
pub fn kind(section: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.section == section)
}

/// The kind that an id is of, by what it begins with. Some kinds share a prefix; then it is the first of them.
#[must_use]
pub fn kind_of_id(id: &str) -> Option<&'static Kind> {
    let begins = |kind: &&Kind| !kind.prefix.is_empty() && has_prefix(id, kind.prefix);
    let longest = KINDS.iter().filter(begins).map(|kind| kind.prefix.len()).max()?;
    KINDS.iter().filter(begins).find(|kind| kind.prefix.len() == longest)
}

fn has_prefix(id: &str, prefix: &str) -> bool {
    let rest = id.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.starts_with('-'))
}

/// An object in the shape of the API's JSON.
pub(super) trait Noun: Serialize + DeserializeOwned + Default {
    /// The name and the rest, to be filled in.
    fn labels(&mut self) -> (&mut String, &mut Rest);

    fn name(&self) -> &str;

    fn rest(&self) -> &Rest;
}

/// Reads an object from what `said` says, too.
fn read<'de, T: Noun, D: Deserializer<'de>>(name: String, from: D, said: &Map<String, Value>) -> Result<T, D::Error> {
    let mut noun = T::deserialize(from)?;
    let rest = difference(&fields(&noun), said);
    *noun.labels().0 = name;
    *noun.labels().1 = rest;
    Ok(noun)
}

/// What the API prints of an object.
fn write<T: Noun>(noun: &T) -> Map<String, Value> {
    let mut written = fields(noun);
    lay_over(&mut written, noun.rest());
    written
}

/// The fields of a struct. Structs of strings, numbers and lists always have a JSON.
fn fields<T: Noun>(noun: &T) -> Map<String, Value> {
    match serde_json::to_value(noun) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

macro_rules! kinds {
    (
        core { $($core:ident: $core_type:ident $core_id:ident $core_name:ident, $($core_text:literal)*;)* }
        later { $($section:ident: $type:ident $id:ident, $($text:literal)*;)* }
    ) => {
        /// All resources of one configuration, each list in order of id.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Resources {
            $(pub $core: Vec<$core_type>,)*
            $(pub $section: Vec<$type>,)*
        }

        const KINDS: &[Kind] = &[
            $(kinds!(@kind true, stringify!($core), $($core_text)*),)*
            $(kinds!(@kind false, stringify!($section), $($text)*),)*
        ];

        impl Resources {
            /// All objects of a kind.
            #[must_use]
            pub fn objects(&self, kind: &'static Kind) -> Vec<Object<'_>> {
                match kind.section {
                    $(stringify!($core) => {
                        let objects = self.$core.iter();
                        objects.map(|it| Object { kind, id: &it.$core_id, name: &it.$core_name }).collect()
                    })*
                    $(stringify!($section) => {
                        let objects = self.$section.iter();
                        objects.map(|it| Object { kind, id: &it.$id, name: it.name() }).collect()
                    })*
                    _ => Vec::new(),
                }
            }

            /// Puts every list in order of id.
            pub fn sort(&mut self) {
                $(self.$core.sort_by(|a, b| a.$core_id.cmp(&b.$core_id));)*
                $(self.$section.sort_by(|a, b| a.$id.cmp(&b.$id));)*
            }

            /// Reads an object of one of the kinds in the API's shape into its list. `said` is the same JSON; what of
            /// it no field has becomes the rest. Nothing happens for the kinds that have structs of their own making.
            pub fn read<'de, D: Deserializer<'de>>(
                &mut self,
                kind: &Kind,
                name: String,
                from: D,
                said: &Map<String, Value>,
            ) -> Result<(), D::Error> {
                match kind.section {
                    $(stringify!($section) => self.$section.push(read(name, from, said)?),)*
                    _ => {}
                }
                Ok(())
            }

            /// The objects of such a kind in the API's shape, each with its tags and what no field of it has.
            #[must_use]
            pub(crate) fn apart(&self, kind: &'static Kind) -> Vec<(Object<'_>, Map<String, Value>, &Rest)> {
                match kind.section {
                    $(stringify!($section) => {
                        let objects = self.$section.iter();
                        let parts = objects.map(|it| {
                            let object = Object { kind, id: &it.$id, name: it.name() };
                            (object, fields(it), it.rest())
                        });
                        parts.collect()
                    })*
                    _ => Vec::new(),
                }
            }

            /// What the API prints of the objects of such a kind.
            #[must_use]
            pub fn write(&self, kind: &'static Kind) -> Vec<(Object<'_>, Map<String, Value>)> {
                match kind.section {
                    $(stringify!($section) => {
                        let objects = self.$section.iter();
                        objects.map(|it| (Object { kind, id: &it.$id, name: it.name() }, write(it))).collect()
                    })*
                    _ => Vec::new(),
                }
            }
        }
    };
    (@kind $is_core:literal, $section:expr, $name:literal $call:literal $key:literal $id_field:literal $prefix:literal) => {
        Kind {
            section: $section,
            name: $name,
            call: $call,
            key: $key,
            id_field: $id_field,
            prefix: $prefix,
            is_core: $is_core,
        }
    };
}

kinds! {
    core {
        vpcs: Vpc vpc_id name, "VPC" "describe-vpcs" "Vpcs" "VpcId" "vpc";
        subnets: Subnet subnet_id name, "subnet" "describe-subnets" "Subnets" "SubnetId" "subnet";
        route_tables: RouteTable route_table_id name,
            "route table" "describe-route-tables" "RouteTables" "RouteTableId" "rtb";
        network_acls: NetworkAcl network_acl_id name,
            "network ACL" "describe-network-acls" "NetworkAcls" "NetworkAclId" "acl";
        security_groups: SecurityGroup group_id group_name,
            "security group" "describe-security-groups" "SecurityGroups" "GroupId" "sg";
        prefix_lists: PrefixList prefix_list_id name,
            "prefix list" "describe-managed-prefix-lists" "PrefixLists" "PrefixListId" "pl";
        network_interfaces: NetworkInterface network_interface_id name,
            "network interface" "describe-network-interfaces" "NetworkInterfaces" "NetworkInterfaceId" "eni";
    }
    later {
        internet_gateways: InternetGateway internet_gateway_id,
            "internet gateway" "describe-internet-gateways" "InternetGateways" "InternetGatewayId" "igw";
        egress_only_internet_gateways: EgressOnlyInternetGateway egress_only_internet_gateway_id,
            "egress-only internet gateway" "describe-egress-only-internet-gateways" "EgressOnlyInternetGateways" "EgressOnlyInternetGatewayId" "eigw";
        addresses: Address allocation_id, "Elastic IP" "describe-addresses" "Addresses" "AllocationId" "eipalloc";
        nat_gateways: NatGateway nat_gateway_id,
            "NAT gateway" "describe-nat-gateways" "NatGateways" "NatGatewayId" "nat";
        vpc_peering_connections: VpcPeeringConnection vpc_peering_connection_id,
            "VPC peering connection" "describe-vpc-peering-connections" "VpcPeeringConnections" "VpcPeeringConnectionId" "pcx";
        transit_gateways: TransitGateway transit_gateway_id,
            "transit gateway" "describe-transit-gateways" "TransitGateways" "TransitGatewayId" "tgw";
        transit_gateway_attachments: TransitGatewayAttachment transit_gateway_attachment_id,
            "transit gateway attachment" "describe-transit-gateway-attachments" "TransitGatewayAttachments" "TransitGatewayAttachmentId" "tgw-attach";
        transit_gateway_vpc_attachments: TransitGatewayVpcAttachment transit_gateway_attachment_id,
            "transit gateway VPC attachment" "describe-transit-gateway-vpc-attachments" "TransitGatewayVpcAttachments" "TransitGatewayAttachmentId" "tgw-attach";
        transit_gateway_peering_attachments: TransitGatewayPeeringAttachment transit_gateway_attachment_id,
            "transit gateway peering attachment" "describe-transit-gateway-peering-attachments" "TransitGatewayPeeringAttachments" "TransitGatewayAttachmentId" "tgw-attach";
        transit_gateway_connects: TransitGatewayConnect transit_gateway_attachment_id,
            "transit gateway Connect attachment" "describe-transit-gateway-connects" "TransitGatewayConnects" "TransitGatewayAttachmentId" "tgw-attach";
        transit_gateway_connect_peers: TransitGatewayConnectPeer transit_gateway_connect_peer_id,
            "transit gateway Connect peer" "describe-transit-gateway-connect-peers" "TransitGatewayConnectPeers" "TransitGatewayConnectPeerId" "tgw-connect-peer";
        transit_gateway_route_tables: TransitGatewayRouteTable transit_gateway_route_table_id,
            "transit gateway route table" "describe-transit-gateway-route-tables" "TransitGatewayRouteTables" "TransitGatewayRouteTableId" "tgw-rtb";
        vpc_endpoints: VpcEndpoint vpc_endpoint_id,
            "VPC endpoint" "describe-vpc-endpoints" "VpcEndpoints" "VpcEndpointId" "vpce";
        vpc_endpoint_services: VpcEndpointService service_id,
            "endpoint service" "describe-vpc-endpoint-service-configurations" "ServiceConfigurations" "ServiceId" "vpce-svc";
        vpc_endpoint_connections: VpcEndpointConnection vpc_endpoint_id,
            "endpoint connection" "describe-vpc-endpoint-connections" "VpcEndpointConnections" "VpcEndpointId" "vpce";
        load_balancers: LoadBalancer load_balancer_arn,
            "load balancer" "elbv2 describe-load-balancers" "LoadBalancers" "LoadBalancerArn" "";
        listeners: Listener listener_arn, "listener" "elbv2 describe-listeners" "Listeners" "ListenerArn" "";
        target_groups: TargetGroup target_group_arn,
            "target group" "elbv2 describe-target-groups" "TargetGroups" "TargetGroupArn" "";
        vpn_gateways: VpnGateway vpn_gateway_id,
            "virtual private gateway" "describe-vpn-gateways" "VpnGateways" "VpnGatewayId" "vgw";
        customer_gateways: CustomerGateway customer_gateway_id,
            "customer gateway" "describe-customer-gateways" "CustomerGateways" "CustomerGatewayId" "cgw";
        vpn_connections: VpnConnection vpn_connection_id,
            "VPN connection" "describe-vpn-connections" "VpnConnections" "VpnConnectionId" "vpn";
        client_vpn_endpoints: ClientVpnEndpoint client_vpn_endpoint_id,
            "client VPN endpoint" "describe-client-vpn-endpoints" "ClientVpnEndpoints" "ClientVpnEndpointId" "cvpn-endpoint";
        direct_connect_gateways: DirectConnectGateway direct_connect_gateway_id,
            "Direct Connect gateway" "directconnect describe-direct-connect-gateways" "directConnectGateways" "directConnectGatewayId" "";
        virtual_interfaces: VirtualInterface virtual_interface_id,
            "virtual interface" "directconnect describe-virtual-interfaces" "virtualInterfaces" "virtualInterfaceId" "dxvif";
        direct_connect_gateway_associations: DirectConnectGatewayAssociation association_id,
            "Direct Connect gateway association" "directconnect describe-direct-connect-gateway-associations" "directConnectGatewayAssociations" "associationId" "";
        dhcp_options: DhcpOptions dhcp_options_id,
            "DHCP option set" "describe-dhcp-options" "DhcpOptions" "DhcpOptionsId" "dopt";
        flow_logs: FlowLog flow_log_id, "flow log" "describe-flow-logs" "FlowLogs" "FlowLogId" "fl";
        traffic_mirror_sessions: TrafficMirrorSession traffic_mirror_session_id,
            "traffic mirror session" "describe-traffic-mirror-sessions" "TrafficMirrorSessions" "TrafficMirrorSessionId" "tms";
        traffic_mirror_filters: TrafficMirrorFilter traffic_mirror_filter_id,
            "traffic mirror filter" "describe-traffic-mirror-filters" "TrafficMirrorFilters" "TrafficMirrorFilterId" "tmf";
        traffic_mirror_targets: TrafficMirrorTarget traffic_mirror_target_id,
            "traffic mirror target" "describe-traffic-mirror-targets" "TrafficMirrorTargets" "TrafficMirrorTargetId" "tmt";
        network_insights_paths: NetworkInsightsPath network_insights_path_id,
            "reachability path" "describe-network-insights-paths" "NetworkInsightsPaths" "NetworkInsightsPathId" "nip";
        network_insights_analyses: NetworkInsightsAnalysis network_insights_analysis_id,
            "reachability analysis" "describe-network-insights-analyses" "NetworkInsightsAnalyses" "NetworkInsightsAnalysisId" "nia";
        hosted_zones: HostedZone id, "hosted zone" "route53 list-hosted-zones" "HostedZones" "Id" "";
        resolver_endpoints: ResolverEndpoint id,
            "resolver endpoint" "route53resolver list-resolver-endpoints" "ResolverEndpoints" "Id" "rslvr";
        resolver_rules: ResolverRule id,
            "resolver rule" "route53resolver list-resolver-rules" "ResolverRules" "Id" "rslvr-rr";
        resolver_rule_associations: ResolverRuleAssociation id,
            "resolver rule association" "route53resolver list-resolver-rule-associations" "ResolverRuleAssociations" "Id" "rslvr-rrassoc";
        vpc_links: VpcLink vpc_link_id, "VPC link" "apigatewayv2 get-vpc-links" "Items" "VpcLinkId" "";
        rest_vpc_links: RestVpcLink id, "VPC link of a REST API" "apigateway get-vpc-links" "items" "id" "";
        vpc_block_public_access_options: VpcBlockPublicAccessOptions aws_account_id,
            "block public access" "describe-vpc-block-public-access-options" "VpcBlockPublicAccessOptions" "AwsAccountId" "";
        vpc_block_public_access_exclusions: VpcBlockPublicAccessExclusion exclusion_id,
            "block public access exclusion" "describe-vpc-block-public-access-exclusions" "VpcBlockPublicAccessExclusions" "ExclusionId" "vpcbpa-exclude";
        subnet_ipv4_cidr_reservations: SubnetCidrReservation subnet_cidr_reservation_id,
            "subnet CIDR reservation" "get-subnet-cidr-reservations" "SubnetIpv4CidrReservations" "SubnetCidrReservationId" "scr";
        subnet_ipv6_cidr_reservations: SubnetCidrReservation subnet_cidr_reservation_id,
            "subnet IPv6 CIDR reservation" "get-subnet-cidr-reservations" "SubnetIpv6CidrReservations" "SubnetCidrReservationId" "scr";
        ipams: Ipam ipam_id, "IPAM" "describe-ipams" "Ipams" "IpamId" "ipam";
        ipam_scopes: IpamScope ipam_scope_id,
            "IPAM scope" "describe-ipam-scopes" "IpamScopes" "IpamScopeId" "ipam-scope";
        ipam_pools: IpamPool ipam_pool_id, "IPAM pool" "describe-ipam-pools" "IpamPools" "IpamPoolId" "ipam-pool";
        reservations: Reservation reservation_id,
            "reservation of instances" "describe-instances" "Reservations" "ReservationId" "r";
        availability_zones: AvailabilityZone zone_id,
            "availability zone" "describe-availability-zones" "AvailabilityZones" "ZoneId" "";
    }
}
