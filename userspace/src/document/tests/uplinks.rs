//! Uplinks: which there may be, what goes without saying, and what is in the way of whom.

use super::*;

fn uplinks(uplinks: &str) -> String {
    format!("{SMALL}uplinks:\n  {uplinks}\n")
}

/// Checks the problems of an uplink, which stands on line 12.
fn check_uplink(uplink: &str, expected: &[&str]) {
    check(&uplinks(uplink), expected);
}

fn uplink(text: &str) -> Uplink {
    let resolved = accept(&uplinks(text));
    let [uplink] = &*resolved.uplinks else {
        panic!("{:?}", resolved.uplinks)
    };
    uplink.clone()
}

#[test]
fn a_host_is_somebody_on_the_internet_unless_it_says_who() {
    let host = |address: &str, ipv6_address: &str| Uplink {
        name: "out".to_owned(),
        kind: UplinkKind::Host {
            address: address.parse().unwrap(),
            ipv6_address: ipv6_address.parse().unwrap(),
        },
    };
    assert_eq!(uplink("out: { kind: host }"), host("198.18.0.1", "2001:2::1"));
    let own = "out: { kind: host, address: 192.0.2.1, ipv6_address: \"2001:db8:1::1\" }";
    assert_eq!(uplink(own), host("192.0.2.1", "2001:db8:1::1"));
    assert_eq!(accept(SMALL).uplinks, []);
}

#[test]
fn a_device_answers_for_public_addresses_unless_somebody_routes_them() {
    let device = |announce| Uplink {
        name: "wan".to_owned(),
        kind: UplinkKind::Device {
            device: "eth0".to_owned(),
            announce,
            xdp: Xdp::Off,
            destinations: Vec::new(),
        },
    };
    assert_eq!(uplink("wan: { device: eth0 }"), device(Announce::Arp));
    assert_eq!(uplink("wan: { device: eth0, announce: arp }"), device(Announce::Arp));
    assert_eq!(
        uplink("wan: { device: eth0, announce: route }"),
        device(Announce::Route)
    );
}

#[test]
fn a_device_has_a_filter_if_it_is_asked_for() {
    for (word, xdp) in Xdp::WORDS {
        let UplinkKind::Device { xdp: found, .. } = uplink(&format!("wan: {{ device: eth0, xdp: {word} }}")).kind
        else {
            panic!("it is a device")
        };
        assert_eq!((found, found.word()), (xdp, word));
    }
    check_uplink(
        "out: { device: eth0, xdp: on }",
        &["12:29 InvalidParameterValue: xdp must be off, native or generic, this is \"on\""],
    );
    check_uplink(
        "out: { kind: host, xdp: native }",
        &["12:22 InvalidParameterCombination: uplink \"out\" is the host itself, and has no xdp"],
    );
}

#[test]
fn an_uplink_is_the_host_or_a_device_and_nothing_of_both() {
    check_uplink("out: {}", &["12:3 MissingParameter: uplink \"out\" is missing kind"]);
    check_uplink(
        "out: { kind: device }",
        &["12:16 InvalidParameterValue: kind must be host, this is \"device\""],
    );
    check_uplink(
        "out: { kind: host, device: eth0 }",
        &["12:22 InvalidParameterCombination: uplink \"out\" is the host itself, and has no device"],
    );
    check_uplink(
        "out: { device: eth0, address: 192.0.2.1 }",
        &["12:24 InvalidParameterCombination: uplink \"out\" is a device, and has no address"],
    );
    check_uplink(
        "out: { device: eth0, announce: bgp }",
        &["12:34 InvalidParameterValue: announce must be arp or route, this is \"bgp\""],
    );
    check_uplink(
        "out: { kind: host, mtu: 1 }",
        &["12:22 uplink \"out\" has no field \"mtu\""],
    );
    check_uplink("out: { device: a/b }", &["12:18 \"a/b\" can't be the name of a device"]);
}

#[test]
fn the_host_as_uplink_stands_alone() {
    const ALONE: &str = "an uplink that is the host itself stands alone, and there is another one";
    for pair in [
        ["out: { kind: host }", "wan: { device: eth0 }"],
        ["wan: { device: eth0 }", "out: { kind: host }"],
        ["out: { kind: host }", "way: { kind: host }"],
    ] {
        check_uplink(&pair.join("\n  "), &[&format!("13:3 {ALONE}")]);
    }
    let sources = [
        Source::new("a.yaml", uplinks("out: { kind: host }").as_bytes()),
        Source::new("b.yaml", b"uplinks: { wan: { device: eth0 } }".as_slice()),
    ];
    let problems = read(&sources, None).expect_err("two uplinks");
    assert_eq!(lines(&problems), [format!("1:12 {ALONE}")]);
    let said = problems.to_string();
    assert!(said.contains("a.yaml:12:3") && said.contains("b.yaml:1:12"), "{said}");
}

