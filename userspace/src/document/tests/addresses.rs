//! Addresses: the blocks of VPCs and subnets, and what of them is an instance's.

use super::*;

/// The small document with IPv6 in its VPC and in subnet `web`, with an instance of these fields.
fn with_ipv6(fields: &str) -> String {
    small(
        "web: { CidrBlock: 10.0.1.0/24 }",
        "web: { CidrBlock: 10.0.1.0/24, Ipv6CidrBlock: \"2001:db8:a:1::/64\" }",
    )
    .replace("    subnets:\n", "    Ipv6CidrBlock: 2001:db8:a::/56\n    subnets:\n")
    .replace(INSTANCE, &format!("{{ subnet: web, namespace: n1, {fields} }}"))
}

/// A document with a VPC of a primary and a secondary block.
fn joined(primary: &str, secondary: &str) -> String {
    format!("vpcs: {{ a: {{ CidrBlock: {primary}, SecondaryCidrBlocks: [{secondary}] }} }}")
}

#[test]
fn s15_five_addresses_of_a_subnet_are_nobodys_and_one_is_given_once() {
    let document = |address: &str| {
        let more = format!("      new: {{ subnet: a1, PrivateIpAddress: {address}, namespace: new }}\n");
        t0(&more)
    };
    for address in ["10.0.1.0", "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.255"] {
        let message = format!("{address} is one of the five addresses of 10.0.1.0/24 that nobody may have");
        check(
            &document(address),
            &[&format!("14:44 InvalidParameterValue: {message}")],
        );
    }
    assert_eq!(
        eni(&accept(&document("10.0.1.4")), "new").private_ip_addresses[0].to_string(),
        "10.0.1.4"
    );
    check(
        &document("10.0.1.10"),
        &["14:44 InvalidIPAddress.InUse: 10.0.1.10 is instance \"a1\"'s"],
    );
}

#[test]
fn an_instance_may_have_several_addresses_the_primary_one_first() {
    let resolved = accept(&with_ipv6(
        "PrivateIpAddresses: [10.0.1.20, 10.0.1.10], Ipv6Addresses: [\"2001:db8:a:1::20\", \"2001:db8:a:1::10\"]",
    ));
    let eni = eni(&resolved, "web-1");
    let addresses: Vec<_> = eni.private_ip_addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.0.1.20", "10.0.1.10"]);
    let addresses: Vec<_> = eni.ipv6_addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["2001:db8:a:1::20", "2001:db8:a:1::10"]);
    for (fields, expected) in [
        (
            "PrivateIpAddresses: [10.0.1.9, 10.0.1.9]",
            "9:75 InvalidIPAddress.InUse: 10.0.1.9 is instance \"web-1\"'s",
        ),
        (
            "PrivateIpAddress: 10.0.1.9, PrivateIpAddresses: [10.0.1.8]",
            "9:62 InvalidParameterCombination: instance \"web-1\" has both PrivateIpAddress and PrivateIpAddresses",
        ),
        (
            "PrivateIpAddresses: [10.0.1.256]",
            "9:65 InvalidParameterValue: PrivateIpAddresses must be an IPv4 address such as 10.0.1.10, this is \"10.0.1.256\"",
        ),
        (
            "Ipv6Addresses: [10.0.1.8]",
            "9:60 InvalidParameterValue: Ipv6Addresses must be an IPv6 address such as 2001:db8:a:1::10, this is \"10.0.1.8\"",
        ),
        (
            "Ipv6Addresses: [\"2001:db8:a:1::9\"], Ipv6AddressCount: 1",
            "9:98 InvalidParameterCombination: instance \"web-1\" has both Ipv6Addresses and Ipv6AddressCount",
        ),
    ] {
        check(&with_ipv6(fields), &[expected]);
    }
}

