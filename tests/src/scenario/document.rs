//! A topology as the document that people write.
//!
//! What the document brings along by itself isn't written, so that it is what the tests meet: the default group, the
//! default network ACL, the egress rules of a new group, local routes, the main table, the network interfaces of NAT
//! gateways.

mod around;

use crate::topology::{Topology, open_nacl};
use groundplane::document::Severity;
use groundplane::resources::{
    Allowance, Destination, InterfaceType, NetworkAclEntry, NetworkInterface, Peer, Resources, Route, RouteTable,
    RouteTarget, RuleAction, SecurityGroup, SecurityGroupRule, Vpc, kind,
};
use std::fmt::Write as _;

/// The device behind which the outside is.
pub(super) const UPLINK: &str = "wan0";

/// The document, in which `$` stands for the prefix of the guests' namespaces.
#[must_use]
pub fn document(topology: &Topology) -> String {
    let writer = Writer {
        resources: &topology.resources,
    };
    let mut text = format!("uplinks: {{ wan: {{ device: {UPLINK}, announce: route }} }}\nvpcs:\n");
    for vpc in &topology.resources.vpcs {
        writer.vpc(&mut text, vpc);
    }
    if !topology.resources.prefix_lists.is_empty() {
        text.push_str("prefix_lists:\n");
    }
    for list in &topology.resources.prefix_lists {
        let entries = joined(list.entries.iter().map(|entry| format!("\"{entry}\"")));
        let account = match &*list.details.owner_id {
            "" => String::new(),
            owner => format!("account: {owner}, "),
        };
        let fields = format!("{account}MaxEntries: {}, entries: [{entries}]", list.max_entries);
        line(&mut text, 2, &list.name, &fields);
    }
    around::write(&mut text, &topology.resources);
    around::write_integrations(&mut text, topology);
    text
}

/// The codes of the problems that the topology has as a document; a problem without a code is "". Warnings aside.
#[must_use]
pub fn refusals(topology: &Topology) -> Vec<&'static str> {
    match groundplane::document::parse("scenario.yaml", document(topology).replace('$', "").as_bytes()) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => {
            let problems = diagnostics.problems.iter();
            let errors = problems.filter(|problem| problem.severity == Severity::Error);
            errors.map(|problem| problem.code.unwrap_or_default()).collect()
        }
    }
}

/// The codes of what it is warned of, by the names that AWS's own service would refuse it under.
#[must_use]
pub fn warnings(topology: &Topology) -> Vec<&'static str> {
    let parsed = groundplane::document::parse("scenario.yaml", document(topology).replace('$', "").as_bytes());
    let warnings = parsed.map(|resolved| resolved.warnings.problems).unwrap_or_default();
    warnings.iter().filter_map(|problem| problem.code).collect()
}

/// What a new group lets out.
const NEW_EGRESS: [&str; 2] = [
    "IpProtocol: \"-1\", CidrIpv4: 0.0.0.0/0",
    "IpProtocol: \"-1\", CidrIpv6: \"::/0\"",
];

struct Writer<'a> {
    resources: &'a Resources,
}