#[test]
fn several_devices_each_have_their_destinations_and_one_has_the_rest() {
    let text = "wan: { device: eth0 }\n  lan: { device: eth1, destinations: [198.51.100.7/24, \"2001:db8:f::/48\", 0.0.0.0/0] }";
    let resolved = accept(&uplinks(text));
    let destinations = |name: &str| {
        let found = resolved.uplinks.iter().find(|uplink| uplink.name == name);
        match found.map(|uplink| &uplink.kind) {
            Some(UplinkKind::Device { destinations, .. }) => destinations.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(destinations("wan"), [""; 0]);
    let blocks: Vec<String> = destinations("lan");
    assert_eq!(blocks, ["198.51.100.0/24", "2001:db8:f::/48", "0.0.0.0/0"]);
    // One that leads to some is enough for those who want nothing else.
    accept(&uplinks("lan: { device: eth1, destinations: [198.51.100.0/24] }"));
}

#[test]
fn what_leaves_leaves_by_exactly_one_of_several() {
    check_uplink(
        "wan: { device: eth0 }\n  lan: { device: eth1 }",
        &["13:3 MissingParameter: uplink \"lan\" has no destinations, and neither has another one"],
    );
    check_uplink(
        "wan: { device: eth0, destinations: [0.0.0.0/0] }\n  lan: { device: eth1, destinations: [\"::/0\"] }",
        &["13:3 every uplink has destinations, and none is for what leaves by no other"],
    );
    check_uplink(
        "wan: { device: eth0 }\n  lan: { device: eth0, destinations: [198.51.100.0/24] }",
        &["13:18 device \"eth0\" is another uplink's already"],
    );
    check_uplink(
        "wan: { device: eth0 }\n  lan: { device: eth1, destinations: [198.51.100.0/24] }\n  \
         far: { device: eth2, destinations: [198.51.100.1/24] }",
        &["14:39 RouteAlreadyExists: 198.51.100.0/24 is among the destinations of an uplink already"],
    );
    check_uplink(
        "wan: { device: eth0, destinations: [198.51.100.0/24, 198.51.100.0/24] }",
        &["12:56 RouteAlreadyExists: 198.51.100.0/24 is among the destinations of an uplink already"],
    );
    let many = |count: usize| {
        let leads = (1..count).map(|n| format!("  lan{n}: {{ device: eth{n}, destinations: [198.51.100.{n}/32] }}\n"));
        format!("wan: {{ device: eth0 }}\n{}", leads.collect::<String>())
    };
    accept(&uplinks(&many(8)));
    check_uplink(&many(9), &["20:3 more than 8 uplinks in a document"]);
}

#[test]
fn destinations_are_blocks_of_a_device() {
    check_uplink(
        "wan: { device: eth0, destinations: [198.51.100.0/33] }",
        &[
            "12:39 InvalidParameterValue: destinations must be a block such as 10.0.0.0/16 or 2001:db8:a::/56, this is \
           \"198.51.100.0/33\"",
        ],
    );
    check_uplink(
        "wan: { device: eth0, destinations: [198.51.100.1] }",
        &[
            "12:39 InvalidParameterValue: destinations must be a block such as 10.0.0.0/16 or 2001:db8:a::/56, this is \
           \"198.51.100.1\"",
        ],
    );
    accept(&uplinks("wan: { device: eth0, destinations: [] }"));
    check_uplink(
        "wan: { device: eth0, destinations: 198.51.100.0/24 }",
        &["12:38 destinations must be a list, this is \"198.51.100.0/24\""],
    );
    let many: Vec<_> = (0..=1024).map(|n| format!("10.{}.{}.0/24", n / 256, n % 256)).collect();
    let problems = parse(
        "a.yaml",
        uplinks(&format!("wan: {{ device: eth0, destinations: [{}] }}", many.join(", "))).as_bytes(),
    );
    let problems = problems.expect_err("too many");
    assert!(
        problems
            .to_string()
            .contains("more than 1024 destinations of an uplink"),
        "{problems}"
    );
    check_uplink(
        "out: { kind: host, destinations: [198.51.100.0/24] }",
        &["12:22 InvalidParameterCombination: uplink \"out\" is the host itself, and has no destinations"],
    );
}

#[test]
fn the_host_is_where_nobody_else_can_be() {
    for private in [
        "10.1.1.1",
        "172.16.0.1",
        "192.168.7.1",
        "100.64.0.1",
        "169.254.1.1",
        "127.0.0.1",
        "0.0.0.1",
        "224.0.0.1",
    ] {
        check_uplink(
            &format!("out: {{ kind: host, address: {private} }}"),
            &[&format!(
                "12:31 InvalidParameterValue: {private} is no address of the internet's, so the host can't be there"
            )],
        );
    }
    for local in ["fe80::1", "::1", "ff02::1"] {
        check_uplink(
            &format!("out: {{ kind: host, ipv6_address: \"{local}\" }}"),
            &[&format!(
                "12:36 InvalidParameterValue: {local} is no address of the internet's, so the host can't be there"
            )],
        );
    }
    let of_a_vpc = "vpcs: { a: { CidrBlock: 198.18.0.0/16 } }\nuplinks: { out: { kind: host } }\n";
    check(
        of_a_vpc,
        &["2:12 InvalidParameterValue: 198.18.0.1 is in a block of a VPC, so the host can't be there"],
    );
    let elastic = "addresses: { front: { PublicIp: 198.18.0.1, Domain: vpc } }\n";
    let document = uplinks("out: { kind: host }") + elastic;
    check(
        &document,
        &[
            "12:3 InvalidParameterValue: 198.18.0.1 is a public address of the configuration, so the host can't be there",
        ],
    );
}

#[test]
fn a_device_that_leads_out_leads_to_no_guest_and_is_there() {
    let behind = small(INSTANCE, "{ subnet: web, device: eth0 }");
    check(
        &format!("{behind}uplinks: {{ wan: {{ device: eth0 }} }}\n"),
        &["11:27 device \"eth0\" is instance \"web-1\"'s"],
    );
    let source = Source::new("a.yaml", uplinks("wan: { device: eth0 }").as_bytes());
    let problems = read(std::slice::from_ref(&source), Some(&Host::default())).expect_err("no eth0");
    assert_eq!(lines(&problems), ["12:18 this host has no network device \"eth0\""]);
    let host = Host {
        devices: vec!["eth0".to_owned()],
        ..Host::default()
    };
    assert!(read(std::slice::from_ref(&source), Some(&host)).is_ok());
}