#[test]
fn ipv6_addresses_are_none_chosen_or_the_lowest_that_are_free() {
    let addresses = |fields: &str| -> Vec<String> {
        let resolved = accept(&with_ipv6(fields));
        eni(&resolved, "web-1")
            .ipv6_addresses
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(addresses("SourceDestCheck: true"), Vec::<String>::new());
    assert_eq!(addresses("Ipv6AddressCount: 0"), Vec::<String>::new());
    assert_eq!(addresses("Ipv6AddressCount: 2"), ["2001:db8:a:1::4", "2001:db8:a:1::5"]);
    let taken = "Ipv6AddressCount: 1 }\n      o: { subnet: web, namespace: o, Ipv6Addresses: [\"2001:db8:a:1::4\"]";
    assert_eq!(addresses(taken), ["2001:db8:a:1::5"]);
    for reserved in ["2001:db8:a:1::", "2001:db8:a:1::3", "2001:db8:a:1:ffff:ffff:ffff:ffff"] {
        let message = format!("{reserved} is one of the five addresses of 2001:db8:a:1::/64 that nobody may have");
        check(
            &with_ipv6(&format!("Ipv6Addresses: [\"{reserved}\"]")),
            &[&format!("9:60 InvalidParameterValue: {message}")],
        );
    }
    check(
        &with_ipv6("Ipv6Addresses: [\"2001:db8:a:2::9\"]"),
        &["9:60 InvalidParameterValue: 2001:db8:a:2::9 isn't in the subnet's block 2001:db8:a:1::/64"],
    );
    for fields in ["Ipv6AddressCount: 1", "Ipv6Addresses: [\"2001:db8:a:2::9\"]"] {
        let document = with_ipv6(fields).replace("subnet: web", "subnet: db");
        let column = if fields.contains("Count") { 61 } else { 59 };
        check(
            &document,
            &[&format!(
                "9:{column} InvalidParameterValue: the instance's subnet has no IPv6 block"
            )],
        );
    }
}

/// Fields of an instance, and what is wrong with them.
const WRONG_PREFIXES: &[(&str, &str)] = &[
    (
        "Ipv4Prefixes: [10.0.1.16/27]",
        "9:59 InvalidParameterValue: a delegated prefix is a /28, this is a /27",
    ),
    (
        "Ipv6Prefixes: [\"2001:db8:a:1:1::/64\"]",
        "9:59 InvalidParameterValue: a delegated prefix is a /80, this is a /64",
    ),
    (
        "Ipv4Prefixes: [10.0.2.16/28]",
        "9:59 InvalidParameterValue: 10.0.2.16/28 isn't in the subnet's block 10.0.1.0/24",
    ),
    (
        "Ipv4Prefixes: [10.0.1.0/28]",
        "9:59 InvalidParameterValue: 10.0.1.0/28 has addresses of 10.0.1.0/24 that nobody may have",
    ),
    (
        "Ipv4Prefixes: [10.0.1.240/28]",
        "9:59 InvalidParameterValue: 10.0.1.240/28 has addresses of 10.0.1.0/24 that nobody may have",
    ),
    (
        "PrivateIpAddress: 10.0.1.20, Ipv4Prefixes: [10.0.1.16/28]",
        "9:88 InvalidIPAddress.InUse: an address of 10.0.1.16/28 is instance \"web-1\"'s",
    ),
    (
        "Ipv4Prefixes: [10.0.1.16/28, 10.0.1.16/28]",
        "9:73 InvalidIPAddress.InUse: an address of 10.0.1.16/28 is instance \"web-1\"'s",
    ),
    (
        "Ipv4Prefixes: [10.0.1.16/28] }\n      o: { subnet: web, namespace: o, PrivateIpAddress: 10.0.1.31",
        "10:57 InvalidIPAddress.InUse: 10.0.1.31 is instance \"web-1\"'s",
    ),
];

#[test]
fn a_delegated_prefix_is_a_28_or_an_80_that_is_nobody_elses() {
    let resolved = accept(&with_ipv6(
        "Ipv4Prefixes: [10.0.1.17/28, 10.0.1.32/28], Ipv6Prefixes: [\"2001:db8:a:1:1::/80\"]",
    ));
    let web = eni(&resolved, "web-1");
    let prefixes: Vec<_> = web.ipv4_prefixes.iter().map(ToString::to_string).collect();
    assert_eq!(prefixes, ["10.0.1.16/28", "10.0.1.32/28"]);
    assert_eq!(web.ipv6_prefixes[0].to_string(), "2001:db8:a:1:1::/80");
    assert_eq!(web.private_ip_addresses[0].to_string(), "10.0.1.4");
    for &(fields, expected) in WRONG_PREFIXES {
        check(&with_ipv6(fields), &[expected]);
    }
}

#[test]
fn an_automatic_address_is_outside_of_every_prefix() {
    let document = "vpcs: { v: { CidrBlock: 10.0.0.0/26, subnets: { s: { CidrBlock: 10.0.0.0/26 } }, instances: {";
    let instances: String = (0..14)
        .map(|n| format!("i{n}: {{ subnet: s, namespace: n{n} }}, "))
        .collect();
    let resolved = accept(&format!(
        "{document} p: {{ subnet: s, namespace: p, Ipv4Prefixes: [10.0.0.16/28] }}, {instances} }} }} }}"
    ));
    assert_eq!(eni(&resolved, "i10").private_ip_addresses[0].to_string(), "10.0.0.15");
    assert_eq!(eni(&resolved, "i11").private_ip_addresses[0].to_string(), "10.0.0.32");
}

#[test]
fn where_addresses_end_there_is_no_other() {
    // The VPC's block is refused, and its subnet is looked into all the same.
    let subnet = "CidrBlock: 255.255.0.0/16, subnets: { s: { CidrBlock: 255.255.255.240/28 } }";
    let instances: String = (0..12)
        .map(|n| format!("i{n}: {{ subnet: s, namespace: n{n} }}, "))
        .collect();
    let last = "last: { subnet: s, namespace: l, PrivateIpAddress: 255.255.255.255 }";
    let document = format!("vpcs: {{ v: {{ {subnet}, instances: {{ {instances}{last} }} }} }}");
    let problems = parse("x", document.as_bytes()).expect_err("problems").problems;
    assert!(
        problems
            .iter()
            .any(|problem| problem.code == Some("InsufficientFreeAddressesInSubnet"))
    );
}

#[test]
fn an_instance_has_50_addresses_and_prefixes_of_a_family() {
    let addresses = |count: usize| {
        let addresses: Vec<_> = (0..count).map(|n| format!("10.0.1.{}", n + 100)).collect();
        format!(
            "PrivateIpAddresses: [{}], Ipv4Prefixes: [10.0.1.16/28]",
            addresses.join(", ")
        )
    };
    accept(&with_ipv6(&addresses(49)));
    let exceeded =
        "9:7 PrivateIpAddressLimitExceeded: more than 50 addresses and prefixes of one family of an instance";
    check(&with_ipv6(&addresses(50)), &[exceeded]);
    accept(&with_ipv6("Ipv6AddressCount: 50"));
    check(
        &with_ipv6("Ipv6AddressCount: 51"),
        &["9:62 InvalidParameterValue: Ipv6AddressCount must be a number from 0 to 50, this is \"51\""],
    );
    check(
        &with_ipv6("Ipv6AddressCount: 50, Ipv6Prefixes: [\"2001:db8:a:1:1::/80\"]"),
        &[exceeded],
    );
}

/// IPv6 blocks of a VPC, and what is wrong with them.
const WRONG_IPV6_BLOCKS: &[(&str, &str)] = &[
    (
        "2001:db8::/40",
        "a VPC's IPv6 block is a /44, /48, /52, /56 or /60, this is a /40",
    ),
    (
        "2001:db8::/57",
        "a VPC's IPv6 block is a /44, /48, /52, /56 or /60, this is a /57",
    ),
    (
        "2001:db8::/64",
        "a VPC's IPv6 block is a /44, /48, /52, /56 or /60, this is a /64",
    ),
    ("fe80::/56", "fe80::/56 lies in fe80::/10, which no VPC may use"),
    ("ff02::/56", "ff02::/56 lies in ff00::/8, which no VPC may use"),
    ("::/56", "::/56 lies in ::/8, which no VPC may use"),
    (
        "fd00:ec2:1::/56",
        "fd00:ec2:1::/56 lies in fd00:ec2::/32, which no VPC may use",
    ),
];

#[test]
fn an_ipv6_block_is_one_that_aws_takes() {
    let vpc = |block: &str| format!("vpcs: {{ a: {{ CidrBlock: 10.0.0.0/16, Ipv6CidrBlock: \"{block}\" }} }}");
    for block in ["2001:db8::/44", "2001:db8::/48", "2001:db8::/60", "fd00:1::/56"] {
        accept(&vpc(block));
    }
    for &(block, message) in WRONG_IPV6_BLOCKS {
        check(&vpc(block), &[&format!("1:53 InvalidVpc.Range: {message}")]);
    }
    let subnet = |block: &str| with_ipv6("SourceDestCheck: true").replace("2001:db8:a:1::/64", block);
    for block in ["2001:db8:a::/56", "2001:db8:a:10::/60", "2001:db8:a:ff::/64"] {
        accept(&subnet(block));
    }
    for (block, message) in [
        (
            "2001:db8:a:1::/65",
            "InvalidSubnet.Range: a subnet's IPv6 block is a /64, or a /44 to a /60 in steps of 4, this is a /65",
        ),
        (
            "2001:db8:b:1::/64",
            "InvalidSubnet.Range: 2001:db8:b:1::/64 isn't inside the VPC's block 2001:db8:a::/56",
        ),
    ] {
        check(&subnet(block), &[&format!("6:53 {message}")]);
    }
    check(
        &with_ipv6("SourceDestCheck: true").replace("    Ipv6CidrBlock: 2001:db8:a::/56\n", ""),
        &["5:53 InvalidSubnet.Range: 2001:db8:a:1::/64 isn't inside the VPC, which has no IPv6 block"],
    );
    check(
        &with_ipv6("SourceDestCheck: true")
            .replace("10.0.2.0/24 }", "10.0.2.0/24, Ipv6CidrBlock: \"2001:db8:a::/60\" }"),
        &["7:52 InvalidSubnet.Conflict: 2001:db8:a::/60 overlaps 2001:db8:a:1::/64 of subnet \"web\""],
    );
}

/// Primary blocks, secondary ones, and the blocks these may not be in.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("10.2.0.0/16", "172.16.0.0/16", "172.16.0.0/12"),
    ("10.2.0.0/16", "192.168.0.0/16", "192.168.0.0/16"),
    ("10.2.0.0/16", "198.19.1.0/24", "198.19.0.0/16"),
    ("10.1.0.0/16", "10.0.1.0/24", "10.0.0.0/16"),
    ("10.0.0.0/24", "10.0.1.0/24", "10.0.0.0/16"),
    ("172.16.0.0/16", "10.0.0.0/16", "10.0.0.0/8"),
    ("172.16.0.0/16", "172.31.1.0/24", "172.31.0.0/16"),
    ("192.168.0.0/16", "172.20.0.0/16", "172.16.0.0/12"),
    ("198.19.0.0/24", "10.0.0.0/16", "10.0.0.0/8"),
    ("20.0.0.0/16", "192.168.0.0/16", "192.168.0.0/16"),
    ("100.64.0.0/16", "198.19.0.0/16", "198.19.0.0/16"),
];

