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
fn packets_leave_by_one_uplink() {
    check_uplink(
        "out: { kind: host }\n  wan: { device: eth0 }",
        &["13:3 packets leave by one uplink, and there is another one already"],
    );
    let sources = [
        Source::new("a.yaml", uplinks("out: { kind: host }").as_bytes()),
        Source::new("b.yaml", b"uplinks: { wan: { device: eth0 } }".as_slice()),
    ];
    let problems = read(&sources, None).expect_err("two uplinks");
    assert_eq!(
        lines(&problems),
        ["1:12 packets leave by one uplink, and there is another one already"]
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