fn line(text: &mut String, indent: usize, name: &str, fields: &str) {
    writeln!(text, "{:indent$}{name}: {{ {fields} }}", "").expect("a string takes everything");
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn items(text: &mut String, name: &str, items: &[String]) {
    match items {
        [] => writeln!(text, "        {name}: []"),
        items => writeln!(text, "        {name}:\n{}", {
            let lines = items.iter().map(|item| format!("          - {{ {item} }}"));
            lines.collect::<Vec<_>>().join("\n")
        }),
    }
    .expect("a string takes everything");
}

impl Writer<'_> {
    fn vpc(&self, text: &mut String, vpc: &Vpc) {
        let mut put = |words: std::fmt::Arguments<'_>| text.write_fmt(words).expect("a string takes everything");
        put(format_args!("  {}:\n    CidrBlock: {}\n", vpc.name, vpc.cidr_block));
        if !vpc.details.owner_id.is_empty() {
            put(format_args!("    account: \"{}\"\n", vpc.details.owner_id));
        }
        for block in &vpc.ipv6_cidr_blocks {
            put(format_args!("    Ipv6CidrBlock: \"{block}\"\n"));
        }
        if !vpc.secondary_cidr_blocks.is_empty() {
            let blocks = joined(vpc.secondary_cidr_blocks.iter().map(ToString::to_string));
            put(format_args!("    SecondaryCidrBlocks: [{blocks}]\n"));
        }
        put(format_args!("    subnets:\n"));
        for subnet in self.resources.subnets.iter().filter(|it| it.vpc_id == vpc.vpc_id) {
            let ipv6 = subnet
                .ipv6_cidr_block
                .map(|block| format!(", Ipv6CidrBlock: \"{block}\""));
            let zone = zone(&subnet.availability_zone).map(|zone| format!(", AvailabilityZone: {zone}"));
            let fields = format!(
                "CidrBlock: {}{}{}",
                subnet.cidr_block,
                ipv6.unwrap_or_default(),
                zone.unwrap_or_default()
            );
            line(text, 6, &subnet.name, &fields);
        }
        text.push_str("    security_groups:\n");
        let groups = self
            .resources
            .security_groups
            .iter()
            .filter(|it| it.vpc_id == vpc.vpc_id);
        groups.for_each(|group| self.group(text, group));
        self.network_acls(text, vpc);
        self.route_tables(text, vpc);
        text.push_str("    instances:\n");
        let enis = self.resources.network_interfaces.iter();
        let guests = enis.filter(|eni| !eni.requester_managed);
        for eni in guests.filter(|it| it.vpc_id == vpc.vpc_id) {
            line(text, 6, &eni.name, &self.instance(eni));
        }
        self.network_interfaces(text, vpc);
    }

    /// Those of VPC links, whose addresses nobody says elsewhere.
    fn network_interfaces(&self, text: &mut String, vpc: &Vpc) {
        let enis = self.resources.network_interfaces.iter();
        let enis = enis.filter(|eni| eni.interface_type == InterfaceType::ApiGatewayManaged);
        let mut enis = enis.filter(|eni| eni.vpc_id == vpc.vpc_id).peekable();
        if enis.peek().is_some() {
            text.push_str("    network_interfaces:\n");
        }
        for eni in enis {
            let fields = format!("{}, InterfaceType: {}", self.place(eni), eni.interface_type.name());
            line(text, 6, &eni.name, &fields);
        }
    }

    /// The default group comes with the VPC.
    fn group(&self, text: &mut String, group: &SecurityGroup) {
        if group.group_name == "default" {
            return;
        }
        let rules = |egress| {
            let rules = group.rules.iter().filter(move |rule| rule.is_egress == egress);
            rules.map(|rule| self.rule(group, rule)).collect::<Vec<_>>()
        };
        writeln!(text, "      {}:", group.group_name).expect("a string takes everything");
        items(text, "ingress", &rules(false));
        if rules(true) != NEW_EGRESS {
            items(text, "egress", &rules(true));
        }
    }

    fn rule(&self, owner: &SecurityGroup, rule: &SecurityGroupRule) -> String {
        let peer = match &rule.peer {
            Peer::Cidr(block) if block.addr().is_ipv4() => format!("CidrIpv4: {block}"),
            Peer::Cidr(block) => format!("CidrIpv6: \"{block}\""),
            Peer::PrefixList(id) => format!("prefix_list: {}", self.prefix_list(id)),
            Peer::Group(id) => {
                let mut groups = self.resources.security_groups.iter();
                let group = groups
                    .find(|group| group.group_id == *id)
                    .expect("rules refer to groups");
                let vpc = self.resources.vpcs.iter().find(|vpc| vpc.vpc_id == group.vpc_id);
                let elsewhere = vpc.filter(|vpc| vpc.vpc_id != owner.vpc_id);
                let prefix = elsewhere.map(|vpc| format!("{}/", vpc.name)).unwrap_or_default();
                format!("group: {prefix}{}", group.group_name)
            }
        };
        let ports = match (rule.port_range, rule.icmp_type_code) {
            (Some((from, to)), _) => format!(", FromPort: {from}, ToPort: {to}"),
            (None, Some(wanted)) => {
                let [icmp_type, code] = numbers(wanted);
                format!(", FromPort: {icmp_type}, ToPort: {code}")
            }
            (None, None) => String::new(),
        };
        format!("IpProtocol: \"{}\"{ports}, {peer}", protocol(rule.ip_protocol))
    }

    fn network_acls(&self, text: &mut String, vpc: &Vpc) {
        let acls = self
            .resources
            .network_acls
            .iter()
            .filter(|acl| acl.vpc_id == vpc.vpc_id);
        let changed: Vec<_> = acls.filter(|acl| acl.entries != open_nacl()).collect();
        if !changed.is_empty() {
            text.push_str("    network_acls:\n");
        }
        for acl in changed {
            let users = self
                .resources
                .subnets
                .iter()
                .filter(|it| it.network_acl_id == acl.network_acl_id);
            let users = joined(users.map(|subnet| subnet.name.clone()));
            writeln!(text, "      {}:\n        subnets: [{users}]", acl.name).expect("a string takes everything");
            for (name, egress) in [("ingress", false), ("egress", true)] {
                let entries = acl.entries.iter().filter(|entry| entry.egress == egress);
                items(text, name, &entries.map(entry).collect::<Vec<_>>());
            }
        }
    }

    /// Tables that do nothing are left out, and their subnets use the main one, unless there is another main one.
    fn route_tables(&self, text: &mut String, vpc: &Vpc) {
        let tables: Vec<_> = self
            .resources
            .route_tables
            .iter()
            .filter(|it| it.vpc_id == vpc.vpc_id)
            .collect();
        let has_main = tables.iter().any(|table| table.main);
        let routes =
            |table: &RouteTable| -> Vec<_> { table.routes.iter().filter_map(|route| self.route(route)).collect() };
        let shown = |table: &&&RouteTable| has_main || !routes(table).is_empty();
        if tables.iter().any(|table| shown(&table)) {
            text.push_str("    route_tables:\n");
        }
        for table in tables.iter().filter(shown) {
            writeln!(text, "      {}:", table.name).expect("a string takes everything");
            let users = self
                .resources
                .subnets
                .iter()
                .filter(|it| it.route_table_id == table.route_table_id);
            let users = joined(users.map(|subnet| subnet.name.clone()));
            let gateways = self.resources.internet_gateways.iter();
            let gateways = gateways.filter(|it| table.gateway_ids.contains(&it.internet_gateway_id));
            let gateways = joined(gateways.map(|gateway| gateway.name.clone()));
            let whose = match (table.main, &*gateways) {
                (true, _) => "main: true".to_owned(),
                (false, "") => format!("subnets: [{users}]"),
                (false, gateways) => format!("gateways: [{gateways}]"),
            };
            writeln!(text, "        {whose}").expect("a string takes everything");
            items(text, "routes", &routes(table));
        }
    }

    fn route(&self, route: &Route) -> Option<String> {
        let destination = match &route.destination {
            Destination::Cidr(block) if block.addr().is_ipv4() => format!("DestinationCidrBlock: {block}"),
            Destination::Cidr(block) => format!("DestinationIpv6CidrBlock: \"{block}\""),
            Destination::PrefixList(id) => format!("prefix_list: {}", self.prefix_list(id)),
        };
        Some(format!("{destination}, {}", self.target(&route.target)?))
    }

    /// Local routes are there anyway.
    fn target(&self, target: &RouteTarget) -> Option<String> {
        let (section, field, id) = match target {
            RouteTarget::NetworkInterface(id) => ("network_interfaces", "instance", id),
            RouteTarget::Gateway(id) if id.starts_with("vpce-") => ("vpc_endpoints", "gateway_endpoint", id),
            RouteTarget::Gateway(id) => ("internet_gateways", "internet_gateway", id),
            RouteTarget::NatGateway(id) => ("nat_gateways", "nat_gateway", id),
            RouteTarget::EgressOnlyInternetGateway(id) => {
                let field = "egress_only_internet_gateway";
                ("egress_only_internet_gateways", field, id)
            }
            RouteTarget::VpcPeeringConnection(id) => ("vpc_peering_connections", "vpc_peering_connection", id),
            RouteTarget::TransitGateway(id) => ("transit_gateways", "transit_gateway", id),
            RouteTarget::VpcEndpoint(id) => ("vpc_endpoints", "vpc_endpoint", id),
            RouteTarget::Local => return None,
            other => panic!("no scenario has {other:?}"),
        };
        let objects = self.resources.objects(kind(section)?);
        let found = objects.iter().find(|object| object.id == *id);
        let name = found.unwrap_or_else(|| panic!("no {field} {id}")).name;
        Some(format!("{field}: {name}"))
    }

    fn prefix_list(&self, id: &str) -> &str {
        let mut lists = self.resources.prefix_lists.iter();
        &lists
            .find(|list| list.prefix_list_id == id)
            .expect("rules refer to lists")
            .name
    }

    /// Where it is, and in which groups.
    fn place(&self, eni: &NetworkInterface) -> String {
        let subnet = self
            .resources
            .subnets
            .iter()
            .find(|subnet| subnet.subnet_id == eni.subnet_id);
        let groups = self
            .resources
            .security_groups
            .iter()
            .filter(|it| eni.groups.contains(&it.group_id));
        let addresses = joined(eni.private_ip_addresses.iter().map(ToString::to_string));
        format!(
            "subnet: {}, PrivateIpAddresses: [{addresses}], groups: [{}], SourceDestCheck: {}",
            subnet.expect("every ENI is in a subnet").name,
            joined(groups.map(|group| group.group_name.clone())),
            eni.source_dest_check,
        )
    }

    fn instance(&self, eni: &NetworkInterface) -> String {
        let addresses6 = joined(eni.ipv6_addresses.iter().map(|address| format!("\"{address}\"")));
        let associations = eni.associations.iter().map(|association| {
            let (private, public) = (association.private_ip_address, association.public_ip);
            format!("{{ PrivateIpAddress: {private}, PublicIp: {public} }}")
        });
        let tracking = eni.connection_tracking;
        format!(
            "{}, Ipv6Addresses: [{addresses6}], associations: [{}], namespace: ${}, ConnectionTracking: {{ \
             TcpEstablishedTimeout: {}, UdpStreamTimeout: {}, UdpTimeout: {} }}{}",
            self.place(eni),
            joined(associations),
            eni.name,
            tracking.tcp_established_timeout,
            tracking.udp_stream_timeout,
            tracking.udp_timeout,
            allowance(eni.allowance),
        )
    }
}