#[test]
fn a_secondary_block_may_join_where_aws_lets_it() {
    for (primary, secondary) in [
        ("10.2.0.0/16", "10.64.0.0/16"),
        ("10.2.0.0/16", "100.64.0.0/16"),
        ("10.2.0.0/16", "20.0.0.0/16"),
        ("10.2.0.0/16", "100.64.0.0/16, 10.3.0.0/16"),
        ("172.16.0.0/16", "172.17.0.0/16"),
        ("192.168.0.0/24", "192.168.1.0/24"),
        ("198.19.0.0/24", "100.64.0.0/16"),
        ("100.64.0.0/16", "100.65.0.0/16, 20.0.0.0/16"),
    ] {
        accept(&joined(primary, secondary));
    }
    for &(primary, secondary, forbidden) in FORBIDDEN {
        let message = format!("{secondary} can't join {primary}: beside it, nothing may be in {forbidden}");
        let column = 49 + primary.len();
        check(
            &joined(primary, secondary),
            &[&format!("1:{column} InvalidVpc.Range: {message}")],
        );
    }
    check(
        &joined("10.2.0.0/16", "10.2.1.0/24"),
        &["1:60 InvalidVpc.Range: 10.2.1.0/24 overlaps the VPC's block 10.2.0.0/16"],
    );
    check(
        &joined("10.2.0.0/16", "10.4.0.0/15"),
        &["1:60 InvalidVpc.Range: a VPC's block is a /16 to a /28, this is a /15"],
    );
}

