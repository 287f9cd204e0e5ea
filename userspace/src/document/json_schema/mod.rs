//! The JSON Schema of documents, for editors: which fields there are, and of which kind.

mod integration;
#[cfg(test)]
mod tests;
mod trace;
mod uplink;
mod word;

use super::quotas::QUOTAS;
use super::schema::TARGETS;
use crate::resources::{InterfaceType, kinds};
use serde_json::{Value, json};
use word::{boolean, list, named, number, object, one_of, or_nothing, text, word};

/// The schema.
#[must_use]
pub fn json_schema() -> Value {
    let mut fields = vec![
        (
            "region",
            word("The Region of VPCs that don't say it themselves; us-east-1 unless it is said."),
        ),
        (
            "account",
            word("The account of everything that doesn't say it itself, 12 digits."),
        ),
        ("vpcs", named("VPCs by name.", &vpc())),
        ("prefix_lists", named("Managed prefix lists by name.", &prefix_list())),
        ("quotas", quotas()),
        (
            "bindings",
            named(
                "Where the guests of network interfaces are that another source has, by id, name, or VPC/ADDRESS.",
                &place(true),
            ),
        ),
        (
            "uplinks",
            named("How packets leave the host, by name.", &uplink::schema()),
        ),
        (
            "integrations",
            named(
                "Where the host's own processes reach what is behind VPC links, by name.",
                &integration::schema(),
            ),
        ),
    ];
    let later: Vec<_> = kinds().iter().filter(|kind| !kind.is_core).collect();
    for kind in later {
        let mut schema = trace::schema(kind);
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            let own = [
                ("Name", text("What people call it.")),
                ("tags", tags()),
                ("rest", rest()),
            ];
            properties.extend(own.map(|(name, field)| (name.to_owned(), field)));
        }
        let description = format!("{}s by name, as the API has them; ids may be names.", kind.name);
        fields.push((kind.section, named(&description, &or_nothing(schema))));
    }
    let mut schema = object(&fields, &[]);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Groundplane");
    schema
}

fn vpc() -> Value {
    let mut fields = vec![
        ("CidrBlock", word("The primary block, a /16 to a /28.")),
        ("SecondaryCidrBlocks", list("More blocks.", &word("A block."))),
        ("Ipv6CidrBlock", word("A /44 to a /60 in steps of 4.")),
        ("SecondaryIpv6CidrBlocks", list("More IPv6 blocks.", &word("A block."))),
        ("region", word("The Region.")),
        (
            "IsDefault",
            boolean("Whether it is the VPC that comes with the Region."),
        ),
        (
            "EnableDnsSupport",
            boolean("Whether the resolver answers; true unless it is said."),
        ),
        ("EnableDnsHostnames", boolean("Whether guests have names.")),
        ("dhcp_options", word("A DHCP option set, by name or id.")),
        ("subnets", named("Subnets by name.", &subnet())),
        (
            "security_groups",
            named("Security groups by name; default is the VPC's own.", &security_group()),
        ),
        (
            "network_acls",
            named("Network ACLs by name; default is the VPC's own.", &network_acl()),
        ),
        (
            "route_tables",
            named("Route tables by name; main is the VPC's own.", &route_table()),
        ),
        (
            "instances",
            named("Instances by name, each with its guest.", &interface(true)),
        ),
        (
            "network_interfaces",
            named(
                "Network interfaces by name, with a guest or without.",
                &interface(false),
            ),
        ),
    ];
    fields.extend(details("VpcId"));
    object(&fields, &["CidrBlock"])
}

fn subnet() -> Value {
    let mut fields = vec![
        ("CidrBlock", word("A block out of the VPC's.")),
        (
            "Ipv6CidrBlock",
            word("A /64, or a /44 to a /60 in steps of 4, out of the VPC's."),
        ),
        (
            "AvailabilityZone",
            word("The zone; the Region's first unless it is said."),
        ),
        ("AvailabilityZoneId", word("The zone's id, such as use1-az1.")),
        (
            "MapPublicIpOnLaunch",
            boolean("Whether instances get a public address."),
        ),
        (
            "AssignIpv6AddressOnCreation",
            boolean("Whether network interfaces get an IPv6 address."),
        ),
        (
            "EnableDns64",
            boolean("Whether the resolver makes IPv6 addresses of IPv4 ones."),
        ),
        ("DefaultForAz", boolean("Whether it is the zone's default subnet.")),
    ];
    fields.extend(details("SubnetId"));
    object(&fields, &["CidrBlock"])
}

fn security_group() -> Value {
    let mut fields = vec![
        ("GroupName", text("The group's name, where that isn't its name here.")),
        ("Description", text("What it is for.")),
        (
            "ingress",
            list(
                "Who may open a connection to a member; nobody unless it is said.",
                &rule(),
            ),
        ),
        (
            "egress",
            list(
                "To whom a member may open one; to everybody unless it is said.",
                &rule(),
            ),
        ),
    ];
    fields.extend(details("GroupId"));
    or_nothing(object(&fields, &[]))
}

