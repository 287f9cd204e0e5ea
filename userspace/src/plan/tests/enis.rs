//! Rows of ENIs, subnets, addresses.

use super::*;
use groundplane_abi::eni::{AddressKey, eni_flag};
use groundplane_abi::{GroupSetId, Ip, NaclId, RouteTableId, SubnetId, VpcId};

fn ip4(text: &str) -> Ip4 {
    text.parse::<std::net::Ipv4Addr>().expect("an address").into()
}

fn ip6(text: &str) -> Ip6 {
    text.parse::<std::net::Ipv6Addr>().expect("an address").into()
}

fn owner<I: Family>(plan: &Plan, vpc: &str, address: I, prefix_len: u8) -> Option<Device> {
    let vpc = VpcId(number(vpc));
    let bank = Bank(0);
    let key = AddressKey { bank, vpc, address };
    let row = I::rows(plan).addresses.get(&(key, prefix_len));
    row.map(|row| row.device)
}

#[test]
fn vpcs_with_the_same_blocks_share_no_row() {
    let plan = plan_of(|_| ());
    for (vpc, last, device) in [
        ("blue", 10, Device(20)),
        ("blue", 11, Device(21)),
        ("green", 10, Device(30)),
        ("green", 11, Device(31)),
    ] {
        assert_eq!(owner(&plan, vpc, Ip4([10, 0, 1, last]), 32), Some(device));
        let address = ip6(&format!("2001:db8:a:1::{last:x}"));
        assert_eq!(owner(&plan, vpc, address, 128), Some(device));
        let key = MacKey {
            bank: Bank(0),
            subnet: SubnetId(number(&format!("subnet-{vpc}"))),
            mac: Mac([2, 0, 0, 0, 0, last]),
            reserved: 0,
        };
        assert_eq!(plan.macs.get(&key), Some(&device));
    }
    assert_eq!(
        (plan.ip4.addresses.len(), plan.ip6.addresses.len(), plan.macs.len()),
        // Two are the blocks of the VPCs.
        (6, 6, 4)
    );
}

#[test]
fn every_address_and_every_delegated_prefix_of_an_eni_leads_to_it() {
    let plan = plan_of(|resources| {
        let eni = &mut resources.network_interfaces[0];
        eni.private_ip_addresses.push([10, 0, 1, 99].into());
        eni.ipv4_prefixes.push("10.0.1.64/28".parse().expect("a block"));
        eni.ipv6_addresses.push("2001:db8:a:1::99".parse().expect("an address"));
        eni.ipv6_prefixes.push("2001:db8:a:1:7::/80".parse().expect("a block"));
    });
    let device = Some(Device(20));
    assert_eq!(owner(&plan, "blue", ip4("10.0.1.10"), 32), device);
    assert_eq!(owner(&plan, "blue", ip4("10.0.1.99"), 32), device);
    assert_eq!(owner(&plan, "blue", ip4("10.0.1.64"), 28), device);
    assert_eq!(owner(&plan, "blue", ip6("2001:db8:a:1::a"), 128), device);
    assert_eq!(owner(&plan, "blue", ip6("2001:db8:a:1::99"), 128), device);
    assert_eq!(owner(&plan, "blue", ip6("2001:db8:a:1:7::"), 80), device);
    assert_eq!(owner(&plan, "green", ip4("10.0.1.64"), 28), None);
}

#[test]
fn a_subnet_points_to_its_own_vpcs_tables() {
    let plan = plan_of(|resources| resources.subnets[1].ipv6_cidr_block = None);
    for (vpc, network6, prefix_len6) in [("blue", ip6("2001:db8:a:1::"), 64), ("green", Ip6::UNSPECIFIED, 0)] {
        let expected = SubnetEntry {
            vpc: VpcId(number(vpc)),
            route_table: RouteTableId(number(&format!("rtb-{vpc}"))),
            nacl: NaclId(number(&format!("acl-{vpc}"))),
            network: ip4("10.0.1.0"),
            resolver: ip4("10.0.0.2"),
            network6,
            prefix_len: 24,
            prefix_len6,
            scope: plan.scopes[vpc],
            zone: plan.subnets.values().map(|subnet| subnet.zone).max().unwrap(),
            flags: 0,
        };
        let key = SubnetKey {
            bank: Bank(0),
            subnet: SubnetId(number(&format!("subnet-{vpc}"))),
        };
        assert_eq!(plan.subnets.get(&key), Some(&expected));
    }
    assert_eq!(plan.subnets.len(), 2);
}

#[test]
fn an_eni_says_how_long_it_remembers_and_how_much() {
    let plan = plan_of(|resources| {
        let eni = &mut resources.network_interfaces[0];
        eni.connection_tracking = ConnectionTracking {
            tcp_established_timeout: 350,
            udp_stream_timeout: 61,
            udp_timeout: 31,
        };
        eni.allowance = Allowance {
            connections: 5,
            first_packets: 6,
            first_packets_burst: 7,
        };
    });
    let bank = Bank(0);
    let expected = EniEntry {
        vpc: VpcId(number("blue")),
        subnet: SubnetId(number("subnet-blue")),
        group_set: GroupSetId(number("sg-blue")),
        mac: Mac([2, 0, 0, 0, 0, 10]),
        flags: eni_flag::SOURCE_DEST_CHECK,
        tcp_established_timeout: 350,
        udp_stream_timeout: 61,
        udp_timeout: 31,
        connections: 5,
        first_packets: 6,
        first_packets_burst: 7,
    };
    let device = Device(20);
    assert_eq!(plan.enis.get(&EniKey { bank, device }), Some(&expected));
    let device = Device(21);
    let other = plan.enis[&EniKey { bank, device }];
    assert_eq!(
        (
            other.tcp_established_timeout,
            other.udp_stream_timeout,
            other.udp_timeout
        ),
        (432_000, 180, 30)
    );
}

#[test]
fn flags_say_tap_source_check_and_automatic_tracking() {
    use eni_flag::{AUTOMATICALLY_TRACKED, SOURCE_DEST_CHECK, TAP};
    for (kind, source_dest_check, interface_type, flags) in [
        (GuestKind::Veth, true, InterfaceType::Interface, SOURCE_DEST_CHECK),
        (GuestKind::Veth, false, InterfaceType::Interface, 0),
        (GuestKind::Tap, true, InterfaceType::Interface, SOURCE_DEST_CHECK | TAP),
        (
            GuestKind::Tap,
            false,
            InterfaceType::Lambda,
            TAP | AUTOMATICALLY_TRACKED,
        ),
    ] {
        let device = Device(5);
        let plan = plan_after(|resources, bindings| {
            resources.network_interfaces[0].source_dest_check = source_dest_check;
            resources.network_interfaces[0].interface_type = interface_type;
            bindings.insert("eni-blue-10".into(), Binding { device, kind });
        });
        let bank = Bank(0);
        assert_eq!(plan.expect("a plan").enis[&EniKey { bank, device }].flags, flags);
    }
}

#[test]
fn an_address_in_the_enis_own_prefix_is_a_row_of_its_own() {
    let plan = plan_of(|resources| {
        let eni = &mut resources.network_interfaces[0];
        eni.ipv4_prefixes.push("10.0.1.0/28".parse().expect("a block"));
        resources.network_interfaces[1].private_ip_addresses = vec![[10, 0, 1, 16].into()];
    });
    // And one of the block of each VPC.
    assert_eq!(plan.ip4.addresses.len(), 7);
    assert_eq!(
        owner(&plan, "blue", ip4("10.0.1.10"), Ip4::BITS as u8),
        Some(Device(20))
    );
}