#[test]
fn a_subnet_may_be_in_any_block_of_its_vpc() {
    let document = |block: &str| {
        small("10.0.2.0/24", block).replace(
            "    subnets:\n",
            "    SecondaryCidrBlocks: [100.64.0.0/16]\n    subnets:\n",
        )
    };
    accept(&document("100.64.1.0/24"));
    check(
        &document("100.65.1.0/24"),
        &["7:24 InvalidSubnet.Range: 100.65.1.0/24 isn't inside one of the VPC's blocks 10.0.0.0/16, 100.64.0.0/16"],
    );
}

/// Fields of an instance, and what is wrong with them.
const WRONG_NUMBERS: &[(&str, &str)] = &[
    (
        "InterfaceType: efa",
        "InterfaceType must be interface, natGateway, vpc_endpoint, network_load_balancer, load_balancer, gateway_load_balancer, gateway_load_balancer_endpoint, transit_gateway, api_gateway_managed, lambda or other, this is \"efa\"",
    ),
    (
        "ConnectionTracking: { TcpEstablishedTimeout: 59 }",
        "TcpEstablishedTimeout must be a number from 60 to 432000, this is \"59\"",
    ),
    (
        "ConnectionTracking: { TcpEstablishedTimeout: 432001 }",
        "TcpEstablishedTimeout must be a number from 60 to 432000, this is \"432001\"",
    ),
    (
        "ConnectionTracking: { UdpStreamTimeout: 181 }",
        "UdpStreamTimeout must be a number from 60 to 180, this is \"181\"",
    ),
    (
        "ConnectionTracking: { UdpTimeout: 29 }",
        "UdpTimeout must be a number from 30 to 60, this is \"29\"",
    ),
    (
        "allowance: { connections: 0 }",
        "connections must be a number from 1 to 16777216, this is \"0\"",
    ),
];

#[test]
fn an_eni_has_timeouts_an_allowance_and_a_type() {
    let resolved = accept(&with_ipv6(
        "InterfaceType: lambda, ConnectionTracking: { TcpEstablishedTimeout: 60, UdpTimeout: 60 }, allowance: { connections: 7, first_packets_burst: 9 }",
    ));
    let web = eni(&resolved, "web-1");
    assert!(web.interface_type.is_automatically_tracked());
    let tracking = web.connection_tracking;
    let timeouts = (
        tracking.tcp_established_timeout,
        tracking.udp_stream_timeout,
        tracking.udp_timeout,
    );
    assert_eq!(timeouts, (60, 180, 60));
    let allowance = web.allowance;
    let allowed = (
        allowance.connections,
        allowance.first_packets,
        allowance.first_packets_burst,
    );
    assert_eq!(allowed, (7, 10_000, 9));
    for &(fields, message) in WRONG_NUMBERS {
        let problems = parse("x", with_ipv6(fields).as_bytes()).expect_err("a problem");
        let line = lines(&problems).concat();
        assert!(line.ends_with(&format!("InvalidParameterValue: {message}")), "{line}");
    }
}
