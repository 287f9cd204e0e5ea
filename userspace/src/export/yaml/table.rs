//! Route tables, network ACLs and prefix lists.

use super::Writer;
use super::text::{Map, Yaml};
use crate::resources::{
    AddressFamily, Destination, NetworkAcl, NetworkAclEntry, PrefixList, Route, RouteOrigin, RouteState, RouteTable,
    RouteTarget, RuleAction, Vpc,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

impl Writer<'_> {
    pub(super) fn route_table(&self, vpc: &Vpc, table: &RouteTable) -> Map {
        let mut map = Map::default();
        let id = &table.route_table_id;
        let key = self.names.own(id);
        map.put_if(table.main && key != "main", "main", true);
        if !table.main {
            map.put_list("subnets", self.subnets(vpc, |subnet| subnet.route_table_id == *id));
        }
        map.put_list("gateways", table.gateway_ids.iter().map(|id| self.names.own(id)));
        let propagating = table.propagating_vgws.iter().map(|id| self.names.own(id));
        map.put_list("propagating_vpn_gateways", propagating);
        let path = [self.names.own(&vpc.vpc_id), key];
        let id = ("RouteTableId", &**id);
        self.details(&mut map, id, &path, &table.name, &table.details, &vpc.details.owner_id);
        let locals = vpc.blocks().count();
        let routes = table.routes.iter().enumerate();
        map.put_list(
            "routes",
            routes.filter_map(|(index, route)| self.route(vpc, route, index < locals)),
        );
        map
    }

    /// A route, unless it is a local one as AWS made it.
    fn route(&self, vpc: &Vpc, route: &Route, was_local: bool) -> Option<Map> {
        let mut map = Map::default();
        let usual = match was_local {
            true => RouteOrigin::CreateRouteTable,
            false => RouteOrigin::CreateRoute,
        };
        match &route.destination {
            Destination::Cidr(IpNet::V4(block)) => map.put("DestinationCidrBlock", block.to_string()),
            Destination::Cidr(IpNet::V6(block)) => map.put("DestinationIpv6CidrBlock", block.to_string()),
            Destination::PrefixList(id) => map.put("prefix_list", self.names.own(id)),
        }
        let (field, id) = target(&route.target)?;
        map.put(field, self.names.from(&vpc.vpc_id, id));
        let state = match route.state {
            RouteState::Active => None,
            // It comes back to life with its target.
            RouteState::Blackhole if self.usable.is_dead(&route.target) => None,
            RouteState::Blackhole => Some("blackhole"),
            RouteState::Filtered => Some("filtered"),
        };
        if let Some(state) = state {
            map.put("State", state);
        }
        map.put_if(route.origin != usual, "Origin", origin(route.origin));
        Some(map)
    }

    pub(super) fn network_acl(&self, vpc: &Vpc, acl: &NetworkAcl) -> Map {
        let mut map = Map::default();
        let id = &acl.network_acl_id;
        if !acl.is_default {
            map.put_list("subnets", self.subnets(vpc, |subnet| subnet.network_acl_id == *id));
        }
        let path = [self.names.own(&vpc.vpc_id), self.names.own(id)];
        let id = ("NetworkAclId", &**id);
        self.details(&mut map, id, &path, &acl.name, &acl.details, &vpc.details.owner_id);
        for (egress, direction) in [(false, "ingress"), (true, "egress")] {
            let entries: Vec<_> = acl.entries.iter().filter(|entry| entry.egress == egress).collect();
            let usual = if acl.is_default {
                usual_entries(vpc, egress)
            } else {
                Vec::new()
            };
            if !entries.iter().copied().eq(&usual) {
                let entries = entries.into_iter().map(|it| entry(it).into()).collect::<Vec<Yaml>>();
                map.put(direction, entries);
            }
        }
        map
    }
}

