//! What a VPC consists of, in AWS's own nouns.
//!
//! Field names are those of the EC2 API (semantics 1.3), in Rust's spelling; defaults (semantics 1.2) are explicit
//! here: every subnet has a route table and a NACL, every ENI has groups. `document` makes these values, `plan`
//! compiles them, and the reference model in the tests reads nothing else.

mod api_gateway;
mod balancing;
mod details;
mod direct_connect;
mod dns;
mod endpoint;
mod instance;
mod internet;
mod ipam;
mod kind;
mod load_balancer;
mod network_acl;
mod network_interface;
mod observe;
mod peering;
mod prefix_list;
mod rest;
mod route_table;
mod security_group;
mod service_side;
mod subnet;
#[cfg(test)]
mod tests;
mod transit_gateway;
mod vpc;
mod vpn;
mod wire;

pub use api_gateway::{RestVpcLink, VpcLink};
#[cfg(test)]
pub(crate) use balancing::tests::provider;
pub use balancing::{BALANCED_UDP_IDLE, FlowStickiness, GENEVE_PORT, TargetPlace, TargetUse, TargetZone};
pub use details::{Details, Rest, Tags};
pub use direct_connect::{
    AssociatedGateway, BgpPeer, DirectConnectGateway, DirectConnectGatewayAssociation, RouteFilterPrefix,
    VirtualInterface,
};
pub use dns::{
    AliasTarget, DhcpConfiguration, DhcpOptions, DhcpValue, HostedZone, HostedZoneConfig, HostedZoneVpc,
    ResolverEndpoint, ResolverIpAddress, ResolverRule, ResolverRuleAssociation, ResourceRecord, ResourceRecordSet,
    TargetAddress,
};
pub use endpoint::{
    AllowedPrincipal, DnsEntry, DnsOptions, EndpointError, EndpointGroup, EndpointPrefixes, EndpointServiceType,
    PrivateDnsNameConfiguration, SubnetConfiguration, SupportedRegion, VpcEndpoint, VpcEndpointConnection,
    VpcEndpointService,
};
pub use instance::{AvailabilityZone, Instance, InstanceNetworkInterface, InstanceState, Placement, Reservation};
pub use internet::{
    Address, EgressOnlyInternetGateway, GatewayAttachment, InternetGateway, NatGateway, NatGatewayAddress,
    VpcBlockPublicAccessExclusion, VpcBlockPublicAccessOptions,
};
pub use ipam::{
    Ipam, IpamPool, IpamPoolAllocation, IpamPoolCidr, IpamScope, OperatingRegion, ResourceTag, SubnetCidrReservation,
};
pub use kind::{Kind, Object, Resources, kind, kind_of_id, kinds};
pub use load_balancer::{
    Action, Attribute, ForwardConfig, Listener, LoadBalancer, LoadBalancerAddress, LoadBalancerState, LoadBalancerZone,
    Matcher, Target, TargetGroup, TargetGroupTuple, TargetHealth, TargetHealthDescription,
};
pub use network_acl::{NetworkAcl, NetworkAclEntry, RuleAction};
pub use network_interface::{
    Allowance, ConnectionTracking, EniAssociation, EniAttachment, InterfaceType, NetworkInterface,
};
pub use observe::{
    FlowLog, NetworkInsightsAnalysis, NetworkInsightsPath, PortRange, TrafficMirrorFilter, TrafficMirrorFilterRule,
    TrafficMirrorSession, TrafficMirrorTarget,
};
pub use peering::{CidrBlock, Ipv6CidrBlock, PeeringOptions, PeeringStatus, PeeringVpcInfo, VpcPeeringConnection};
pub use prefix_list::{AddressFamily, PrefixList};
pub use rest::{difference, lay_over};
pub use route_table::{Destination, Route, RouteList, RouteOrigin, RouteState, RouteTable, RouteTarget};
pub use security_group::{Peer, ReferencedGroup, SecurityGroup, SecurityGroupRule};
pub use service_side::with_service_side;
pub use subnet::Subnet;
pub use transit_gateway::{
    AttachmentAssociation, ConnectPeerBgpConfiguration, ConnectPeerConfiguration, PeeringTgwInfo, TransitGateway,
    TransitGatewayAttachment, TransitGatewayConnect, TransitGatewayConnectOptions, TransitGatewayConnectPeer,
    TransitGatewayOptions, TransitGatewayPeeringAttachment, TransitGatewayPrefixListReference, TransitGatewayRoute,
    TransitGatewayRouteAttachment, TransitGatewayRouteTable, TransitGatewayRouteTableAssociation,
    TransitGatewayRouteTablePropagation, TransitGatewayStatus, TransitGatewayVpcAttachment,
    TransitGatewayVpcAttachmentOptions,
};
pub use vpc::Vpc;
pub use vpn::{
    AuthorizationRule, ClientVpnEndpoint, ClientVpnRoute, ClientVpnStatus, CustomerGateway, NumberValue, TargetNetwork,
    TextValue, TunnelOption, VgwTelemetry, VpnConnection, VpnConnectionOptions, VpnGateway, VpnStaticRoute,
};

use service_side::{service_endpoint_address, service_interface_id};
pub(crate) use wire::says;
use wire::{noun, wire};
