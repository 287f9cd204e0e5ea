//! Several uplinks: which one a packet leaves by, and which one answers for what is ours. AWS knows nothing of them, so
//! that these are Groundplane's own promises.

use groundplane::plan::{Lead, UplinkRows};
use groundplane::simulate::SliceFrame;
use groundplane_abi::flow::kind;
use groundplane_abi::uplink::{UplinkEntry, uplink_flag};
use groundplane_abi::{Device, DropReason, Mac};
use groundplane_datapath::uplink;
use groundplane_tests::packet::{Packet, Parsed, ROUTER, flag};
use groundplane_tests::topology::{OUTSIDE, Topology, address};
use groundplane_tests::twin::{Heard, Twin};

const REST: Device = Device(1);
const NEAR: Device = Device(2);
const NEARER: Device = Device(3);

const fn entry(device: Device) -> UplinkEntry {
    UplinkEntry {
        device,
        flags: uplink_flag::ANSWERS_ARP,
        mac: Mac([2, 0, 0, 0, 9, device.0 as u8]),
        peer_mac: Mac([0; 6]),
        cutter: Device::NONE,
    }
}

/// Behind one device is a part of the outside, behind another a part of that, and behind the first all the rest.
fn rows(nearer: UplinkEntry) -> UplinkRows {
    let near = ["192.0.0.0/16", "2001:db8:c::/48"].map(|block| block.parse().expect("a block"));
    let nearer_blocks = ["192.0.2.0/24", "2001:db8:c:7::/64"].map(|block| block.parse().expect("a block"));
    let lead = |slot, entry, destinations| Lead {
        slot,
        entry,
        destinations,
    };
    UplinkRows::of(&[
        lead(0, entry(REST), &[]),
        lead(1, entry(NEAR), &near),
        lead(5, nearer, &nearer_blocks),
    ])
}

fn room() -> (Topology, Twin) {
    let mut topology = Topology::t0();
    topology.route_out("APUB", "::/0", "igw-A");
    let mut twin = Twin::new(&topology);
    twin.set_uplinks(rows(entry(NEARER)));
    (topology, twin)
}

fn leave(topology: &Topology, twin: &mut Twin, dst: &str, flags: u8) -> Heard {
    let guest = topology.guest("p1");
    let src = if dst.contains(':') {
        "2001:db8:a:10::10"
    } else {
        "10.0.10.10"
    };
    let packet = Packet::tcp().flags(flags).from_mac(guest.mac).to_mac(ROUTER);
    let packet = packet.ip_from(address(src), 4000).ip_to(address(dst), 443);
    twin.send(guest.device, &packet.build(), false).0
}