/// The field of a target, and its id. A local route has none.
fn target(target: &RouteTarget) -> Option<(&'static str, &str)> {
    Some(match target {
        RouteTarget::Local => return None,
        RouteTarget::NetworkInterface(id) => ("instance", id),
        RouteTarget::Gateway(id) if id.starts_with("vgw-") => ("vpn_gateway", id),
        RouteTarget::Gateway(id) if id.starts_with("vpce-") => ("gateway_endpoint", id),
        RouteTarget::Gateway(id) => ("internet_gateway", id),
        RouteTarget::NatGateway(id) => ("nat_gateway", id),
        RouteTarget::EgressOnlyInternetGateway(id) => ("egress_only_internet_gateway", id),
        RouteTarget::VpcPeeringConnection(id) => ("vpc_peering_connection", id),
        RouteTarget::TransitGateway(id) => ("transit_gateway", id),
        RouteTarget::VpcEndpoint(id) => ("vpc_endpoint", id),
        RouteTarget::LocalGateway(id) => ("local_gateway", id),
        RouteTarget::CarrierGateway(id) => ("carrier_gateway", id),
        RouteTarget::CoreNetwork(arn) => ("core_network", arn),
    })
}

fn origin(origin: RouteOrigin) -> &'static str {
    match origin {
        RouteOrigin::CreateRouteTable => "CreateRouteTable",
        RouteOrigin::CreateRoute => "CreateRoute",
        RouteOrigin::EnableVgwRoutePropagation => "EnableVgwRoutePropagation",
        RouteOrigin::Advertisement => "Advertisement",
    }
}

/// What the default ACL has until somebody changes it (semantics 8.1).
fn usual_entries(vpc: &Vpc, egress: bool) -> Vec<NetworkAclEntry> {
    let allow = |rule_number, cidr_block| NetworkAclEntry {
        rule_number,
        egress,
        protocol: None,
        rule_action: RuleAction::Allow,
        cidr_block,
        port_range: None,
        icmp_type_code: None,
    };
    let mut entries = vec![allow(100, Ipv4Net::default().into())];
    if !vpc.ipv6_cidr_blocks.is_empty() {
        entries.push(allow(101, Ipv6Net::default().into()));
    }
    entries
}

fn entry(entry: &NetworkAclEntry) -> Map {
    let mut map = Map::default();
    map.put("RuleNumber", i64::from(entry.rule_number));
    let action = match entry.rule_action {
        RuleAction::Allow => "allow",
        RuleAction::Deny => "deny",
    };
    map.put("RuleAction", action);
    map.put("Protocol", protocol(entry.protocol));
    if let Some((from, to)) = entry.port_range {
        map.put("PortRange", pair(["From", "To"], from.into(), to.into()));
    }
    if let Some((kind, code)) = entry.icmp_type_code {
        map.put("IcmpTypeCode", pair(["Type", "Code"], or_all(kind), or_all(code)));
    }
    let field = match entry.cidr_block {
        IpNet::V4(_) => "CidrBlock",
        IpNet::V6(_) => "Ipv6CidrBlock",
    };
    map.put(field, entry.cidr_block.to_string());
    map
}

fn pair(names: [&str; 2], first: i64, second: i64) -> Map {
    let mut map = Map::default();
    for (name, value) in names.into_iter().zip([first, second]) {
        map.put(name, value);
    }
    map
}

/// -1 is all of them.
pub(super) fn or_all(number: Option<u8>) -> i64 {
    number.map_or(-1, i64::from)
}

pub(super) fn protocol(protocol: Option<u8>) -> Yaml {
    match protocol {
        None => "-1".into(),
        Some(1) => "icmp".into(),
        Some(6) => "tcp".into(),
        Some(17) => "udp".into(),
        Some(58) => "icmpv6".into(),
        Some(number) => i64::from(number).into(),
    }
}

pub(super) fn prefix_list(list: &PrefixList, map: &mut Map) {
    map.put("MaxEntries", i64::from(list.max_entries));
    let usual = match list.entries.first() {
        Some(IpNet::V6(_)) => AddressFamily::Ipv6,
        _ => AddressFamily::Ipv4,
    };
    let family = match list.address_family {
        AddressFamily::Ipv4 => "IPv4",
        AddressFamily::Ipv6 => "IPv6",
    };
    map.put_if(list.address_family != usual, "AddressFamily", family);
    let version = i64::try_from(list.version).unwrap_or(i64::MAX);
    map.put_if(version != 0, "Version", version);
    let entry = |block: &IpNet| -> Yaml {
        let Some(description) = list.descriptions.get(block) else {
            return block.to_string().into();
        };
        let mut map = Map::default();
        map.put("Cidr", block.to_string());
        map.put("Description", description);
        map.into()
    };
    map.put_list("entries", list.entries.iter().map(entry));
}