/// What isn't as usual.
fn allowance(allowance: Allowance) -> String {
    if allowance == Allowance::default() {
        return String::new();
    }
    let Allowance {
        connections,
        first_packets,
        first_packets_burst,
    } = allowance;
    format!(
        ", allowance: {{ connections: {connections}, first_packets: {first_packets}, first_packets_burst: \
         {first_packets_burst} }}"
    )
}

/// A zone of T0, az1 or az2, as one of a Region.
fn zone(zone: &str) -> Option<String> {
    let number: u8 = zone.strip_prefix("az")?.parse().ok()?;
    Some(format!("us-east-1{}", char::from(b'a' + number - 1)))
}

fn entry(entry: &NetworkAclEntry) -> String {
    let block = match entry.cidr_block.addr().is_ipv4() {
        true => format!("CidrBlock: {}", entry.cidr_block),
        false => format!("Ipv6CidrBlock: \"{}\"", entry.cidr_block),
    };
    let ports = entry
        .port_range
        .map(|(from, to)| format!(", PortRange: {{ From: {from}, To: {to} }}"));
    let types = entry.icmp_type_code.map(|wanted| {
        let [icmp_type, code] = numbers(wanted);
        format!(", IcmpTypeCode: {{ Type: {icmp_type}, Code: {code} }}")
    });
    let action = match entry.rule_action {
        RuleAction::Allow => "allow",
        RuleAction::Deny => "deny",
    };
    format!(
        "RuleNumber: {}, RuleAction: {action}, Protocol: \"{}\", {block}{}{}",
        entry.rule_number,
        protocol(entry.protocol),
        ports.unwrap_or_default(),
        types.unwrap_or_default(),
    )
}

/// -1 for all.
fn protocol(number: Option<u8>) -> i16 {
    number.map_or(-1, i16::from)
}

/// Type and code, -1 for all.
fn numbers((icmp_type, code): (Option<u8>, Option<u8>)) -> [i16; 2] {
    [icmp_type, code].map(|number| number.map_or(-1, i16::from))
}