fn rule() -> Value {
    let peers = [
        ("CidrIpv4", word("A block.")),
        ("CidrIpv6", word("An IPv6 block.")),
        ("prefix_list", word("A prefix list, by name or id.")),
        ("group", word("A group of the VPC, or VPC/NAME, or an id.")),
    ];
    let mut fields = vec![
        ("IpProtocol", word("tcp, udp, icmp, icmpv6, a number, or -1 for all.")),
        ("FromPort", number("The first port, or the type of ICMP.", -1, 65_535)),
        ("ToPort", number("The last port, or the code of ICMP.", -1, 65_535)),
        ("Description", text("What it is for.")),
        ("UserId", text("Whose group it is.")),
        ("VpcId", text("The VPC of the group.")),
        ("VpcPeeringConnectionId", text("How its VPC is reached.")),
        ("PeeringStatus", text("What became of the peering connection.")),
    ];
    fields.extend(peers.clone());
    fields.extend(details("SecurityGroupRuleId"));
    let mut rule = object(&fields, &["IpProtocol"]);
    rule["oneOf"] = peers.iter().map(|(name, _)| json!({ "required": [name] })).collect();
    rule
}

fn network_acl() -> Value {
    let pair = |names: [&'static str; 2], first, last| {
        let fields = names.map(|name| (name, number("", first, last)));
        object(&fields, &names)
    };
    let entry = [
        ("RuleNumber", number("The lowest that matches decides.", 1, 32_766)),
        ("RuleAction", one_of("", &["allow", "deny"])),
        ("Protocol", word("tcp, udp, icmp, icmpv6, a number, or -1 for all.")),
        ("PortRange", pair(["From", "To"], 0, 65_535)),
        ("IcmpTypeCode", pair(["Type", "Code"], -1, 255)),
        ("CidrBlock", word("Whose packets.")),
        ("Ipv6CidrBlock", word("Whose packets.")),
    ];
    let mut entry = object(&entry, &["RuleNumber", "RuleAction", "Protocol"]);
    entry["oneOf"] = json!([{ "required": ["CidrBlock"] }, { "required": ["Ipv6CidrBlock"] }]);
    let mut fields = vec![
        (
            "subnets",
            list("Subnets that use it, by name or id.", &word("A subnet.")),
        ),
        ("ingress", list("Entries for packets into the subnets.", &entry)),
        ("egress", list("Entries for packets out of them.", &entry)),
    ];
    fields.extend(details("NetworkAclId"));
    or_nothing(object(&fields, &[]))
}

fn route_table() -> Value {
    let destinations = [
        ("DestinationCidrBlock", word("Where to.")),
        ("DestinationIpv6CidrBlock", word("Where to.")),
        (
            "prefix_list",
            word("Where to: each block of a prefix list, by name or id."),
        ),
    ];
    let targets = TARGETS.map(|(name, _)| (name, word("Who gets the packets, by name or id.")));
    let mut fields = vec![
        (
            "State",
            one_of("active unless it is said.", &["active", "blackhole", "filtered"]),
        ),
        (
            "Origin",
            one_of(
                "CreateRoute unless it is said.",
                &[
                    "CreateRouteTable",
                    "CreateRoute",
                    "EnableVgwRoutePropagation",
                    "Advertisement",
                ],
            ),
        ),
    ];
    fields.extend(destinations.clone());
    fields.extend(targets.clone());
    let mut route = object(&fields, &[]);
    let required = |fields: &[(&str, Value)]| -> Value {
        let required = fields.iter().map(|(name, _)| json!({ "required": [name] }));
        required.collect()
    };
    route["allOf"] = json!([{ "oneOf": required(&destinations) }, { "oneOf": required(&targets) }]);
    let mut fields = vec![
        (
            "subnets",
            list("Subnets that use it, by name or id.", &word("A subnet.")),
        ),
        (
            "gateways",
            list("Gateways whose arriving traffic it routes.", &word("A gateway.")),
        ),
        (
            "propagating_vpn_gateways",
            list("Gateways whose prefixes it takes over.", &word("A gateway.")),
        ),
        ("main", boolean("Whether subnets use it that name none.")),
        ("routes", list("Local routes are there without being listed.", &route)),
    ];
    fields.extend(details("RouteTableId"));
    or_nothing(object(&fields, &[]))
}