/// What a frame leaves by that has left.
fn by(twin: &Twin, heard: Heard) -> Device {
    match heard {
        Heard::Left(frame) => twin.tables().uplink_of(&SliceFrame::new(frame)).device,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_longest_destination_says_by_which_uplink_a_packet_leaves() {
    let (topology, mut twin) = room();
    for (dst, device) in [
        (OUTSIDE[0], REST),
        (OUTSIDE[1], REST),
        ("192.0.1.255", NEAR),
        ("192.0.2.0", NEARER),
        ("192.0.2.255", NEARER),
        ("192.0.3.0", NEAR),
        ("192.1.0.0", REST),
        ("2001:db8:c::1", NEAR),
        ("2001:db8:c:7::1", NEARER),
        ("2001:db8:c:8::1", NEAR),
        ("2001:db8:d::1", REST),
    ] {
        let heard = leave(&topology, &mut twin, dst, flag::SYN);
        assert_eq!(by(&twin, heard), device, "{dst}");
    }
}

#[test]
fn what_leads_elsewhere_from_now_on_takes_established_flows_along() {
    let (topology, mut twin) = room();
    let syn = leave(&topology, &mut twin, "192.0.2.7", flag::SYN);
    assert_eq!(by(&twin, syn), NEARER);
    let all_the_same = Lead {
        slot: 0,
        entry: entry(REST),
        destinations: &[],
    };
    twin.set_uplinks(UplinkRows::of(&[all_the_same]));
    let ack = leave(&topology, &mut twin, "192.0.2.7", flag::ACK);
    assert_eq!(by(&twin, ack), REST);
}

#[test]
fn what_would_leave_by_a_device_that_is_gone_is_dropped_and_the_rest_is_not() {
    let (topology, mut twin) = room();
    twin.set_uplinks(rows(UplinkEntry::default()));
    for dst in ["192.0.2.7", "2001:db8:c:7::1"] {
        let heard = leave(&topology, &mut twin, dst, flag::SYN);
        assert_eq!(heard, Heard::Dropped(DropReason::NO_UPLINK), "{dst}");
    }
    for (dst, device) in [(OUTSIDE[0], REST), ("192.0.3.1", NEAR)] {
        let heard = leave(&topology, &mut twin, dst, flag::SYN);
        assert_eq!(by(&twin, heard), device, "{dst}");
    }
}

#[test]
fn a_way_to_some_leads_nowhere_else() {
    let (topology, mut twin) = room();
    let only = Lead {
        slot: 0,
        entry: entry(NEAR),
        destinations: &["192.0.2.0/24".parse().expect("a block")],
    };
    twin.set_uplinks(UplinkRows::of(&[only]));
    let heard = leave(&topology, &mut twin, "192.0.2.7", flag::SYN);
    assert_eq!(by(&twin, heard), NEAR);
    for dst in OUTSIDE {
        let heard = leave(&topology, &mut twin, dst, flag::SYN);
        assert_eq!(heard, Heard::Dropped(DropReason::NO_UPLINK), "{dst}");
    }
}

#[test]
fn each_answers_for_public_addresses_by_its_own_mac() {
    let (_, twin) = room();
    let asker = [2, 0, 0, 0, 0, 9];
    let requests = [
        Packet::arp_request(asker, [192, 0, 2, 7], [203, 0, 113, 10]),
        Packet::neighbour_solicitation(asker, six("2001:db8:c::9"), six("2001:db8:a:10::10")),
    ];
    for request in requests {
        for device in [REST, NEAR, NEARER] {
            let mut frame = SliceFrame {
                device,
                ..SliceFrame::new(request.build())
            };
            let verdict = twin.tables().send(Device::INTERNET, &mut frame);
            assert_eq!(verdict.reason, DropReason::NONE);
            assert_eq!(frame.bytes.get(6..12), Some(&entry(device).mac.0[..]), "{device:?}");
        }
        // A device that is no uplink of ours, such as one that has just ceased to be.
        let mut frame = SliceFrame {
            device: Device(9),
            ..SliceFrame::new(request.build())
        };
        let verdict = twin.tables().send(Device::INTERNET, &mut frame);
        assert!(!verdict.is_drop(), "it is the host's");
        assert_eq!(frame.bytes, request.build());
    }
}

fn six(text: &str) -> [u8; 16] {
    let address: std::net::Ipv6Addr = text.parse().expect("an address");
    address.octets()
}

/// Semantics 23: the internet takes 1500 bytes, and what may be fragmented is. The verdict says so of whatever is
/// larger, and of nothing else, be its connection new or known.
#[test]
fn what_is_larger_than_1500_bytes_leaves_by_way_of_the_cutter() {
    let topology = Topology::t0();
    let twin = Twin::new(&topology);
    let guest = topology.guest("p1");
    let verdict = |len: usize| {
        let packet = Packet::udp()
            .payload(&vec![7; len - 28])
            .from_mac(guest.mac)
            .to_mac(ROUTER);
        let packet = packet.ip_from(guest.ip, 4000).ip_to(address(OUTSIDE[0]), 53);
        let mut frame = SliceFrame::new(packet.build());
        let verdict = twin.tables().send(guest.device, &mut frame);
        assert_eq!(verdict.kind, kind::UPLINK, "{len}");
        let left = Parsed::read(&frame.bytes).expect("every checksum is right");
        (verdict.mtu, left.destination_mac == Mac::CUTTER.0, left.ttl)
    };
    for _ in 0..2 {
        assert_eq!(verdict(1500), (0, false, 64));
        assert_eq!(verdict(1501), (1500, true, 65));
        assert_eq!(verdict(9001), (1500, true, 65));
    }
}

/// A kernel takes one off the TTL where it forwards.
#[test]
fn what_goes_to_the_cutter_has_one_more_hop_to_live() {
    for (ttl, raised) in [(0, 1), (1, 2), (64, 65), (127, 128), (254, 255), (255, 255)] {
        let packet = Packet::udp().ttl(ttl).ip_from([203, 0, 113, 10], 4000);
        let mut frame = SliceFrame::new(packet.ip_to([198, 51, 100, 7], 53).build());
        uplink::to_cutter(&mut frame).expect("it is long enough");
        let parsed = Parsed::read(&frame.bytes).expect("every checksum is right");
        assert_eq!(parsed.ttl, raised, "{ttl}");
    }
}
