//! Answers that are a part of another object: the entries of a prefix list, the attributes of a load balancer.

use crate::resources::{Kind, kinds};

/// A part of the objects of a kind.
#[derive(Debug)]
pub(super) struct Part {
    /// The field of the answer.
    pub(super) key: &'static str,
    /// The section of the objects it is a part of.
    owner: &'static str,
    /// The field of its items that says which object; `None` if no field does, so that the file's name has to.
    pub(super) owner_field: Option<&'static str>,
}

const fn part(key: &'static str, owner: &'static str, owner_field: Option<&'static str>) -> Part {
    Part {
        key,
        owner,
        owner_field,
    }
}

const PARTS: [Part; 19] = [
    part("Entries", "prefix_lists", None),
    part("SecurityGroupVpcAssociations", "security_groups", Some("GroupId")),
    part("Associations", "transit_gateway_route_tables", None),
    part(
        "TransitGatewayRouteTablePropagations",
        "transit_gateway_route_tables",
        None,
    ),
    part(
        "TransitGatewayPrefixListReferences",
        "transit_gateway_route_tables",
        Some("TransitGatewayRouteTableId"),
    ),
    part("Routes", "client_vpn_endpoints", Some("ClientVpnEndpointId")),
    part("Routes", "transit_gateway_route_tables", None),
    part(
        "ClientVpnTargetNetworks",
        "client_vpn_endpoints",
        Some("ClientVpnEndpointId"),
    ),
    part(
        "AuthorizationRules",
        "client_vpn_endpoints",
        Some("ClientVpnEndpointId"),
    ),
    part("AllowedPrincipals", "vpc_endpoint_services", Some("ServiceId")),
    part("AllowedPrincipals", "vpc_endpoint_services", None),
    part("TargetHealthDescriptions", "target_groups", None),
    part("Attributes", "load_balancers", None),
    part("Attributes", "target_groups", None),
    part("Attributes", "listeners", None),
    part("ResourceRecordSets", "hosted_zones", None),
    part("IpAddresses", "resolver_endpoints", None),
    part("IpamPoolCidrs", "ipam_pools", None),
    part("IpamPoolAllocations", "ipam_pools", None),
];

impl Part {
    /// The kind of the objects it is a part of.
    pub(super) fn kind(&self) -> Option<&'static Kind> {
        kinds().iter().find(|kind| kind.section == self.owner)
    }
}

/// The parts that a field of an answer may be.
pub(super) fn of(key: &str) -> impl Iterator<Item = &'static Part> {
    PARTS.iter().filter(move |part| part.key == key)
}

/// Whether a file's name says that it is about an object: it has the id, or of an ARN or a path the last part.
pub(super) fn is_about(file: &str, id: &str) -> bool {
    let last = id.rsplit('/').next().unwrap_or(id);
    let file = file.rsplit('/').next().unwrap_or(file);
    let mut words = file.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    // The id of one object can be the beginning of another one's.
    words.any(|word| word == last || word.strip_suffix(last).is_some_and(|before| before.ends_with('-')))
}