fn interface(has_guest: bool) -> Value {
    let seconds = |first, last| number("In seconds.", first, last);
    let tracking = [
        ("TcpEstablishedTimeout", seconds(60, 432_000)),
        ("UdpStreamTimeout", seconds(60, 180)),
        ("UdpTimeout", seconds(30, 60)),
    ];
    let allowance = ["connections", "first_packets", "first_packets_burst"];
    let allowance = allowance.map(|name| (name, number("", 1, 1 << 24)));
    let association = [
        "PrivateIpAddress",
        "PublicIp",
        "AllocationId",
        "AssociationId",
        "IpOwnerId",
    ];
    let association = association.map(|name| (name, word("")));
    let types: Vec<_> = InterfaceType::names().collect();
    let words = |description| list(description, &word(""));
    let mut fields = vec![
        ("subnet", word("A subnet, by name or id.")),
        (
            "PrivateIpAddress",
            word("The address; the lowest that is free unless it is said."),
        ),
        ("PrivateIpAddresses", words("Several, the primary one first.")),
        ("Ipv6Addresses", words("IPv6 addresses.")),
        (
            "Ipv6AddressCount",
            number("So many IPv6 addresses, the lowest that are free.", 0, 50),
        ),
        ("Ipv4Prefixes", words("Delegated /28s.")),
        ("Ipv6Prefixes", words("Delegated /80s.")),
        ("groups", words("Security groups, by name or id.")),
        (
            "SourceDestCheck",
            boolean("false lets it send and receive packets of others."),
        ),
        ("InterfaceType", one_of("", &types)),
        ("ConnectionTracking", or_nothing(object(&tracking, &[]))),
        ("allowance", or_nothing(object(&allowance, &[]))),
        ("MacAddress", word("The MAC address.")),
        ("Description", text("What it is for.")),
        (
            "Attachment",
            json!({ "type": "object", "description": "What it is part of in AWS." }),
        ),
        (
            "associations",
            list(
                "Public addresses.",
                &object(&association, &["PrivateIpAddress", "PublicIp"]),
            ),
        ),
        (
            "elastic_ip",
            word("The Elastic IP that stands for the primary address, by name or id."),
        ),
        (
            "public_ip",
            word("The public address, lent by AWS, that stands for the primary one."),
        ),
        (
            "AssociatePublicIpAddress",
            boolean("Whether AWS lends it a public address; what the subnet says unless it is said."),
        ),
        (
            "DenyAllIgwTraffic",
            boolean("Whether no internet gateway lets it through."),
        ),
        ("RequesterManaged", boolean("Whether one of AWS's services made it.")),
        ("RequesterId", text("Which one.")),
    ];
    fields.extend(place_fields());
    fields.extend(details("NetworkInterfaceId"));
    let mut interface = object(&fields, &["subnet"]);
    interface["not"] = json!({ "required": ["elastic_ip", "public_ip"] });
    if has_guest {
        interface["oneOf"] = places();
    }
    interface
}

fn place(has_guest: bool) -> Value {
    let mut place = object(&place_fields(), &[]);
    if has_guest {
        place["oneOf"] = places();
    }
    place
}

fn place_fields() -> [(&'static str, Value); 4] {
    [
        (
            "namespace",
            word("The network namespace that is the guest; it is made."),
        ),
        ("tap", word("The tap that leads to the guest; it is made.")),
        ("device", word("A device that is there, the host side of a guest.")),
        ("adopt", boolean("Whether the namespace is there already.")),
    ]
}

fn places() -> Value {
    json!([{ "required": ["namespace"] }, { "required": ["tap"] }, { "required": ["device"] }])
}

fn prefix_list() -> Value {
    let described = object(&[("Cidr", word("A block.")), ("Description", text(""))], &["Cidr"]);
    let entry = json!({ "anyOf": [word("A block."), described] });
    let mut fields = vec![
        ("MaxEntries", number("What a reference to it counts as.", 1, 1000)),
        ("AddressFamily", one_of("", &["IPv4", "IPv6"])),
        ("entries", list("Blocks of one family.", &entry)),
        ("Version", number("How often it was modified.", 0, i64::MAX)),
    ];
    fields.extend(details("PrefixListId"));
    object(&fields, &["MaxEntries"])
}

fn quotas() -> Value {
    let quotas = QUOTAS.iter().filter_map(|(_, limit)| {
        let (name, most) = limit.raised_by?;
        let description = format!("How many {}; {} unless it is said.", limit.what, limit.most);
        Some((name, number(&description, 1, i64::try_from(most).unwrap_or(i64::MAX))))
    });
    or_nothing(object(&quotas.collect::<Vec<_>>(), &[]))
}

/// What every object has.
fn details(id: &'static str) -> [(&'static str, Value); 5] {
    [
        (id, word("The id; one that comes from the name unless it is said.")),
        ("Name", text("What people call it, where that isn't its name here.")),
        ("account", word("Whose it is.")),
        ("tags", tags()),
        ("rest", rest()),
    ]
}

fn tags() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "Labels: text by name.",
        "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
    })
}

fn rest() -> Value {
    json!({ "type": ["object", "null"], "description": "What the API says of it that this language has no field for." })
}
