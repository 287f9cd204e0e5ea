//! AWS's quotas (semantics 29), each with what AWS gives at first and how far it is raised.

use super::diagnostic::{Problem, Problems, Span};
use super::fields::Fields;

/// Where AWS raises a quota on request and says no maximum.
const ANY: usize = 1_000_000;

/// How many there may be of something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) most: usize,
    /// What, and of whom.
    pub(super) what: &'static str,
    pub(super) code: Option<&'static str>,
    /// The quota that raises it, and how far.
    pub(super) raised_by: Option<(&'static str, usize)>,
}

macro_rules! quotas {
    ($($quota:ident: $name:literal, $default:literal to $most:expr, $what:literal, $code:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Quota { $($quota),* }

        /// Every quota in the order of its number, as it is before anybody raises it.
        pub(super) const QUOTAS: &[(Quota, Limit)] = &[$((Quota::$quota, Limit {
            most: $default,
            what: $what,
            code: $code,
            raised_by: Some(($name, $most)),
        })),*];
    };
}

quotas! {
    Vpcs: "vpcs_per_region", 200 to ANY, "VPCs in a document", Some("VpcLimitExceeded");
    Subnets: "subnets_per_vpc", 200 to ANY, "subnets in a VPC", Some("SubnetLimitExceeded");
    CidrBlocks: "cidr_blocks_per_vpc", 5 to 50, "IPv4 blocks in a VPC", Some("CidrLimitExceeded");
    Ipv6CidrBlocks: "ipv6_cidr_blocks_per_vpc", 5 to 50, "IPv6 blocks in a VPC", Some("CidrLimitExceeded");
    RouteTables: "route_tables_per_vpc", 200 to ANY, "route tables in a VPC", Some("RouteTableLimitExceeded");
    Routes: "routes_per_route_table", 500 to 1000, "routes of one family in a table", Some("RouteLimitExceeded");
    NetworkAcls: "network_acls_per_vpc", 200 to ANY, "network ACLs in a VPC", Some("NetworkAclLimitExceeded");
    NetworkAclEntries: "rules_per_network_acl", 20 to 40,
        "entries of one family and direction in a network ACL", Some("NetworkAclEntryLimitExceeded");
    SecurityGroups: "security_groups_per_region", 2500 to ANY,
        "security groups in a document", Some("SecurityGroupLimitExceeded");
    SecurityGroupRules: "rules_per_security_group", 60 to 1000,
        "rules of one family and direction in a security group", Some("RulesPerSecurityGroupLimitExceeded");
    SecurityGroupsOfAnEni: "security_groups_per_network_interface", 5 to 16,
        "security groups of an instance", Some("SecurityGroupsPerInterfaceLimitExceeded");
    PrefixLists: "prefix_lists_per_region", 100 to ANY, "prefix lists in a document", None;
    PrefixListReferences: "references_per_prefix_list", 10_000 to 10_000,
        "references to a prefix list by one type of resource", None;
    InternetGateways: "internet_gateways_per_region", 200 to ANY,
        "internet gateways in a Region", Some("InternetGatewayLimitExceeded");
    EgressOnlyInternetGateways: "egress_only_internet_gateways_per_region", 200 to ANY,
        "egress-only internet gateways in a Region", Some("EgressOnlyInternetGatewayLimitExceeded");
    BlockPublicAccessExclusions: "block_public_access_exclusions_per_region", 50 to ANY,
        "exclusions from blocked public access", None;
    AddressUnits: "address_units_per_vpc", 64_000 to 256_000, "addresses and prefixes in a VPC", None;
    AddressUnitsWithPeers: "address_units_with_peers", 128_000 to ANY,
        "addresses and prefixes in a VPC and its peers", None;
    ElasticIps: "elastic_ips_per_region", 5 to ANY, "Elastic IPs in a Region", Some("AddressLimitExceeded");
    ElasticIpsOfNatGateway: "elastic_ips_per_nat_gateway", 2 to 8,
        "Elastic IPs of a NAT gateway", Some("AddressLimitExceeded");
    AddressesOfNatGateway: "addresses_per_nat_gateway", 8 to 8,
        "addresses of a NAT gateway", Some("PrivateIpAddressLimitExceeded");
    NatGatewaysOfZone: "nat_gateways_per_availability_zone", 5 to ANY,
        "NAT gateways in an availability zone", Some("NatGatewayLimitExceeded");
    RegionalNatGateways: "regional_nat_gateways_per_vpc", 5 to ANY,
        "regional NAT gateways in a VPC", Some("NatGatewayLimitExceeded");
    ActivePeerings: "active_peerings_per_vpc", 50 to 125,
        "active peering connections of a VPC", Some("VpcPeeringConnectionsPerVpcLimitExceeded");
    OutstandingPeerings: "outstanding_peerings_per_vpc", 25 to ANY,
        "peering connections of a VPC that wait to be accepted", Some("OutstandingVpcPeeringConnectionLimitExceeded");
    InterfaceEndpoints: "interface_endpoints_per_vpc", 50 to ANY,
        "interface and Gateway Load Balancer endpoints in a VPC", Some("VpcEndpointLimitExceeded");
    GatewayEndpoints: "gateway_endpoints_per_region", 20 to ANY,
        "gateway endpoints in a Region", Some("VpcEndpointLimitExceeded");
    GatewayEndpointsOfVpc: "gateway_endpoints_per_vpc", 255 to 255,
        "gateway endpoints in a VPC", Some("VpcEndpointLimitExceeded");
    FlowLogs: "flow_logs_per_resource", 250 to ANY, "flow logs of a resource", Some("FlowLogsLimitExceeded");
    TransitGateways: "transit_gateways_per_account", 5 to ANY,
        "transit gateways of an account", Some("TransitGatewayLimitExceeded");
    TransitGatewaysOfVpc: "transit_gateways_per_vpc", 5 to 5,
        "transit gateways of a VPC", Some("TransitGatewayAttachmentLimitExceeded");
    TransitGatewayRouteTables: "route_tables_per_transit_gateway", 20 to ANY,
        "route tables of a transit gateway", Some("TransitGatewayRouteTableLimitExceeded");
    TransitGatewayRoutes: "routes_per_transit_gateway", 10_000 to ANY,
        "routes of a transit gateway", Some("RouteLimitExceeded");
    TransitGatewayAttachments: "attachments_per_transit_gateway", 5000 to ANY,
        "attachments of a transit gateway", Some("TransitGatewayAttachmentLimitExceeded");
    TransitGatewayPeerings: "peerings_per_transit_gateway", 50 to ANY,
        "peerings of a transit gateway", Some("TransitGatewayAttachmentLimitExceeded");
    VpnConnections: "vpn_connections_per_region", 50 to ANY,
        "VPN connections in a Region", Some("VpnConnectionLimitExceeded");
    VpnConnectionsOfGateway: "vpn_connections_per_vpn_gateway", 10 to ANY,
        "VPN connections of a virtual private gateway", Some("VpnConnectionLimitExceeded");
    VpnGateways: "vpn_gateways_per_region", 5 to ANY,
        "virtual private gateways in a Region", Some("VpnGatewayLimitExceeded");
    CustomerGateways: "customer_gateways_per_region", 50 to ANY,
        "customer gateways in a Region", Some("CustomerGatewayLimitExceeded");
    VpnStaticRoutes: "static_routes_per_vpn_connection", 100 to ANY,
        "static routes of a VPN connection", Some("RouteLimitExceeded");
    ClientVpnEndpoints: "client_vpn_endpoints_per_region", 5 to ANY,
        "client VPN endpoints in a Region", Some("ClientVpnEndpointLimitExceeded");
    ClientVpnRoutes: "routes_per_client_vpn_endpoint", 10 to ANY,
        "routes of a client VPN endpoint", Some("ClientVpnRouteLimitExceeded");
    ClientVpnRules: "authorization_rules_per_client_vpn_endpoint", 50 to ANY,
        "authorization rules of a client VPN endpoint", Some("ClientVpnAuthorizationRuleLimitExceeded");
    VirtualInterfaces: "virtual_interfaces_per_connection", 50 to ANY,
        "virtual interfaces of a connection", None;
    TransitVirtualInterfaces: "transit_virtual_interfaces_per_connection", 4 to ANY,
        "transit virtual interfaces of a connection", None;
    VpnGatewaysOfDirectConnect: "vpn_gateways_per_direct_connect_gateway", 20 to 20,
        "virtual private gateways of a Direct Connect gateway", None;
    TransitGatewaysOfDirectConnect: "transit_gateways_per_direct_connect_gateway", 6 to 6,
        "transit gateways of a Direct Connect gateway", None;
    PrefixesOfDirectConnect: "prefixes_per_transit_gateway_association", 200 to 200,
        "prefixes to on-premises of a transit gateway's association", None;
    MirrorSessions: "mirror_sessions_per_network_interface", 3 to 3,
        "mirror sessions of a network interface", Some("TrafficMirrorSessionsPerInterfaceLimitExceeded");
    MirrorRules: "rules_per_mirror_filter", 10 to ANY,
        "rules of a mirror filter", Some("TrafficMirrorFilterRuleLimitExceeded");
    Targets: "targets_per_target_group", 1000 to ANY, "targets of a target group", Some("TooManyTargets");
}

/// The quotas of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Quotas([usize; QUOTAS.len()]);

impl Default for Quotas {
    fn default() -> Self {
        let mut quotas = Self([0; QUOTAS.len()]);
        for (quota, (_, limit)) in quotas.0.iter_mut().zip(QUOTAS) {
            *quota = limit.most;
        }
        quotas
    }
}

impl Quotas {
    /// How many there may be.
    pub(super) fn limit(&self, quota: Quota) -> Limit {
        let (_, limit) = QUOTAS[quota as usize];
        Limit {
            most: self.0[quota as usize],
            ..limit
        }
    }
}

/// How many rules the groups of one ENI may have together, in each direction and family.
const RULES_PER_NETWORK_INTERFACE: usize = 1000;

/// The quotas of a document that says something of them.
pub(super) fn read(fields: &mut Fields<'_>, problems: &mut Problems) -> Quotas {
    let mut quotas = Quotas::default();
    let Some(mut fields) = fields.mapping("quotas", problems).known() else {
        return quotas;
    };
    for (number, (_, limit)) in quotas.0.iter_mut().zip(QUOTAS) {
        let Some((name, most)) = limit.raised_by else { continue };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let given = fields.number(name, 1..=most, problems).known();
        if let Some(given) = given.and_then(|given| usize::try_from(given.value).ok()) {
            *number = given;
        }
    }
    let span = fields.span();
    fields.finish(problems);
    let rules = quotas.limit(Quota::SecurityGroupRules).most;
    let groups = quotas.limit(Quota::SecurityGroupsOfAnEni).most;
    if rules * groups > RULES_PER_NETWORK_INTERFACE {
        let message = format!(
            "{rules} rules in each of {groups} security groups are more than {RULES_PER_NETWORK_INTERFACE} for an instance"
        );
        let help = "lower rules_per_security_group or security_groups_per_network_interface";
        problems.report(
            Problem::error(span, message)
                .code("InvalidParameterCombination")
                .help(help),
        );
    }
    quotas
}

impl Limit {
    /// As many of the objects as there may be beside those so far, and a problem at the first one too many.
    pub(super) fn apply<'a, T>(
        &self,
        so_far: usize,
        objects: &'a [T],
        span: impl Fn(&T) -> Span,
        problems: &mut Problems,
    ) -> &'a [T] {
        let room = self.most.saturating_sub(so_far);
        let Some(first_too_many) = objects.get(room) else {
            return objects;
        };
        problems.report(self.exceeded(span(first_too_many)));
        objects.get(..room).unwrap_or_default()
    }

    /// Checks a number that isn't that of objects in a list.
    pub(super) fn check(&self, count: usize, span: Span, problems: &mut Problems) {
        if count > self.most {
            problems.report(self.exceeded(span));
        }
    }

    /// That there are too many.
    pub(super) fn exceeded(&self, span: Span) -> Problem {
        let problem = Problem::error(span, format!("more than {} {}", self.most, self.what)).code(self.code);
        match self.raised_by {
            Some((quota, most)) if self.most < most => problem.help(format!(
                "AWS raises this quota on request, here {quota} does below quotas"
            )),
            _ => problem.help("it isn't raised any further: have fewer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotas_number_is_its_place() {
        for (index, (quota, limit)) in QUOTAS.iter().enumerate() {
            assert_eq!(*quota as usize, index);
            assert!(limit.raised_by.is_some_and(|(_, most)| limit.most <= most), "{quota:?}");
        }
    }
}
