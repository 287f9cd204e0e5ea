//! VPC endpoints of all types, and the services behind them (semantics 14 to 16).

use super::{noun, wire};
use std::net::{Ipv4Addr, Ipv6Addr};

noun! {
    pub struct VpcEndpoint {
        vpc_endpoint_id: String,
        /// `Interface`, `Gateway`, `GatewayLoadBalancer`, `Resource` or `ServiceNetwork`.
        vpc_endpoint_type: Option<String>,
        vpc_id: Option<String>,
        service_name: Option<String>,
        service_region: Option<String>,
        /// `PendingAcceptance`, `Pending`, `Available`, `Deleting`, `Deleted`, `Rejected`, `Failed` or `Expired`.
        /// The API prints it in lower case, too.
        state: Option<String>,
        policy_document: Option<String>,
        /// Of a gateway endpoint.
        route_table_ids: Vec<String>,
        subnet_ids: Vec<String>,
        /// Addresses that are chosen. `CreateVpcEndpoint` takes them and no call tells them, so they stand in documents
        /// alone; resolved endpoints have network interfaces instead.
        subnet_configurations: Vec<SubnetConfiguration>,
        groups: Vec<EndpointGroup>,
        network_interface_ids: Vec<String>,
        /// `ipv4`, `dualstack` or `ipv6`.
        ip_address_type: Option<String>,
        dns_options: DnsOptions,
        private_dns_enabled: Option<bool>,
        requester_managed: Option<bool>,
        dns_entries: Vec<DnsEntry>,
        ipv4_prefixes: Vec<EndpointPrefixes>,
        ipv6_prefixes: Vec<EndpointPrefixes>,
        creation_timestamp: Option<String>,
        owner_id: Option<String>,
        last_error: Option<EndpointError>,
    }

    /// A service of one's own, as `describe-vpc-endpoint-service-configurations` says it.
    pub struct VpcEndpointService {
        service_id: String,
        service_name: Option<String>,
        service_type: Vec<EndpointServiceType>,
        /// `Pending`, `Available`, `Failed`, `Deleting` or `Deleted`.
        service_state: Option<String>,
        availability_zones: Vec<String>,
        availability_zone_ids: Vec<String>,
        acceptance_required: Option<bool>,
        manages_vpc_endpoints: Option<bool>,
        network_load_balancer_arns: Vec<String>,
        gateway_load_balancer_arns: Vec<String>,
        supported_ip_address_types: Vec<String>,
        base_endpoint_dns_names: Vec<String>,
        private_dns_name: Option<String>,
        private_dns_name_configuration: Option<PrivateDnsNameConfiguration>,
        payer_responsibility: Option<String>,
        supported_regions: Vec<SupportedRegion>,
        remote_access_enabled: Option<bool>,
        /// What `describe-vpc-endpoint-service-permissions` answers.
        allowed_principals: Vec<AllowedPrincipal>,
    }

    /// An endpoint as the provider of its service sees it.
    pub struct VpcEndpointConnection {
        vpc_endpoint_id: String,
        service_id: Option<String>,
        vpc_endpoint_owner: Option<String>,
        vpc_endpoint_state: Option<String>,
        vpc_endpoint_region: Option<String>,
        creation_timestamp: Option<String>,
        dns_entries: Vec<DnsEntry>,
        network_load_balancer_arns: Vec<String>,
        gateway_load_balancer_arns: Vec<String>,
        ip_address_type: Option<String>,
        vpc_endpoint_connection_id: Option<String>,
    }
}

wire! {
    pub struct EndpointGroup {
        group_id: Option<String>,
        group_name: Option<String>,
    }

    pub struct SubnetConfiguration {
        subnet_id: Option<String>,
        ipv4: Option<Ipv4Addr>,
        ipv6: Option<Ipv6Addr>,
    }

    pub struct DnsOptions {
        /// `ipv4`, `dualstack`, `ipv6` or `service-defined`.
        dns_record_ip_type: Option<String>,
        private_dns_only_for_inbound_resolver_endpoint: Option<bool>,
        private_dns_preference: Option<String>,
        private_dns_specified_domains: Vec<String>,
    }

    pub struct DnsEntry {
        dns_name: Option<String>,
        hosted_zone_id: Option<String>,
    }

    pub struct EndpointPrefixes {
        subnet_id: Option<String>,
        ip_prefixes: Vec<String>,
    }

    pub struct EndpointError {
        code: Option<String>,
        message: Option<String>,
    }

    pub struct EndpointServiceType {
        service_type: Option<String>,
    }

    pub struct PrivateDnsNameConfiguration {
        /// `pendingVerification`, `verified` or `failed`.
        state: Option<String>,
        #[serde(rename = "Type")]
        record_type: Option<String>,
        value: Option<String>,
        name: Option<String>,
    }

    pub struct SupportedRegion {
        region: Option<String>,
        service_state: Option<String>,
    }

    pub struct AllowedPrincipal {
        principal_type: Option<String>,
        /// An ARN, or `*`.
        principal: Option<String>,
        service_permission_id: Option<String>,
        service_id: Option<String>,
    }
}
